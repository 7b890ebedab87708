"""The sandbox's Maildir: delivering to it, listing and opening what is in it.

The layout is the one that mail programs know: ``tmp`` while writing, ``new``
for unread, ``cur`` for read messages (``:2,S``). A message's id is its file
name without the flags, so it stays the same when it is read.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from nurture.address import clean_text
from nurture.clock import SystemClock
from nurture.durable import sync_folder

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]{0,127}")
_INFO = ":2,"
_HEADER_BYTES = 64_000  # as much of a message as is read for its Message-ID
_MESSAGE_ID = re.compile(rb"^message-id:[ \t]*(?:\r?\n[ \t]+)?([^\r\n]*)", re.IGNORECASE | re.MULTILINE)

_numbers = count(1)
_process = secrets.token_hex(4)  # two servers on one Maildir never choose the same name


@dataclass(frozen=True, slots=True)
class Entry:
    """One message in the Maildir; ``unread`` until somebody opened it."""

    id: str
    path: Path
    unread: bool


def make_maildir(maildir: Path) -> None:
    """Make the Maildir where it is missing, for the owner alone (0700)."""
    maildir.parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # `parents` would make it readable
    maildir.mkdir(exist_ok=True, mode=0o700)
    for name in ("tmp", "new", "cur"):
        (maildir / name).mkdir(exist_ok=True, mode=0o700)


def deliver(maildir: Path, content: bytes, *, sender: str, recipients: Sequence[str]) -> list[str]:
    """Keep one copy per recipient and return their ids; all are on the disk on return.

    As a delivery agent does, each copy begins with Return-Path (RFC 5321 4.4)
    and Delivered-To: the envelope. The rest is as it came, byte for byte.
    Raises ``OSError`` with nothing delivered if they cannot be written.
    """
    written: list[tuple[Path, str]] = []
    try:
        for recipient in recipients:
            name = _new_name()
            path = maildir / "tmp" / name
            written.append((path, name))
            envelope = f"Return-Path: <{clean_text(sender)}>\r\nDelivered-To: {clean_text(recipient)}\r\n"
            _write_durably(path, envelope.encode("utf-8", "surrogateescape") + content)
    except OSError:
        for path, _ in written:
            path.unlink(missing_ok=True)
        raise
    for path, name in written:
        path.rename(maildir / "new" / name)
    sync_folder(maildir / "new")
    return [name for _, name in written]


def _new_name() -> str:
    """A name that sorts by arrival and that nobody else chooses."""
    now = SystemClock().now()
    return f"{int(now.timestamp())}.M{now.microsecond:06}N{next(_numbers):06}R{_process}P{os.getpid()}.nurture"


def _write_durably(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def entries(maildir: Path) -> list[Entry]:
    """All messages, newest first; empty if there is no Maildir yet."""
    found: dict[str, Entry] = {}
    for folder in ("new", "cur"):
        try:
            names = os.listdir(maildir / folder)
        except FileNotFoundError:
            continue
        for name in names:
            message, _, flags = name.partition(_INFO)
            if _ID.fullmatch(message):
                unread = folder == "new" or "S" not in flags
                found[message] = Entry(message, maildir / folder / name, unread)
    return sorted(found.values(), key=lambda entry: entry.id, reverse=True)


def find(maildir: Path, message: str) -> Entry | None:
    """The message with this id, or None; nothing outside of the Maildir can be named."""
    if not _ID.fullmatch(message):
        return None
    for name, unread in ((f"new/{message}", True), (f"cur/{message}{_INFO}S", False), (f"cur/{message}", True)):
        path = maildir / name
        if path.is_file():
            return Entry(message, path, unread)
    return next((entry for entry in entries(maildir) if entry.id == message), None)  # other flags


def mark_read(maildir: Path, entry: Entry) -> Entry:
    """Move an unread message to ``cur`` with the flag S; somebody else may have done it already."""
    if not entry.unread:
        return entry
    target = maildir / "cur" / f"{entry.id}{_INFO}S"
    try:
        entry.path.rename(target)
    except FileNotFoundError:
        return find(maildir, entry.id) or entry
    return Entry(entry.id, target, unread=False)


def read(maildir: Path, entry: Entry, *, limit: int = -1) -> bytes:
    """The message's bytes, at most ``limit``; none if it was deleted meanwhile."""
    for found in (entry, find(maildir, entry.id)):  # a reader may have moved it since it was listed
        if found is not None:
            try:
                with found.path.open("rb") as file:
                    return file.read(limit)
            except FileNotFoundError:
                continue
    return b""


def message_ids(maildir: Path) -> Iterator[str]:
    """The Message-ID of each message, with its angle brackets; a message without one gives ``""``."""
    for entry in entries(maildir):
        yield _message_id(maildir, entry)


def _message_id(maildir: Path, entry: Entry) -> str:
    start = read(maildir, entry, limit=_HEADER_BYTES)
    headers = re.split(rb"\r?\n\r?\n", start, maxsplit=1)[0]
    found = _MESSAGE_ID.search(headers)
    return found[1].decode("latin-1").strip() if found else ""


def empty_messages(maildir: Path, wanted: Collection[str]) -> None:
    """Leave of the messages with these Message-IDs nothing but that: they still count, and tell nothing.

    Each gets a new id, so that no list still shows what was known by the old one.
    """
    for entry in entries(maildir) if wanted else ():
        if (message_id := _message_id(maildir, entry)) in wanted:
            name = _new_name()
            draft = maildir / "tmp" / name
            _write_durably(draft, f"Message-ID: {message_id}\r\nSubject: (erased)\r\n\r\n".encode("latin-1"))
            draft.rename(entry.path)
            entry.path.rename(maildir / "new" / name)
