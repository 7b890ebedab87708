"""Reading a Maildir: files in ``new`` and ``cur`` are looked at and stay where they are."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from imap_tools.imap_utf7 import utf7_encode

from nurture.errors import MailboxError
from nurture.inbox.imap_folders import mail_comes_into, may_be_missing
from nurture.inbox.parsing import MAX_OCTETS
from nurture.inbox.raw_mail import BATCH, BATCH_OCTETS, Batch, RawMail
from nurture.store.inbound import FolderPosition

# (folder, names of files): those of them that were taken in before
KnownFiles = Callable[[str, Sequence[str]], frozenset[str]]


class MaildirSession:
    """A `MailboxSession` over a Maildir (Maildir++: a subfolder ``Junk`` is the folder ``.Junk``).

    Files come with any date and in any order where a program copies them, so
    which ones are new is told by their names, up to the flags.
    """

    def __init__(self, path: Path, folders: Sequence[str], *, name: str, known_files: KnownFiles) -> None:
        self._path = path
        self._folders = folders
        self._name = name
        self._known_files = known_files
        self._seen: dict[str, set[str]] = {}  # files that need no second look, by folder
        self._stopping = threading.Event()

    def batches(self, positions: dict[str, FolderPosition], now: datetime) -> Iterator[Batch]:
        """As `MailboxSession` says."""
        troubles: list[str] = []
        since = min((position.since for position in positions.values()), default=now)
        for folder in self._folders:
            place = self._place(folder)
            if place is None:
                if not may_be_missing(folder):
                    troubles.append(f"there is no folder `{folder}` in the Maildir {self._path}")
                continue
            position = positions.get(folder)
            here = position or FolderPosition(self._name, folder, 0, 0, since)
            if position is None:
                yield Batch(here)
            if positions:
                yield from self._new_mails(place, here, now, troubles)
        if troubles:
            raise MailboxError("; ".join(troubles))

    def comes_into(self, folder: str) -> bool:
        """As `MailboxSession` says."""
        return mail_comes_into(folder)

    def wait(self, seconds: float) -> None:
        """As `MailboxSession` says."""
        self._stopping.wait(seconds)

    def stop(self) -> None:
        """As `MailboxSession` says."""
        self._stopping.set()

    def close(self) -> None:
        """As `MailboxSession` says; no file is open between two batches."""

    def _place(self, folder: str) -> Path | None:
        names = ["."] if folder.upper() == "INBOX" else [f".{folder}", f".{utf7_encode(folder).decode('ascii')}"]
        return next((self._path / name for name in names if (self._path / name / "cur").is_dir()), None)

    def _new_mails(self, place: Path, here: FolderPosition, now: datetime, troubles: list[str]) -> Iterator[Batch]:
        files = _files(place)
        seen = self._seen.setdefault(here.folder, set())
        seen &= files.keys()
        unseen = [name for name in files if name not in seen]
        for begin in range(0, len(unseen), BATCH):
            names = unseen[begin : begin + BATCH]
            done = set(self._known_files(here.folder, names))
            mails: list[RawMail] = []
            for name in names:
                if name in done:
                    continue
                try:
                    mail = _read(files[name], name, here.since, now)
                except FileNotFoundError:
                    continue  # it got another name a moment ago, and is found again
                except OSError as error:
                    troubles.append(f"{files[name]} cannot be read: {error.strerror}")
                    continue
                done.add(name)
                if mail is not None:
                    mails.append(mail)
                if sum(len(mail.octets) for mail in mails) > BATCH_OCTETS:
                    yield Batch(here, tuple(mails))
                    mails = []
            if mails:
                yield Batch(here, tuple(mails))
            seen |= done


def _files(place: Path) -> dict[str, Path]:
    """All mails of a folder by their name without flags, in the order in which they were named."""
    found: dict[str, Path] = {}
    for part in ("cur", "new"):
        try:
            with os.scandir(place / part) as entries:
                found |= {
                    _without_flags(entry.name): Path(entry.path)
                    for entry in entries
                    if not entry.name.startswith(".") and entry.is_file()
                }
        except FileNotFoundError:
            continue
        except OSError as error:
            raise MailboxError(f"the folder {place / part} cannot be read: {error.strerror}") from error
    return dict(sorted(found.items()))


def _without_flags(name: str) -> str:
    """What stays the same when somebody reads the mail, as text that a database can hold."""
    return name.partition(":2,")[0].encode("utf-8", "backslashreplace").decode("utf-8")


def _read(path: Path, name: str, since: datetime, now: datetime) -> RawMail | None:
    """The mail in a file; None if it is older than our reading. Raises `OSError`."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        received_at = datetime.fromtimestamp(status.st_mtime, UTC)
        if received_at < since:
            return None
        octets = file.read(MAX_OCTETS)
    return RawMail(octets, min(received_at, now), file_name=name, cut=status.st_size > MAX_OCTETS)
