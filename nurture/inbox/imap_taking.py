"""Mails out of an open folder: many in one answer; where that fails, each alone; of a broken one what can be had."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from nurture.address import clean_text
from nurture.inbox.imap_client import BoundedImap
from nurture.inbox.imap_fetching import ListedMail, RefusedError, fetch_head, fetch_octets
from nurture.inbox.imap_login import FAILURES
from nurture.inbox.parsing import MAX_OCTETS
from nurture.inbox.raw_mail import RawMail

MAX_HELD = 5  # mails in a row that cannot be had whole; then it is the server, not the mails
_HEAD = 65_536  # octets of the header fields of a mail whose body cannot be had
_NOT_TOLD = datetime.max.replace(tzinfo=UTC)  # the reader takes the present for it


@dataclass(frozen=True, slots=True)
class Taken:
    """A mail as far as it could be had; ``why`` not all of it."""

    mail: RawMail
    why: str = ""

    @property
    def whole(self) -> bool:
        """Whether all was had that was asked for."""
        return not self.why


def settled(taken: Sequence[Taken]) -> tuple[list[Taken], list[Taken]]:
    """Those that can be written down, and those at the end that may be whole the next time.

    A mail is given up only when one behind it came whole: else the server may be ill, and hands it out tomorrow.
    """
    end = len(taken)
    while end and not taken[end - 1].whole:
        end -= 1
    return list(taken[:end]), list(taken[end:])


def take_all(client: BoundedImap, listed: Sequence[ListedMail]) -> list[Taken]:
    """Fetch mails in one answer; those that are gone are left out.

    Raises `RefusedError`, or what imaplib raises, if one of them is not handed out.
    """
    if not listed:
        return []
    found = fetch_octets(client, [mail.uid for mail in listed], at_most=MAX_OCTETS)
    return [_taken(mail, found[mail.uid]) for mail in listed if mail.uid in found]


def take_each(
    connection: Callable[[], BoundedImap], after: Callable[[Exception], None], listed: Sequence[ListedMail]
) -> Iterator[Taken]:
    """Fetch mails one by one, until too many in a row are broken.

    ``connection`` gives one with the folder open; ``after`` is told what failed on it.
    """
    broken = 0
    for mail in listed:
        try:
            yield from take_all(connection(), [mail])
            broken = 0
            continue
        except (RefusedError, *FAILURES) as error:
            why = clean_text(str(error))[:200] or type(error).__name__
            after(error)
        head = None
        try:
            head = fetch_head(connection(), mail.uid, at_most=_HEAD)
        except (RefusedError, *FAILURES) as error:
            after(error)
        received_at = mail.received_at or _NOT_TOLD
        yield Taken(RawMail(head or b"", received_at, mail.uid, cut=True, unreadable="" if head else why), why)
        broken += 1
        if broken == MAX_HELD:
            return


def _taken(mail: ListedMail, octets: bytes) -> Taken:
    return Taken(RawMail(octets, mail.received_at or _NOT_TOLD, mail.uid, cut=len(octets) >= MAX_OCTETS))
