"""Mails as they lie in the mailbox, in batches that are written down together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from nurture.inbox.parsing import MAX_OCTETS, split_head
from nurture.store.inbound import FolderPosition

BATCH = 100  # mails that are written down in one transaction
BATCH_OCTETS = 4_000_000  # or fewer, so that no more of them is in memory at once
_BODY_IN_KEY = 65_536  # octets; so much is fetched of any mail

# What no server writes anew when a mail is moved, copied or delivered twice. Trace fields it does (RFC 5321 4.4).
_STABLE = ("message-id", "date", "from", "to", "subject")


@dataclass(frozen=True, slots=True)
class RawMail:
    """A mail's octets and where it lies.

    ``cut`` says that it is longer than what stands here. ``unreadable`` tells why
    nothing stands here at all: the server has the mail and cannot hand it out.
    ``received_at`` is UTC, by the mailbox's word. A Maildir has a ``file_name``
    (without flags), IMAP has a ``uid``.
    """

    octets: bytes
    received_at: datetime
    uid: int = 0
    file_name: str = ""
    cut: bool = False
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Mails of one folder, and how far it is read once they are written down. There may be none in it."""

    position: FolderPosition
    mails: tuple[RawMail, ...] = ()


class MailboxSession(Protocol):
    """An open mailbox. Nothing that it does changes a mail."""

    def batches(self, positions: dict[str, FolderPosition], now: datetime) -> Iterator[Batch]:
        """What arrived since ``positions`` (by folder) were true; all folders, bounded in memory.

        An account that was never read starts at the present end of its folders.
        Raises `MailboxError`, if not all could be read, after all else has been.
        """
        ...

    def comes_into(self, folder: str) -> bool:
        """Whether mail from outside lies in a folder of which `batches` gave something."""
        ...

    def wait(self, seconds: float) -> None:
        """Until something may have arrived, the time is over, or somebody calls `stop`."""
        ...

    def stop(self) -> None:
        """End what goes on, and let nothing begin any more; from any thread."""
        ...

    def close(self) -> None:
        """Let go of the mailbox; never raises."""
        ...


def content_key(mail: RawMail, position: FolderPosition) -> str:
    """The same for the same mail, in whatever folder and under whatever number it lies.

    It covers fields that no server rewrites and the beginning of the body. A
    mail of which nothing can be read is known by its place alone.
    """
    if mail.unreadable:
        place = (position.account, position.folder, position.uid_validity, mail.uid, mail.file_name)
        return hashlib.sha256(repr(place).encode()).hexdigest()
    # only the beginning, so that it does not depend on how much of a big mail was fetched
    octets = mail.octets[:MAX_OCTETS].replace(b"\r\n", b"\n").lstrip(b"\n")
    fields, body = split_head(octets)
    digest = hashlib.sha256()
    for name in _STABLE:
        digest.update(f"{name}:{' '.join(fields.raw(name).split())}\n".encode("utf-8", "surrogatepass"))
    digest.update(body[:_BODY_IN_KEY].rstrip())
    return digest.hexdigest()
