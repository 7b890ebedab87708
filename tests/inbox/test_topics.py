"""What a reply is about."""

import time

import pytest

from nurture.inbox.topics import topic_of
from nurture.vocabulary import ReplyTopic

REFERRAL, MEETING, ADDRESS = ReplyTopic.REFERRAL, ReplyTopic.MEETING, ReplyTopic.ADDRESS_CHANGE
QUESTION, THANKS, OTHER = ReplyTopic.QUESTION, ReplyTopic.THANKS, ReplyTopic.OTHER


@pytest.mark.parametrize(
    ("words", "topic"),
    [
        ("Can you see one of my patients with a frozen shoulder next week?", REFERRAL),
        ("I'd like to refer a runner with shin pain to you. Thanks!", REFERRAL),
        ("We have a player with an ankle sprain, do you take our insurance?", REFERRAL),
        ("May I send you a runner with a sore knee?", REFERRAL),
        ("We'd love to send over one of our dancers, her hip clicks.", REFERRAL),
        ("Can I send you the runner-up list?", QUESTION),
        ("¿Puedo enviarles a un paciente con dolor lumbar?", REFERRAL),
        ("Nehmen Sie noch neue Patienten?", REFERRAL),
        ("Puis-je vous adresser une patiente ?", REFERRAL),
        ("Could we meet for coffee on Thursday?", MEETING),
        ("Please call me at 555-0144", MEETING),
        ("¿Podemos tener una reunión la próxima semana?", MEETING),
        ("Können wir uns zu einem Termin treffen?", MEETING),
        ("Please use my new email address, lee@other.example", ADDRESS),
        ("Jim no longer works here, contact Ann Bell instead.", ADDRESS),
        ("Unsere neue E-Mail-Adresse: praxis@neu.example", ADDRESS),
        ("Cambié de correo, el nuevo correo es a@b.example", ADDRESS),
        ("What are your opening hours?", QUESTION),
        ("駐車場はありますか？", QUESTION),
        ("Thanks!", THANKS),
        ("Thank you so much, great newsletter.\n\nMaria", THANKS),
        ("Vielen Dank für die Tipps", THANKS),
        ("¡Muchas gracias!", THANKS),
        ("Merci beaucoup", THANKS),
        ("We close over the holidays and open again on the 4th.", OTHER),
        ("", OTHER),
    ],
)
def test_topics(words, topic):
    assert topic_of(words, opt_out=False) is topic


@pytest.mark.parametrize(
    "words",
    [
        "Thanks, but the exercises made it worse.",
        "Thank you. My knee still hurts and I need help",
        "Thanks! Please send the other sheet, too",
        "Gracias, pero me duele más",
        "Danke, aber es tut noch weh",
        "Merci, mais j'ai encore mal",
        "Thanks, is it open on Friday?",
        "Thanks. " + "I wanted to tell you how the season went for us this year. " * 4,
    ],
)
def test_more_than_thanks_waits_for_an_answer(words):
    assert topic_of(words, opt_out=False) is not THANKS


def test_a_wish_to_leave_is_judged_elsewhere():
    assert topic_of("Please remove me. Could we meet?", opt_out=True) is ReplyTopic.STOP
    assert topic_of("Please stop by on Tuesday", opt_out=False) is MEETING


@pytest.mark.parametrize("text", ["a " * 200_000, "send you a " * 50_000, "new " * 100_000 + "x", "\x00@" * 300_000])
def test_long_text_costs_little(text):
    start = time.process_time()
    topic_of(text, opt_out=False)
    assert time.process_time() - start < 1
