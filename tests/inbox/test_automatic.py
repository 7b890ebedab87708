"""Machines and people write alike; what tells them from each other."""

from datetime import date

import pytest

from nurture.inbox.judging import judge_octets
from nurture.vocabulary import MailKind


def mail(subject, words, **fields):
    head = {
        "From": "Pat Doe <pat.doe@partner.example>",
        "To": "Hill Street PT <news@clinic.example>",
        "Date": "Mon, 14 Sep 2026 09:12:33 -0400",
        "In-Reply-To": "<4f1c9e70@mail.clinic.example>",
        "Subject": subject,
        "Content-Type": "text/plain; charset=utf-8",
    }
    head.update({name.replace("_", "-"): value for name, value in fields.items()})
    lines = [f"{name}: {value}" for name, value in head.items() if value is not None]
    return "\n".join([*lines, "", words, ""]).encode()


MACHINES = [
    ("AUTO: Pat Doe is out of the office (returning 09/21/2026)", "I am out of the office until 09/21/2026.", {}),
    ("Re: News", "I am on leave and back on 28 September.", {"X_Autorespond": "News"}),
    ("Re: News", "Away for a while.", {"Precedence": "auto_reply"}),
    ("Out of Office Re: News", "I will be out.", {"X_Mailer": "vacation 1.2"}),
    ("Re: News", "Thanks, we answer soon.", {"Auto_Submitted": 'auto-replied; owner-email="x@y.example"'}),
    ("New voicemail", "You have one.", {"Auto_Submitted": "auto-notified"}),
    ("Re: News", "I am currently on parental leave.", {"Return_Path": "<>"}),
    ("Abwesend: Workshop", "Ich bin bis 25. September nicht im Büro.", {}),
    ("Absence du bureau : Atelier", "Je suis en congés jusqu'au 25/09/2026.", {}),
    ("Frånvaro: Workshop", "Jag är på semester t.o.m. 25 september.", {}),
    ("Автоответ: Семинар", "Я в отпуске по 25 сентября.", {}),
]
PEOPLE = [
    ("Re: Out of office", "Enjoy your time off!", {}),
    ("Out of office chairs", "Do you recommend any office chairs for back pain?", {"In_Reply_To": None}),
    ("Re: News", "I'm out of the office this week but Kim can meet you. Would Thursday work?", {}),
    ("Re: News", "Thank you for your message. I will get back to you after my vacation.", {}),
    ("Re: News", "Dr. Lee no longer works here, please write to dr.kim@partner.example", {}),
    ("Re: News", "I read this is an automated message, but I hope a person answers.", {}),
    ("Vacation", "We are planning a vacation bible school, could you speak to the kids?", {"In_Reply_To": None}),
    ("Re: News", "Yes please", {"Precedence": "bulk"}),
    ("Delivery failed!", "The flyers have not arrived, the delivery failed. Could you send them again?", {}),
    ("Re: News", "My mailbox was full, sorry. Please send it again.", {}),
    ("Undeliverable", "My mails to you come back as undeliverable, what is your address?", {"In_Reply_To": None}),
    ("Read: your article", "I read it twice! Great tips.", {"In_Reply_To": None}),
    ("Auto: insurance question", "Do you bill auto insurance after an accident?", {"In_Reply_To": None}),
    ("Absence de lundi : Tom", "Tom sera absent lundi, pouvez-vous prévenir le coach ?", {}),
    ("Re: News", "The form says user unknown when I log in", {"From": "Admin <admin@gym.example>"}),
    ("Re: News", "Please stop by", {"From": "Postmaster of the gym <postmaster@gym.example>"}),
]


@pytest.mark.parametrize(("subject", "words", "fields"), MACHINES)
def test_a_machine_is_found(subject, words, fields):
    assert judge_octets(mail(subject, words, **fields)).kind is MailKind.AUTOREPLY


@pytest.mark.parametrize(("subject", "words", "fields"), PEOPLE)
def test_a_person_stays_a_person(subject, words, fields):
    judgement = judge_octets(mail(subject, words, **fields))
    assert judgement.kind is MailKind.REPLY, judgement.why
    assert judgement.text == words


GONE = [
    ("left", "Please note that Pat Doe is no longer with the company. Please write to {}."),
    ("left", "I have left Partner Gym. My successor is Kim Roe ({})."),
    ("left", "Ich bin nicht mehr für die Praxis tätig. Bitte wenden Sie sich an {}"),
    ("left", "Pat werkt niet meer bij ons. Neem contact op met {}"),
    ("left", "Pat har slutat hos oss. Kontakta {}"),
    ("left", "Pat nie pracuje już w naszej firmie. Proszę pisać na {}"),
    ("left", "Pat non lavora più con noi. Scrivere a {}"),
    ("left", "Pat não trabalha mais aqui. Escreva para {}"),
    ("moved", "I have a new email address: {}. This mailbox is no longer monitored."),
    ("moved", "Mon adresse a changé. Merci de m'écrire à {}"),
    ("moved", "Mi correo ha cambiado, ahora es {}"),
    ("moved", "We have moved to a new domain. Please update your records: {}"),
    ("moved", "メールアドレスが変更になりました。新しいアドレスは {} です。"),
]


@pytest.mark.parametrize(("kind", "words"), GONE)
def test_who_left_or_moved_names_another_address(kind, words):
    told = judge_octets(mail("Automatic reply: News", words.format("kim@gym.example"))).automatic
    assert (told.kind, told.new_address, told.until) == (kind, "kim@gym.example", None)


def test_a_mail_without_a_date_was_written_when_it_was_received():
    received = "from x by mx.clinic.example with ESMTP id 1; Mon, 14 Sep 2026 09:12:33 -0400"
    raw = mail("Automatic reply: News", "I am away and back on 28 September.", Date=None, Received=received)
    automatic = judge_octets(raw).automatic
    assert automatic is not None
    assert automatic.until == date(2026, 9, 28)


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        ("This message was automatically generated by Gmail.", {}),
        ("", {"Auto_Submitted": "auto-generated"}),
        ("", {"Precedence": "bulk", "List_Unsubscribe": "<mailto:x@y.example>"}),
        ("Sent for the reader, who pressed a button.\n" + "It says more than anybody wants to know. " * 20, {}),
    ],
    ids=["Gmail", "RFC 3834", "as a mass mail", "many words"],
)
def test_a_mail_program_that_sends_our_way_out_is_no_automatic_answer(words, fields):
    subject = f"STOP {'AbCd' * 8}"
    found = judge_octets(mail(subject, words, **{"In_Reply_To": None, **fields}))
    assert (found.kind, found.opt_out) == (MailKind.REPLY, True)


def test_an_automatic_answer_to_the_way_out_does_not_leave():
    found = judge_octets(mail(f"Automatic reply: STOP {'AbCd' * 8}", "I am away.", Auto_Submitted="auto-replied"))
    assert (found.kind, found.opt_out) == (MailKind.AUTOREPLY, False)
