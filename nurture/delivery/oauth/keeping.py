"""The permission that `nurture login` obtained: a refresh token in a file for this user alone.

Several workers may renew at once, and a server may take a new one for each use (RFC 6749 6), so whoever
uses it holds the lock from reading to writing.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

from nurture.clock import monotonic
from nurture.durable import sync_folder
from nurture.errors import SecretError
from nurture.workspace.secrets import SecretReference

FOLDER = "data/keys"
_PATIENCE = 60.0  # seconds for others that renew at the same time
_LOOK = 0.05


class PermissionBusyError(SecretError):
    """Others renew at the same time, and slowly; it may pass by itself."""


def permission_of(sender: str) -> SecretReference:
    """Where the refresh token of a sender is, in its workspace."""
    return SecretReference("file", f"{FOLDER}/{sender}.refresh-token")


def written_at(root: Path, sender: str) -> int:
    """When the permission was written (the file system's nanoseconds), 0 where there is none."""
    try:
        return (root / permission_of(sender).name).stat().st_mtime_ns
    except OSError:
        return 0


@contextmanager
def locked(root: Path, sender: str, *, patience: float = _PATIENCE) -> Iterator[None]:
    """Nobody else reads or writes the sender's permission meanwhile; blocks this thread.

    Raises `SecretError` if the folder cannot be used, `PermissionBusyError` if others hold the lock longer than
    ``patience`` (seconds).
    """
    folder = root / FOLDER
    try:
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder / f"{sender}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SecretError(f"{folder} cannot be used: {error.strerror}; let this user write to it") from error
    try:
        until = monotonic() + patience
        while not _taken(descriptor):
            if monotonic() >= until:
                raise PermissionBusyError(
                    f"another process has kept the permission of `{sender}` for {patience:g} seconds"
                )
            sleep(_LOOK)
        yield
    finally:
        os.close(descriptor)  # and with it the lock


def keep(root: Path, sender: str, refresh_token: str) -> None:
    """Put the refresh token in the place of the old one: whole, durable, for this user alone. Needs the lock.

    Raises `SecretError` if it cannot be written; then the old one is still there.
    """
    path = root / permission_of(sender).name
    new = path.with_name(f"{path.name}.new")
    try:
        path.parent.chmod(0o700)
        new.unlink(missing_ok=True)  # of a process that died here
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{refresh_token}\n")
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise SecretError(f"the permission of `{sender}` cannot be written to {path}: {error.strerror}") from error


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
