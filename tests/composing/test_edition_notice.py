"""The notice as a mail: its head, the mails below it, and what must not be in it."""

import email
import email.policy
from datetime import UTC, datetime

import pytest

from nurture.composing.edition import EditionContent, EditionImage
from nurture.composing.edition_notice import EditionNotice, Envelope, Shown, compose_edition_notice, notice_page
from nurture.composing.message import ComposedMessage
from nurture.composing.mime import quoted_printable

ENVELOPE = Envelope(
    "<1@clinic.example>",
    datetime(2026, 11, 30, 17, 30, tzinfo=UTC),
    "Clinic, Inc.",
    "hello@clinic.example",
    "m@x.example",
)
PICTURE = EditionImage("png", "a.png", "iVBORw0KGgo=", always=True)
CONTENT = EditionContent({}, {}, {}, {"cid:a": PICTURE, "cid:unused": PICTURE})


def mail(words: str) -> ComposedMessage:
    html = (
        '<!doctype html><html><head><title>x</title></head><body style="color:#000">'
        '<div style="display:none;font-size:1px;">Hidden words</div>'
        f'<div><img src="cid:a" alt="a"/>{words}</div></body></html>'
    )
    return ComposedMessage(
        b"", "hello@clinic.example", "r@x.example", f"About {words}", f"{words}\n", quoted_printable(html)
    )


def notice(*words: str) -> EditionNotice:
    shown = tuple(Shown(f"For {len(each)} people", mail(each)) for each in words)
    return EditionNotice("Please approve: A & B <c>", ("A & B <c>.", "    nurture approve a@1", "Last"), shown)


def parts(of: EditionNotice) -> tuple[email.message.EmailMessage, str, str]:
    raw = compose_edition_notice(of, CONTENT, ENVELOPE)
    message = email.message_from_bytes(raw, policy=email.policy.default)
    texts = [message.get_body((kind,)).get_content().replace("\r\n", "\n") for kind in ("plain", "html")]
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    return message, *texts


def test_it_is_a_machines_mail_to_one_person() -> None:
    message, _, _ = parts(notice("pool"))
    assert dict(message.items()) | {"Content-Type": ""} == {
        "Date": "Mon, 30 Nov 2026 17:30:00 +0000",
        "From": '"Clinic, Inc." <hello@clinic.example>',
        "To": "m@x.example",
        "Subject": "Please approve: A & B <c>",
        "Message-ID": "<1@clinic.example>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "MIME-Version": "1.0",
        "Content-Type": "",
    }


def test_head_and_mails_stand_in_both_parts_in_one_order() -> None:
    _, text, html = parts(notice("pool", "sauna"))
    for part, in_order in (
        (
            text,
            [
                "A & B <c>.",
                "    nurture approve a@1",
                "Last",
                "For 4 people",
                "Subject: About pool",
                "\npool\n",
                "About sauna",
                "\nsauna\n",
            ],
        ),
        (
            html,
            [
                "A &amp; B &lt;c&gt;.",
                ">nurture approve a@1<",
                "Last",
                "For 4 people",
                "About pool",
                ">pool<",
                "About sauna",
                ">sauna<",
            ],
        ),
    ):
        assert [part.count(each) for each in in_order] == [1] * len(in_order)
        assert sorted(in_order, key=part.index) == in_order
    assert html.count("<body") == html.count("</body>") == html.count("</html>") == 1
    assert "Hidden words" not in html, "else a mailbox shows these beside the subject"


@pytest.mark.parametrize("words", [("pool",), ("pool", "sauna")])
def test_pictures_travel_once_and_only_those_that_are_shown(words: tuple[str, ...]) -> None:
    of = notice(*words)
    message, _, html = parts(of)
    assert [part["Content-ID"] for part in message.walk() if part.get_content_maintype() == "image"] == ["<a>"]
    assert html.count("cid:a") == len(words)
    assert "cid:" not in notice_page(of, CONTENT)


def test_the_same_inputs_give_the_same_bytes() -> None:
    of = notice("pool")
    assert compose_edition_notice(of, CONTENT, ENVELOPE) == compose_edition_notice(of, CONTENT, ENVELOPE)
