"""A mail that came in, taken apart: fields, parts, words. Made by `parsing`, which never raises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cached_property

from nurture.inbox.addresses import first_address
from nurture.inbox.decoding import decode_text, decode_words
from nurture.inbox.html_text import html_to_text

MAX_TEXT = 400_000  # characters of one text that are looked at; a person writes less in a year


@dataclass(frozen=True)
class Fields:
    """Header fields in their order; names in lower case, values unfolded but not decoded."""

    pairs: tuple[tuple[str, str], ...] = ()

    @cached_property
    def _first(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for name, value in self.pairs:
            found.setdefault(name, value)
        return found

    def __contains__(self, name: str) -> bool:
        return name in self._first

    def raw(self, name: str) -> str:
        """The first field of that name as it stands; empty where there is none."""
        return self._first.get(name, "")

    def text(self, name: str) -> str:
        """The first field of that name with its encoded words decoded (RFC 2047)."""
        return decode_words(self.raw(name))

    def every(self, name: str) -> list[str]:
        """All fields of that name as they stand."""
        return [value for found, value in self.pairs if found == name]


@dataclass(frozen=True)
class Part:
    """A leaf of a mail, or a whole mail inside of it (``message/rfc822``); ``body`` without transfer encoding."""

    fields: Fields
    content_type: str
    parameters: Mapping[str, str]
    body: bytes
    enclosed: int = 0  # in how many other mails inside of this mail it lies
    alternative: int = 0  # the multipart/alternative that it belongs to; 0: none

    @cached_property
    def text(self) -> str:
        """The body as text, with line feeds only."""
        text = decode_text(self.body, self.parameters.get("charset", ""))
        return text[:MAX_TEXT].replace("\r\n", "\n").replace("\r", "\n")

    @property
    def attached(self) -> bool:
        """Whether it is a file beside the words."""
        disposition = self.fields.raw("content-disposition").lower()
        return disposition.startswith("attachment") or "filename" in disposition or "name" in self.parameters

    @property
    def file_name(self) -> str:
        """The name that the sender gave the file; empty without one."""
        return self.parameters.get("name") or self.parameters.get("filename", "")


@dataclass(frozen=True)
class Mail:
    """One mail. ``cut`` says that it was too big or too deep to be taken apart whole."""

    fields: Fields
    content_type: str
    parameters: Mapping[str, str]
    parts: tuple[Part, ...]
    octets: bytes = b""  # as much of it as was taken apart
    cut: bool = False

    @cached_property
    def subject(self) -> str:
        """The Subject, decoded."""
        return " ".join(self.fields.text("subject").split())

    @cached_property
    def sender(self) -> str:
        """The address in From, in lower case; empty without one."""
        return first_address(self.fields.text("from")).lower()

    @cached_property
    def date(self) -> datetime | None:
        """The Date, with its zone where it names one; else when it was received (RFC 5321 4.4)."""
        received = next(iter(self.fields.every("received")), "").rpartition(";")[2]
        return _date(self.fields.raw("date")) or _date(received)

    @property
    def own_parts(self) -> tuple[Part, ...]:
        """The parts that belong to this mail itself, not to a mail that it carries."""
        return tuple(part for part in self.parts if not part.enclosed)

    def first(self, *content_types: str) -> Part | None:
        """The first own part of one of these types."""
        return next((part for part in self.own_parts if part.content_type in content_types), None)

    @cached_property
    def words(self) -> str:
        """What its writer wrote: the plain text; the HTML's where there is no plain text beside it."""
        texts = [part for part in self.own_parts if part.content_type.startswith("text/") and not part.attached]
        plain = [part for part in texts if part.content_type != "text/html"]
        said_plainly = {part.alternative for part in plain if part.text.strip()}
        chosen = []
        left = MAX_TEXT  # of all parts together: each of them costs time
        for part in texts:
            if part.content_type == "text/html":
                if part.alternative and part.alternative in said_plainly:
                    continue
                chosen.append(html_to_text(part.text[:left]))
            elif part.content_type not in ("text/rfc822-headers", "text/calendar", "text/css"):
                chosen.append(part.text[:left])
            else:
                continue
            left = max(left - len(part.text), 0)
        return "\n".join(text for text in chosen if text.strip())


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
