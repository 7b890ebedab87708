"""Where to go on in a folder, and which of its mails are older than our reading of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nurture.inbox.imap_fetching import ListedMail
from nurture.inbox.imap_folders import OpenFolder
from nurture.inbox.parsing import MAX_OCTETS
from nurture.inbox.raw_mail import BATCH_OCTETS
from nurture.store.inbound import FolderPosition

_OLD = timedelta(days=1)  # what was dated so long before we began was moved here by somebody


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where to go on. ``from_the_start``: all numbers of the folder are new to us, so dates tell what is old."""

    position: FolderPosition
    from_the_start: bool

    @property
    def earliest(self) -> datetime:
        """A day on which to begin a search: the server's days may begin half a day before ours."""
        return self.position.since - 2 * _OLD

    def is_old(self, mail: ListedMail) -> bool:
        """Whether the mailbox had the mail before we began to read it."""
        if mail.received_at is None:
            return False
        since = self.position.since.replace(microsecond=0)  # the server's instants are whole seconds
        return mail.received_at < (since if self.from_the_start else since - _OLD)


def where_to_begin(
    position: FolderPosition | None, opened: OpenFolder, *, account: str, folder: str, since: datetime
) -> Beginning:
    """At the last number, or at the start of the folder where its numbers have changed (RFC 9051 2.3.1.1).

    ``since`` is when the account was read first; a folder that appears later has
    only mails that came after that. A server that was restored from a backup
    gives numbers a second time without saying so.
    """
    validity, uid_next = opened.uid_validity or 0, opened.uid_next
    if position is None:
        return Beginning(FolderPosition(account, folder, validity, 0, since), from_the_start=True)
    if position.uid_validity == validity and (uid_next is None or uid_next > position.uid):
        return Beginning(position, from_the_start=False)
    return Beginning(replace(position, uid_validity=validity, uid=0), from_the_start=True)


def in_parts(
    listed: Sequence[ListedMail], beginning: Beginning, last: int
) -> Iterator[tuple[tuple[ListedMail, ...], int]]:
    """The mails that are not old, in parts of bounded size; with each the UID up to which all is dealt with.

    ``last`` is the highest number that was asked for: the last part, perhaps empty, leads up to it.
    """
    part: list[ListedMail] = []
    octets = 0
    for mail in listed:
        if beginning.is_old(mail):
            continue
        expected = min(mail.size, MAX_OCTETS)
        if part and octets + expected > BATCH_OCTETS:
            yield tuple(part), part[-1].uid
            part, octets = [], 0
        part.append(mail)
        octets += expected
    yield tuple(part), last
