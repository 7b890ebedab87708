"""Header fields: whatever the values, the standard library reads the same fields back."""

from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nurture.address import clean_text
from nurture.composing.headers import date_text, encode_mailbox, encode_text, header, list_id, mailto, new_message_id

HOSTILE = "x\r\nBcc: evil@x.example\r\n\r\nbody\n\x00\x0b\x0c\x1c\x85\u2028Bcc: y\u2029z"
TEXTS = st.one_of(st.text(), st.text(st.characters(codec="utf-8"), max_size=400), st.just("a" * 10_000))


def parse(lines: str) -> tuple[dict[str, str], EmailMessage]:
    raw = lines.encode() + b"\r\nbody"
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert message.defects == []
    assert all(value.defects == () for value in message.values())
    return {name: str(value) for name, value in message.items()}, message


@given(TEXTS)
@example(HOSTILE)
@example("=?utf-8?q?looks_encoded?= as it is")
@example("ends with a space ")
@example("😀" * 300)
@example("a" * 100 + " b")
@example("\u202eabc")
def test_subject(text: str) -> None:
    fields, _ = parse(header("Subject", encode_text(text, used=9)))
    assert list(fields) == ["Subject"]
    wanted = clean_text(text).encode("utf-8", "replace").decode()
    assert " ".join(fields["Subject"].split()) == wanted


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_lines_fold_at_78_where_words_allow_it(text: str) -> None:
    lines = header("Subject", encode_text(text, used=9)).split("\r\n")
    words_fit = max(map(len, text.split() or [""])) <= 70
    assert not words_fit or all(len(line) <= 78 for line in lines)
    assert not any(line.strip() == "" for line in lines[1:-1])


@given(TEXTS)
@example(HOSTILE)
@example('Dr. "Q" \\ (x), <y@z>;')
@example("Lee, Maria")
@example("=?utf-8?q?x?=")
@example("Zoë 😀" * 50)
def test_display_name(name: str) -> None:
    value = encode_mailbox(name, "lee@x.example", used=4)
    fields, message = parse(header("To", value))
    assert list(fields) == ["To"]
    (address,) = message["To"].addresses
    assert isinstance(address, Address)
    assert address.addr_spec == "lee@x.example"
    wanted = clean_text(name).encode("utf-8", "replace").decode()
    # CPython before 3.13 puts blanks between encoded-words of one name (gh-92081): compare without them
    assert address.display_name.replace(" ", "") == wanted.replace(" ", "")
    if "=?" in value and "=?" not in name:
        phrase = value.rpartition("<")[0].replace("\r\n", "")
        assert str(make_header(decode_header(phrase))).strip() == wanted


@pytest.mark.parametrize("address", ["a@x.example\r\nBcc: b@x.example", "a@x.example>\r\nX: <", "a b@x.example"])
def test_a_hostile_address_starts_no_field(address: str) -> None:
    raw = header("To", encode_mailbox("", address, used=4)).encode() + b"\r\nbody"
    assert message_from_bytes(raw, policy=policy.default).keys() == ["To"]


@given(st.from_regex(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,40}", fullmatch=True), st.text(max_size=30))
def test_mailto_comes_back(local: str, subject: str) -> None:
    link = mailto(f"{local}@x.example", subject=subject)
    assert link.isascii()
    assert not set(link) & set(' <>"\r\n')
    parts = urlsplit(link)
    assert unquote(parts.path) == f"{local}@x.example"
    if subject.encode("utf-8", "ignore").decode("utf-8") == subject and subject:
        assert parse_qs(parts.query, keep_blank_values=True)["subject"] == [subject]


def test_date_keeps_its_zone() -> None:
    at = datetime(2026, 12, 1, 9, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert date_text(at) == "Tue, 01 Dec 2026 09:30:00 -0500"
    assert date_text(at.astimezone(UTC)) == "Tue, 01 Dec 2026 14:30:00 +0000"
    with pytest.raises(ValueError, match="zone"):
        date_text(datetime(2026, 12, 1))


def test_ids() -> None:
    first, second = new_message_id("a@clinic.example"), new_message_id("a@clinic.example")
    assert first != second
    assert first.endswith("@clinic.example>")
    assert list_id("partner-news", "a@clinic.example") == "<partner-news.clinic.example>"
