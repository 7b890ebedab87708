"""Opening the database, or making it: where it lies, who may read it, which schema it has."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from nurture.clock import Clock, SystemClock
from nurture.errors import StoreError, StoreFullError, StoreMissingError
from nurture.store.engine import Store
from nurture.store.filesystem import network_file_system, read_mounts
from nurture.store.migrate import require_empty, require_known_schema, require_present_schema, upgrade

BUSY_TIMEOUT = timedelta(seconds=10)


def open_store(
    url: str,
    *,
    root: Path,
    busy_timeout: timedelta = BUSY_TIMEOUT,
    mounts: Callable[[], str] = read_mounts,
) -> Store:
    """Open a database that has the present schema.

    ``url`` is ``sqlite:///PATH`` (relative paths start at ``root``) or
    ``postgresql+psycopg://...``. Raises `StoreMissingError` if it is not there,
    `SchemaError` if `nurture db upgrade` is due or a newer nurture made it, and
    `StoreError` if it cannot be used. ``mounts`` gives the text of /proc/mounts.
    """
    store = _connect(url, root=root, busy_timeout=busy_timeout, mounts=mounts)
    if store.path is not None and not store.path.exists():
        raise StoreMissingError(f"{store.place} is not there yet: run `nurture db upgrade` to make it.")
    try:
        require_present_schema(store)
    except BaseException:
        store.close()
        raise
    return store


def open_any_version(url: str, *, root: Path) -> Store:
    """Open a database of this or an older nurture: for copies of it, nothing else.

    Raises `StoreMissingError` if it is not there or empty, `SchemaError` if it
    is a newer one or not ours, `StoreError` if it cannot be used.
    """
    store = _connect(url, root=root, busy_timeout=BUSY_TIMEOUT, mounts=read_mounts)
    try:
        if store.path is not None and not store.path.exists():
            raise StoreMissingError(f"{store.place} is not there yet: there is nothing to copy.")
        require_known_schema(store)
    except BaseException:
        store.close()
        raise
    return store


def open_empty(url: str, *, root: Path) -> Store:
    """Open a database on a server that has no table yet, so that one can be put back into it.

    Raises `SchemaError` if it has some, `StoreError` if it cannot be used.
    """
    store = _connect(url, root=root, busy_timeout=BUSY_TIMEOUT, mounts=read_mounts)
    try:
        require_empty(store)
    except BaseException:
        store.close()
        raise
    return store


def database_file(url: str, *, root: Path) -> Path | None:
    """Where the SQLite file of this address is; None for PostgreSQL. Raises `StoreError` if it is no address."""
    store = _connect(url, root=root, busy_timeout=BUSY_TIMEOUT, mounts=read_mounts)
    store.close()
    return store.path


def create_store(
    url: str,
    *,
    root: Path,
    clock: Clock | None = None,
    busy_timeout: timedelta = BUSY_TIMEOUT,
    mounts: Callable[[], str] = read_mounts,
) -> Store:
    """Make the database if it is not there, bring its schema up to date, open it.

    The SQLite file gets mode 0600, a new folder 0700. Doing it twice, or two at
    once, equals once. ``clock`` says when the database was made. Raises
    `SchemaError` for a newer schema, else as `open_store`.
    """
    store = _connect(url, root=root, busy_timeout=busy_timeout, mounts=mounts)
    try:
        if store.path is not None:
            _make_private_file(store.path)
        upgrade(store, now=(clock or SystemClock()).now())
    except BaseException:
        store.close()
        raise
    return store


def _connect(url: str, *, root: Path, busy_timeout: timedelta, mounts: Callable[[], str]) -> Store:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # the second for a port that is no number
        # the text may hold a password, so it is not repeated, nor is the cause
        raise StoreError("the database address in nurture.yaml is not one, e.g. sqlite:///data/nurture.db") from None
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        parsed = parsed.set(drivername="postgresql+psycopg")
        return Store(parsed, path=None, busy_timeout=busy_timeout)
    if parsed.drivername != "sqlite":
        raise StoreError(f"databases of the kind {parsed.drivername} cannot be used: take sqlite or postgresql+psycopg")
    if not parsed.database or parsed.database == ":memory:":
        raise StoreError("a database in memory would lose the history: give a file, e.g. sqlite:///data/nurture.db")
    path = root / parsed.database
    kind = network_file_system(path, mounts())
    if kind is not None:
        raise StoreError(
            f"{path} lies on a network or foreign file system ({kind}), where SQLite's locks are not safe. "
            "Move the database to a local disk, or use PostgreSQL."
        )
    return Store(parsed, path=path, busy_timeout=busy_timeout)


def _make_private_file(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if not path.is_file():
            raise StoreError(f"{path} is not a file, so it cannot be the database.") from None
    except OSError as error:
        raise StoreFullError(f"the database {path} cannot be made: {error.strerror}.") from error
