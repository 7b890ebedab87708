"""One message taken apart for showing; nothing in it can break the page (pure).

Mail is hostile: whatever cannot be parsed is shown as its source. The
structure is read by the standard library's tolerant ``compat32`` policy, which
does not fail on broken headers; the few headers that are shown are decoded one
by one with the modern registry, bounded, and as they stand where that fails.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.headerregistry import HeaderRegistry
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from email.utils import getaddresses, parsedate_to_datetime
from itertools import islice

from nurture.address import clean_text

# What the email package is known to raise for hostile input.
_BROKEN = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError, OverflowError)
_HEADER_LENGTH = 4_000  # longer ones are shown as they stand: parsing takes the square of their length
_HEADERS = 300
_PARTS = 200
_CONTAINER = re.compile(rb"^content-type:\s*(?:multipart|message)/", re.IGNORECASE | re.MULTILINE)
_CONTAINERS = 100
_TEXT_CODECS = re.compile(
    r"utf-?(7|8|16|32)(-[bl]e)?|ascii|iso8859-\d+|cp\d+|koi8-[ru]|gb18030|gbk|gb2312|big5|shift_jis|euc_(jp|kr)|"
    r"iso2022_jp|mac-roman|tis-620"
)  # not punycode and its kin: slow on purpose-made text
_registry = HeaderRegistry()


@dataclass(frozen=True, slots=True)
class Person:
    """A name and an address from a header; one of the two may be empty."""

    name: str
    address: str

    @property
    def shown(self) -> str:
        """The name, or the address where there is none."""
        return self.name or self.address


@dataclass(frozen=True, slots=True)
class Part:
    """A picture or attachment. ``number`` counts all parts of the message from 0."""

    number: int
    content_type: str
    name: str
    cid: str  # without angle brackets; "" if it has none
    data: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """A message as people look at it. ``recipients`` are of the envelope, ``to`` of the header.

    ``broken`` says that it could not be taken apart; its source always can be shown.
    """

    subject: str
    sender: Person
    to: tuple[Person, ...]
    recipients: tuple[str, ...]
    date: datetime | None
    headers: tuple[tuple[str, str], ...]
    html: str | None
    text: str | None
    parts: tuple[Part, ...]
    broken: bool


def read_mail(data: bytes) -> Mail:
    """Take a message apart; never raises for its content."""
    try:
        if len(_CONTAINER.findall(data)) > _CONTAINERS:
            raise ValueError("the parser takes the square of the depth")
        message = BytesParser(policy=compat32).parsebytes(data)
        shown = islice(message.raw_items(), _HEADERS)
        headers = tuple((clean_text(name)[:100], _decoded(name, value)) for name, value in shown)
        html, text, parts = _bodies(message)
    except _BROKEN:
        return Mail("", Person("", ""), (), (), None, (), None, None, (), broken=True)
    first: dict[str, str] = {}
    for name, value in headers:
        first.setdefault(name.lower(), value)  # the envelope stands first, before what the mail itself claims
    senders = _people(first.get("from", ""))
    recipient = first.get("delivered-to", "")
    return Mail(
        subject=first.get("subject", ""),
        sender=senders[0] if senders else Person("", ""),
        to=_people(first.get("to", "")),
        recipients=(recipient,) if recipient else (),
        date=_date(first.get("date", "")),
        headers=headers,
        html=html,
        text=text,
        parts=parts,
        broken=not headers,
    )


def source(data: bytes) -> str:
    """The message as it came, as text; bytes that are not UTF-8 are replaced."""
    return data.decode("utf-8", "replace").replace("\r\n", "\n")


def _decoded(name: str, value: str | Header) -> str:
    """A header's value in words (RFC 2047), on one line."""
    raw = " ".join(str(value).split())
    words = _words(name, raw) if "=?" in raw and len(raw) <= _HEADER_LENGTH else raw
    return clean_text(words.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


def _words(name: str, raw: str) -> str:
    try:
        return str(_registry(name, raw))
    except _BROKEN:
        return raw


def _people(value: str) -> tuple[Person, ...]:
    if len(value) > _HEADER_LENGTH:
        return (Person(value[:100] + "…", ""),)
    try:
        found = [Person(clean_text(name), clean_text(address)) for name, address in getaddresses([value])]
    except _BROKEN:
        found = []
    return tuple(person for person in found if person.shown) or ((Person(value, ""),) if value else ())


def _date(value: str) -> datetime | None:
    try:
        return parsedate_to_datetime(value)
    except _BROKEN:
        return None


def _bodies(message: Message) -> tuple[str | None, str | None, tuple[Part, ...]]:
    """The first HTML and text bodies, and every other part that holds something."""
    html: str | None = None
    text: str | None = None
    parts: list[Part] = []
    for number, part in enumerate(_walk(message)):
        if part.is_multipart():
            continue
        content_type = part.get_content_type()
        attached = part.get_content_disposition() == "attachment"
        payload = part.get_payload(decode=True)
        data = payload if isinstance(payload, bytes) else b""
        if content_type == "text/html" and html is None and not attached:
            html = _text(part, data)
        elif content_type == "text/plain" and text is None and not attached:
            text = _text(part, data)
        else:
            name = clean_text(str(part.get_filename() or ""))[:100]
            cid = str(part.get("Content-ID") or "").strip().strip("<>")
            parts.append(Part(number, content_type, name, cid[:200], data))
    return html, text, tuple(parts)


def _walk(message: Message) -> Iterator[Message]:
    """All parts in order, as many as are shown; without recursion."""
    waiting = [message]
    for _ in range(_PARTS):
        if not waiting:
            return
        part = waiting.pop()
        yield part
        payload = part.get_payload()
        if isinstance(payload, list):
            waiting += [inner for inner in reversed(payload) if isinstance(inner, Message)]


def _text(part: Message, data: bytes) -> str:
    charset = str(part.get_content_charset("utf-8"))
    try:
        known = _TEXT_CODECS.fullmatch(codecs.lookup(charset).name)
    except (LookupError, ValueError):
        known = None
    return data.decode(charset if known else "utf-8", "replace").replace("\r\n", "\n").replace("\x00", "")
