"""Answers of mail servers that the database cannot take now, on disk.

One file per worker, ``locks/OWNER.journal``, written whole when the worker
starts: an answer then overwrites a slot in place, which needs no space on a
full disk. The worker holds a lock on its file; the system lets go of it at any
death, and whoever finds it free may replay it (`replaying`).

Where a file system never overwrites in place (btrfs, ZFS), a disk without a
single free block can refuse the slot, too; then the answer stays in memory.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from nurture.delivery.kept import SLOT, Contents, KeptAnswer, parse
from nurture.durable import sync_folder
from nurture.errors import StoreError, StoreFullError

log = logging.getLogger("nurture.delivery")

SUFFIX = ".journal"
SLOTS = 256  # a connection has at most one answer that is read and not written

_sync = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class Journal:
    """This worker's file. Make it with `create`; `keep` and `clear` never raise."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.kept: dict[int, KeptAnswer] = {}  # by attempt
        self._descriptor = descriptor
        self._slots: dict[int, int] = {}
        self._free = list(reversed(range(SLOTS)))

    @classmethod
    def create(cls, path: Path) -> Journal:
        """Make the file (mode 0600), take its lock and all the space that it will ever need.

        Raises `StoreFullError` if there is no room for it, `StoreError` if it cannot be made.
        """
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = _open_locked(path, os.O_CREAT)
            # written, not only reserved: the first write to a reserved block may need space for the file's map
            _write(descriptor, bytes(SLOT * SLOTS), 0)
            os.fsync(descriptor)
            sync_folder(path.parent)
        except OSError as error:
            path.unlink(missing_ok=True)
            words = f"the journal {path} cannot be made ({error.strerror}), and no mail leaves without it: "
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StoreFullError(f"{words}free some space on its disk.") from error
            raise StoreError(f"{words}let this user write to its folder.") from error
        return cls(path, descriptor)

    def keep(self, answer: KeptAnswer) -> bool:
        """Keep an answer durably; twice equals once. False: it could not be kept, which is logged."""
        if answer.attempt_id in self.kept:
            return True
        if not self._free:
            log.error("%s: %s is full", _IN_MEMORY % answer.delivery_id, self.path)
            return False
        slot = self._free.pop()
        try:
            _write(self._descriptor, answer.to_slot(), slot * SLOT)
            _sync(self._descriptor)
        except OSError as error:
            self._free.append(slot)
            log.error("%s: %s cannot be written: %s", _IN_MEMORY % answer.delivery_id, self.path, error.strerror)
            return False
        self.kept[answer.attempt_id], self._slots[answer.attempt_id] = answer, slot
        return True

    def clear(self, attempt_id: int) -> None:
        """The database has it. What a crash leaves of that does no harm: replayed twice equals once."""
        if self.kept.pop(attempt_id, None) is None:
            return
        slot = self._slots.pop(attempt_id)
        self._free.append(slot)
        try:
            _write(self._descriptor, bytes(SLOT), slot * SLOT)
        except OSError as error:
            log.warning("%s cannot be cleared: %s", self.path, error.strerror)

    def close(self) -> None:
        """Let go of the file: it is removed if it holds nothing, else the next worker replays it."""
        if not self.kept:
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)


class LeftJournal:
    """The file of a dead worker, in our hands, so that nobody else replays it meanwhile."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.owner = path.name.removesuffix(SUFFIX)
        self._descriptor = descriptor

    def read(self) -> Contents:
        """What it holds."""
        return parse(os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0))

    def close(self, *, done: bool) -> None:
        """Let go of it; ``done``: all of it is in the database, so the file goes."""
        if done:
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)


def find_left(folder: Path, *, but: Path) -> Iterator[LeftJournal]:
    """The journals in ``folder`` that no living worker holds; never ``but`` (one's own).

    Each is in our hands from when it is given out: the caller closes it.
    Raises `StoreError` for one that this user may not open.
    """
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if path != but:
            try:
                left = LeftJournal(path, _open_locked(path))
            except (FileNotFoundError, BlockingIOError):
                continue
            except OSError as error:
                raise StoreError(
                    f"a dead worker left answers of the mail server in {path}, which cannot be opened "
                    f"({error.strerror}): let this user read and write it"
                ) from error
            yield left


_IN_MEMORY = "the answer to delivery %d is only in memory until the database takes it"


def _open_locked(path: Path, more: int = 0) -> int:
    """The file and its lock. Raises `BlockingIOError` if a living process has it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | more, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            if not more:
                os.close(descriptor)
                raise
        except BaseException:
            os.close(descriptor)
            raise
        # somebody removed the file between our two steps
        os.close(descriptor)


def _write(descriptor: int, data: bytes, offset: int) -> None:
    if os.pwrite(descriptor, data, offset) != len(data):
        raise OSError(errno.EIO, "only a part of it was written")
