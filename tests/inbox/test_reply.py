"""The newest words, as the mail programs of many languages leave them; no word of a person is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.inbox.html_text import html_to_text
from nurture.inbox.reply import newest_text

PLAIN = [
    (
        "Hei, kyllä.\n\nma 14. syysk. 2026 klo 8.02 Hill Street PT <news@clinic.example> kirjoitti:\n\n> x\n",
        "Hei, kyllä.",
    ),
    ("Ja takk!\n\nman. 14. sep. 2026 kl. 08:02 skrev Hill Street PT <news@clinic.example>:\n\n> x", "Ja takk!"),
    ("Ja tak!\n\nDen man. 14. sep. 2026 kl. 08.02 skrev Hill Street PT <\nnews@clinic.example>:\n\n> x", "Ja tak!"),
    ("Tack!\n\nDen mån 14 sep. 2026 kl 08:02 skrev Hill Street PT <news@clinic.example>:\n\n> x", "Tack!"),
    ("Děkuji.\n\npo 14. 9. 2026 v 8:02 odesílatel Hill Street PT <news@clinic.example>\nnapsal:\n\n> x", "Děkuji."),
    (
        "Köszönöm\n\nHill Street PT <news@clinic.example> ezt írta (időpont: 2026. szept.\n14., H, 8:02):\n\n> x",
        "Köszönöm",
    ),
    (
        "Teşekkürler\n\nHill Street PT <news@clinic.example>, 14 Eyl 2026 Pzt, 08:02 tarihinde\nşunu yazdı:\n\n> x",
        "Teşekkürler",
    ),
    ("네.\n\n2026년 9월 14일 (월) 오전 8:02, Hill Street PT <news@clinic.example>님이 작성:\n\n> x", "네."),
    ("Спасибо\n\nпн, 14 сент. 2026 г. в 08:02, Hill Street PT <news@clinic.example>:\n\n> x", "Спасибо"),
    ('Спасибо\n\n14.09.2026, 08:02, "Hill Street PT" <news@clinic.example>:\n\nold words\nmore', "Спасибо"),
    ("Cảm ơn\n\nVào Th 2, 14 thg 9, 2026 vào lúc 08:02 Hill Street PT <news@clinic.example> đã viết:\n\n> x", "Cảm ơn"),
    ("好的\n\nHill Street PT <news@clinic.example> 于2026年9月14日周一 08:02写道:\n\n> x", "好的"),
    (
        '好的\n\n------------------ 原始邮件 ------------------\n发件人: "Hill" <news@clinic.example>;\n发送时间: 2026年9月14日\n主题: x\n\nold',
        "好的",
    ),
    ("はい\n\n-----Original Message-----\nFrom: x\nSent: Monday, September 14, 2026 8:02 AM\nold", "はい"),
    (
        "Thanks\n\nDate: Mon, 14 Sep 2026 08:02:00 -0400\nFrom: news@clinic.example\nSubject: News\nTo: pat@partner.example\n\nold",
        "Thanks",
    ),
    (
        "We go\nFrom: Salem\nTo: Boston\nDate: Monday\nall together.",
        "We go\nFrom: Salem\nTo: Boston\nDate: Monday\nall together.",
    ),
    (
        "Point 1:\n- a\n- b\n\nOn the other hand I wrote: nothing.\nBye",
        "Point 1:\n- a\n- b\n\nOn the other hand I wrote: nothing.\nBye",
    ),
    (
        "On Tuesday I can come.\nOn Friday at 10:30 I am at the gym, as Pat wrote:\nbring shoes",
        "On Tuesday I can come.\nOn Friday at 10:30 I am at the gym, as Pat wrote:\nbring shoes",
    ),
    ("Hi,\nplease see https://x.example\n\n--\nPat\n", "Hi,\nplease see https://x.example"),
    (
        "Yes\n\nSent from my Samsung Galaxy smartphone.\n\n-------- Original message --------\nFrom: Hill <news@clinic.example>\nDate: 9/14/26 8:02 AM (GMT-05:00)\nTo: Pat\nSubject: x\n\nold",
        "Yes",
    ),
    ("Yes\n\nGet Outlook for Android\n", "Yes"),
    (
        "Yes\n\nSent from Yahoo Mail for iPhone\n\nOn Monday, September 14, 2026, 8:02 AM, Hill Street PT <news@clinic.example> wrote:\n\nold words without marks",
        "Yes",
    ),
    (
        "Ok!\n\n*From:* Hill Street PT [mailto:news@clinic.example]\n*Sent:* Monday, September 14, 2026 8:02 AM\n*To:* Pat\n*Subject:* x\n\nold",
        "Ok!",
    ),
    ("Ok!\n\nHill Street PT <news@clinic.example> schrieb am Mo., 14. Sept. 2026, 08:02:\n\n> x", "Ok!"),
    ("Ok!\n\n> On 14 Sep 2026, at 08:02, Hill <news@clinic.example> wrote:\n> \n> x\n", "Ok!"),
    (
        "Inline:\n\n> question one?\n\nanswer one\n\n> question two?\n\nanswer two",
        "Inline:\n\nanswer one\n\nanswer two",
    ),
    (
        "Am Montag um 10:30 schrieb ich dir schon, dass ich komme.\nGruß",
        "Am Montag um 10:30 schrieb ich dir schon, dass ich komme.\nGruß",
    ),
    ("Ok\n\nOn Mon, Sep 14, 2026 at 8:02 AM, Hill\nwrote:\nold", "Ok"),
    ("Ok\nHill Street PT wrote on 14.09.2026 08:02:\n> x", "Ok"),
]
HTML = [
    (
        '<div>Yes</div><div id="yahoo_quoted_1" class="yahoo_quoted"><div>On Monday, x wrote:</div><div>old</div></div>',
        "Yes",
    ),
    (
        '<p>Yes</p><hr id="stopSpelling">Date: Wed, 10 Dec 2025 10:00:00<br>From: a@b.example<br>Subject: x<br>To: c@d.example<br><br>old',
        "Yes",
    ),
    ('<div>Yes<br></div><div class="protonmail_quote">On Monday<br><blockquote>old</blockquote></div>', "Yes"),
    (
        '<div>Yes</div><div class="moz-cite-prefix">On 9/14/26 8:02, Hill wrote:<br></div><blockquote type="cite">old</blockquote>',
        "Yes",
    ),
    (
        '<div dir="auto">Yes</div><div class="gmail_quote"><div dir="ltr">Le lun. 14 sept. 2026 à 08:02, Hill &lt;<a href="mailto:n@c.example">n@c.example</a>&gt; a écrit :<br></div><blockquote class="gmail_quote">old</blockquote></div>',
        "Yes",
    ),
    (
        '<p>Yes</p><div style="border:none;border-top:solid #B5C4DF 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p><b>Von:</b> x</p></div><p>old</p>',
        "Yes",
    ),
    ("<table><tr><td>Yes</td><td>please</td></tr></table>", "Yes please"),
]
SENTENCES = [
    "Yes, gladly.",
    "I come on Tuesday at 10:30.",
    "From Salem it is far.",
    "Two of us: Ana and Tom",
    "Danke!",
    "5 > 3",
]


@pytest.mark.parametrize(("text", "words"), PLAIN)
def test_the_newest_words_of_plain_text(text, words):
    assert newest_text(text).split() == words.split()


@pytest.mark.parametrize(("html", "words"), HTML)
def test_the_newest_words_of_html(html, words):
    assert newest_text(html_to_text(html)).split() == words.split()


@given(st.lists(st.sampled_from([*SENTENCES, ""]), min_size=1, max_size=12).filter(any))
def test_nothing_is_lost_where_nothing_is_quoted(lines):
    assert newest_text("\n".join(lines)).split() == "\n".join(lines).split()


@given(st.text(max_size=400))
def test_a_mail_that_says_something_is_never_left_empty(text):
    if any(character.isalnum() for character in text):
        assert newest_text(text)
