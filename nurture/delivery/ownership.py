"""Who delivers, and who is dead.

An owner is one process start. On SQLite it lives while it holds an OS lock on
its file beside the database: the system lets go of it at any death, also at
SIGKILL and power loss. On PostgreSQL it lives while its lease in the database
is renewed, because workers may be on several machines.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import socket
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path

from nurture.errors import StoreError
from nurture.store import Store, deliveries, workers
from nurture.store.engine import Connection
from nurture.vocabulary import WorkerRole

FOLDER = "locks"
LAST_ANSWER = timedelta(minutes=10)


class Owner:
    """This process as an owner of rows. Make it with `Owner.register`; end it with `resign`."""

    def __init__(self, name: str, lock: int | None, path: Path | None) -> None:
        self.name = name
        self._lock = lock
        self._path = path

    @classmethod
    def register(cls, store: Store, now: datetime, *, role: WorkerRole) -> Owner:
        """Take a new name, lock its file (SQLite) and write it down."""
        host = socket.gethostname()
        name = f"{host}-{os.getpid()}-{secrets.token_hex(4)}"
        lock = path = None
        if store.path is not None:
            path = store.path.parent / FOLDER / f"{name}.lock"
            lock = _create_locked(path)
        with store.write() as connection:
            workers.register(connection, name, host=host, process=os.getpid(), role=role, now=now)
        return cls(name, lock, path)

    def renew(self, connection: Connection, now: datetime) -> None:
        """Say that this process lives; on PostgreSQL at least every `workers.LEASE` / 3."""
        workers.renew(connection, self.name, now)

    def resign(self, store: Store, now: datetime) -> None:
        """End the ownership; rows that are still in this owner's name can be recovered by anybody."""
        with store.write() as connection:
            workers.end(connection, self.name, now)
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def folder_of(store: Store, root: Path) -> Path:
    """Where workers keep their files: beside an SQLite database, else in the clinic's folder ``root``.

    Whoever opens an SQLite database finds what its dead workers left, wherever
    its workspace is; a PostgreSQL server has no folder of ours.
    """
    return (store.path.parent if store.path is not None else root / "data") / FOLDER


def dead_owners(connection: Connection, store: Store, *, but: str) -> tuple[str, ...]:
    """Owners of deliveries in hand that are proven dead; never ``but`` (oneself)."""
    owners = [owner for owner in deliveries.owners_in_hand(connection) if owner != but]
    if not owners:
        return ()
    if store.path is None:
        return workers.lapsed(connection, owners)
    folder = store.path.parent / FOLDER
    return tuple(owner for owner in owners if not _is_locked(folder / f"{owner}.lock"))


def out_of_reach(connection: Connection, store: Store, owners: Collection[str]) -> tuple[str, ...]:
    """Those of the owners from whom no answer can come any more: what they had in hand may go again.

    Their lock is free (SQLite), or they were silent until 10 minutes after
    their lease ended (PostgreSQL): a server may take that long to answer a body
    (RFC 5321 4.5.3.2.6), and the owner may only be cut off from the database.
    """
    if store.path is None:
        return workers.silent(connection, owners, workers.LEASE + LAST_ANSWER)
    folder = store.path.parent / FOLDER
    return tuple(owner for owner in owners if not _is_locked(folder / f"{owner}.lock"))


def living(connection: Connection, store: Store, owners: Collection[str]) -> tuple[str, ...]:
    """Those of the owners that live: they hold their lock (SQLite) or their lease runs (PostgreSQL)."""
    if store.path is None:
        lapsed = workers.lapsed(connection, owners)
        return tuple(owner for owner in owners if owner not in lapsed)
    folder = store.path.parent / FOLDER
    return tuple(owner for owner in owners if _is_locked(folder / f"{owner}.lock"))


def anybody_at_work(folder: Path) -> bool:
    """Whether a process delivers from the SQLite database in this folder."""
    return any(_is_locked(path) for path in (folder / FOLDER).glob("*.lock"))


def forget(store: Store, owner: str) -> None:
    """Remove the lock file of an owner whose rows were recovered."""
    if store.path is not None:
        (store.path.parent / FOLDER / f"{owner}.lock").unlink(missing_ok=True)


def _create_locked(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise StoreError(f"the lock file {path} cannot be made: {error.strerror}") from error
    return descriptor


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    with contextlib.closing(os.fdopen(descriptor)):
        try:
            # shared: two that ask at the same moment must not take each other for the owner
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
