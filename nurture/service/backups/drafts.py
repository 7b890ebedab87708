"""Files in the making: in a private folder that nobody takes for something finished, and that no kill leaves behind."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nurture.durable import sync_folder
from nurture.errors import InputError

PREFIX = ".nurture-draft-"


@contextmanager
def draft_folder(parent: Path) -> Iterator[Path]:
    """A new folder in ``parent`` (0700), gone at the end; what killed processes left there goes first.

    Raises ``OSError`` if it cannot be made.
    """
    around = os.open(parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(around, fcntl.LOCK_EX)  # so that nobody sweeps away what is not locked yet
        _sweep(parent)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_EX)
    finally:
        os.close(around)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def put(draft: Path, target: Path) -> None:
    """Give a finished file its name, durably; raises `InputError` if the name is taken."""
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    try:
        os.link(draft, target)
    except FileExistsError:
        raise InputError(f"{target} is there already: name a new file, a copy never takes the place of one") from None
    except OSError:  # a file system without links, as on most sticks
        if target.exists():
            raise InputError(f"{target} is there already: name a new file") from None
        draft.rename(target)
    sync_folder(target.parent)


def _sweep(parent: Path) -> None:
    for left in parent.glob(f"{PREFIX}*"):
        try:
            lock = os.open(left, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue  # somebody is at work
        else:
            shutil.rmtree(left, ignore_errors=True)
        finally:
            os.close(lock)
