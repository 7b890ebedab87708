"""Any bytes can be shown; what is well made is shown right."""

from datetime import datetime, timedelta, timezone
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.sandbox.frame import framed, has_remote_pictures, links
from nurture.sandbox.mail import Person, read_mail, source
from nurture.sandbox.opening import opening

ENVELOPE = b"Return-Path: <b@riverbend.example>\r\nDelivered-To: lee@practice.example\r\n"


def test_a_well_made_mail_is_taken_apart() -> None:
    message = EmailMessage()
    message["From"] = "Riverbend Clinic <hello@riverbend.example>"
    message["To"] = "Zoë Müller <lee@practice.example>"
    message["Subject"] = "Zwölf Übungen 🏃"
    message["Date"] = "Tue, 01 Dec 2026 09:30:00 -0800"
    message.set_content("Plain words")
    message.add_alternative('<p>Rich <img src="cid:logo@x"></p>', subtype="html")
    message.get_payload()[1].add_related(b"\x89PNG", "image", "png", cid="<logo@x>")  # type: ignore[union-attr,index]
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="flyer.pdf")
    mail = read_mail(ENVELOPE + message.as_bytes())
    assert mail.subject == "Zwölf Übungen 🏃"
    assert mail.sender == Person("Riverbend Clinic", "hello@riverbend.example")
    assert mail.to == (Person("Zoë Müller", "lee@practice.example"),)
    assert mail.recipients == ("lee@practice.example",)
    assert mail.date == datetime(2026, 12, 1, 9, 30, tzinfo=timezone(timedelta(hours=-8)))
    assert (mail.text or "").strip() == "Plain words"
    assert "Rich" in (mail.html or "")
    assert [(part.content_type, part.cid, part.name) for part in mail.parts] == [
        ("image/png", "logo@x", ""),
        ("application/pdf", "", "flyer.pdf"),
    ]
    assert not mail.broken


def test_the_envelope_is_believed_not_what_the_mail_claims() -> None:
    mail = read_mail(ENVELOPE + b"Delivered-To: president@bank.example\r\n\r\n")
    assert mail.recipients == ("lee@practice.example",)


HOSTILE = {
    "nothing": b"",
    "no header": b"\r\n\r\nbody",
    "binary": bytes(range(256)) * 50,
    "deep multiparts": b"Content-Type: multipart/mixed; boundary=a\n\n--a\n" * 3000,
    "deep messages": b"Content-Type: message/rfc822\n\n" * 3000,
    "nested comments": b"From: " + b"(" * 3900 + b"\n\n",
    "a long recipient list": b"To: " + b"a@x.example, " * 20_000 + b"\n\n",
    "an impossible date": b"Date: Tue, 99 Foo 99999 99:99:99 +9999\n\n",
    "an unknown charset": b"Content-Type: text/plain; charset=klingon\n\nx",
    "a codec that is no charset": b"Content-Type: text/plain; charset=zlib\n\nx",
    "a slow codec": b"Content-Type: text/plain; charset=punycode\n\n" + b"a" * 200_000,
    "broken base64": b"Content-Type: text/html\nContent-Transfer-Encoding: base64\n\n!!!!====",
    "broken encoded words": b"Subject: =?utf-8?b?/w?= =?zlib?b?AAAA?= =?x?\n\n",
    "odd parameters": b"Content-Type: text/plain; charset*=x'y'z; a*0*=b\n\nx",
    "too many parts": b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 5000,
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_mail_is_shown_somehow(data: bytes) -> None:
    mail = read_mail(data)
    assert len(mail.parts) <= 200
    assert isinstance(source(data), str)
    if mail.broken:
        assert mail.html is None


@given(st.binary(max_size=500), st.sampled_from([b"", b"Content-Type: ", b"From: ", b"Date: ", b"Subject: =?utf-8?"]))
def test_no_bytes_break_the_reader(data: bytes, start: bytes) -> None:
    mail = read_mail(ENVELOPE + start + data)
    for text in (mail.subject, mail.sender.name, mail.sender.address, *(value for _, value in mail.headers)):
        assert not set("\r\n\0\u2028\u202e") & set(text)
        text.encode()  # no lone surrogates: the page is UTF-8


@pytest.mark.parametrize(
    ("html", "text", "words"),
    [
        (
            "<head><title>T</title></head><body><div style='display:none'>Come in.\u200c\u00a0\u200c</div>Hi",
            None,
            "Come in. Hi",
        ),
        ("<style>p{}</style><!-- no <p>way</p> --><p>a &amp; b", None, "a & b"),
        ("<!--[if mso]><table><tr><td>Outlook<![endif]--><p>seen", None, "seen"),
        ("a<style>never closed", None, "a"),
        (None, "plain\n words", "plain words"),
        (None, None, ""),
    ],
)
def test_the_opening_is_what_mail_programs_show(html: str | None, text: str | None, words: str) -> None:
    assert opening(html, text, 100) == words


@pytest.mark.parametrize("piece", ["<!--", "<style", "<", "x", "<a ", "</style", "&"])
def test_the_opening_takes_linear_time(piece: str) -> None:
    assert len(opening(piece * 60_000, None, 10)) <= 10


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ('<img src="cid:logo%40x"><img src=cid:other>', '<img src="/t/part/1"><img src=cid:other>'),
        ("<LINK rel=preconnect href=//x>", "<x-LINK rel=preconnect x-href=//x>"),
        ("<li<link>nk>", "<li<x-link>nk>"),
        ("<iframe srcdoc='<form>'></iframe>", "<x-iframe srcdoc='<x-form>'></x-iframe>"),
        (
            "<a href='https://x.example'><set attributeName=href>",
            "<a x-href='https://x.example'><set x-attributeName=href>",
        ),
        ("<basefont><linkage><formula>", "<basefont><linkage><formula>"),
    ],
)
def test_the_frame_gets_its_own_pictures_and_no_ways_out(html: str, shown: str) -> None:
    assert framed(html, {"logo@x": "/t/part/1"}).endswith(f"</style>{shown}")
    assert framed(f"<!doctype html>{html}", {"logo@x": "/t/part/1"}).startswith("<!doctype html><style>")


def test_the_links_of_a_mail_are_listed() -> None:
    html = (
        "<a href=\"https://x.example/?a=1&amp;b=2\">one</a><a HREF = 'mailto:a@x.example'>two</a>"
        '<a href="https://x.example/?a=1&amp;b=2">again</a><a href="javascript:alert(1)">no</a>'
    )
    assert links(html) == ["https://x.example/?a=1&b=2", "mailto:a@x.example"]


@pytest.mark.parametrize(
    ("html", "remote"),
    [
        ('<img src="https://x.example/a.png">', True),
        ("<td background=http://x.example/a.png>", True),
        ("<p style='background: url( https://x.example )'>", True),
        ('<img src="cid:a">', False),
        ('<a href="https://x.example">https://x.example</a>', False),
    ],
)
def test_pictures_from_the_network_are_noticed(html: str, remote: bool) -> None:
    assert has_remote_pictures(html) is remote
