"""The inbox's list: short descriptions of messages, kept in memory, searched by words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

from nurture.address import clean_text
from nurture.sandbox.mail import Mail, Person, read_mail
from nurture.sandbox.maildir import Entry, entries, read
from nurture.sandbox.opening import opening

PAGE = 50
SEARCHED = 2_000  # the newest messages that a search looks through
_KEPT = 10_000
_BYTES = 32_000  # of a message: its headers, its text and where its HTML begins; pictures come later
_WORDS = 20_000  # characters of its text that are searched
_SNIPPET = 160


@dataclass(frozen=True, slots=True)
class Summary:
    """One line of the list; ``words`` is what a search looks at, in small letters."""

    id: str
    unread: bool
    sender: Person
    recipient: Person
    subject: str
    snippet: str
    date: datetime | None
    words: str


@dataclass(frozen=True, slots=True)
class ListPage:
    """A part of the list, newest first. ``total`` counts what fits; ``unread`` counts in the whole inbox.

    ``searched`` is how many messages a search looked through, if not all; else 0.
    """

    summaries: tuple[Summary, ...]
    total: int
    unread: int
    number: int  # from 1
    pages: int
    searched: int


class Listing:
    """Lists and searches one Maildir. Messages never change, so each is read once."""

    def __init__(self, maildir: Path) -> None:
        self._maildir = maildir
        self._known: dict[str, Summary] = {}

    def page(self, number: int, *, query: str = "") -> ListPage:
        """A page, or the nearest that there is, of all messages or of those with all words of ``query``."""
        found = entries(self._maildir)
        unread = sum(entry.unread for entry in found)
        wanted = query.casefold().split()
        searched = SEARCHED if wanted and len(found) > SEARCHED else 0
        if wanted:
            found = [entry for entry in found[:SEARCHED] if _has(self._summary(entry), wanted)]
        pages = max(1, -(-len(found) // PAGE))
        number = min(max(number, 1), pages)
        shown = islice(found, (number - 1) * PAGE, number * PAGE)
        return ListPage(tuple(self._summaries(shown)), len(found), unread, number, pages, searched)

    def neighbours(self, message: str) -> tuple[str | None, str | None]:
        """The ids of the next newer and the next older message."""
        ids = [entry.id for entry in entries(self._maildir)]
        if message not in ids:
            return None, None
        place = ids.index(message)
        return (ids[place - 1] if place else None), (ids[place + 1] if place + 1 < len(ids) else None)

    def _summaries(self, found: Iterator[Entry]) -> Iterator[Summary]:
        for entry in found:
            known = self._summary(entry)
            yield known if known.unread == entry.unread else replace(known, unread=entry.unread)

    def _summary(self, entry: Entry) -> Summary:
        known = self._known.get(entry.id)
        if known is None:
            known = summarize(entry, read_mail(read(self._maildir, entry, limit=_BYTES)))
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[entry.id] = known
        return known


def summarize(entry: Entry, mail: Mail) -> Summary:
    """The line that stands for a message in the list."""
    address = mail.recipients[0] if mail.recipients else ""
    named = next((person for person in mail.to if person.address.casefold() == address.casefold()), None)
    recipient = named or Person("", address) if address else (mail.to or (Person("", ""),))[0]
    text = clean_text((mail.text or "")[:_WORDS])
    people = " ".join(f"{person.name} {person.address}" for person in (mail.sender, recipient, *mail.to))
    return Summary(
        id=entry.id,
        unread=entry.unread,
        sender=mail.sender,
        recipient=recipient,
        subject=mail.subject or ("(cannot be taken apart)" if mail.broken else "(no subject)"),
        snippet=opening(mail.html, mail.text, _SNIPPET),
        date=mail.date,
        words=f"{people} {address} {mail.subject} {text}".casefold(),
    )


def _has(summary: Summary, wanted: list[str]) -> bool:
    return all(word in summary.words for word in wanted)
