"""Opening the database: one `Store`, snapshots to read, transactions to write."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.clock import Clock, SystemClock
from nurture.errors import StoreError, StoreFullError, StoreMissingError
from nurture.store.failures import translate
from nurture.store.filesystem import network_file_system, read_mounts

BUSY_TIMEOUT = timedelta(seconds=10)

__all__ = ["BUSY_TIMEOUT", "Connection", "Store", "create_store", "open_store"]


class Store:
    """The open database; safe to share between threads.

    ``url`` is the address without its password, ``place`` names the database
    for people, ``dialect`` is "sqlite" or "postgresql", ``path`` is the SQLite
    file (None on PostgreSQL). Use `open_store` or `create_store` to get one.
    """

    def __init__(self, url: sa.URL, *, path: Path | None, busy_timeout: timedelta) -> None:
        self.url = url.set(password=None, query={}).render_as_string()
        self.dialect = url.get_backend_name()
        self.path = path
        self.place = _place(url, path)
        milliseconds = round(busy_timeout.total_seconds() * 1000)
        if path is not None:
            self._writer = _sqlite_engine(path, "BEGIN IMMEDIATE", milliseconds)
            self._reader = _sqlite_engine(path, "BEGIN", milliseconds)
        else:
            self._writer = _postgresql_engine(url, milliseconds)
            self._reader = self._writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def __repr__(self) -> str:
        return f"<Store {self.place}>"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent snapshot; writing in it is a bug, and the database refuses it."""
        with self._translated(writing=False), self._reader.connect() as connection, connection.begin() as transaction:
            yield connection
            transaction.rollback()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that may write: commits at the end, rolls back on any error.

        On SQLite it holds the write lock from its start, so what it reads stays true.
        Raises `StoreLockedError`, `StoreFullError` or `StoreError` as said there.
        """
        with self._translated(writing=True), self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections; the store cannot be used in a transaction any more."""
        self._reader.dispose()
        self._writer.dispose()

    @contextmanager
    def _translated(self, *, writing: bool) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            known = translate(error, self.place, writing=writing)
            if known is None:
                raise
            raise known from error


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
    from nurture.store.migrate import require_present_schema

    store = _connect(url, root=root, busy_timeout=busy_timeout, mounts=mounts)
    if store.path is not None and not store.path.exists():
        raise StoreMissingError(f"{store.place} is not there yet: run `nurture db upgrade` to make it.")
    try:
        require_present_schema(store)
    except BaseException:
        store.close()
        raise
    return store


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
    from nurture.store.migrate import upgrade

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
    except sa.exc.ArgumentError:
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


def _place(url: sa.URL, path: Path | None) -> str:
    if path is not None:
        return f"the database {path}"
    host = f" on {url.host}:{url.port or 5432}" if url.host else ""
    return f"the PostgreSQL database {url.database or ''}{host}"


def _make_private_file(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if not path.is_file():
            raise StoreError(f"{path} is not a file, so it cannot be the database.") from None
    except OSError as error:
        raise StoreFullError(f"the database {path} cannot be made: {error.strerror}.") from error


def _sqlite_engine(path: Path, begin: str, busy_milliseconds: int) -> sa.Engine:
    def connect() -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw",  # never make an empty file in the place of a lost one
                uri=True,
                isolation_level=None,  # no hidden BEGIN by the driver; ours is sent by the event below
                timeout=busy_milliseconds / 1000,
                check_same_thread=False,
            )
        except sqlite3.OperationalError as error:
            if path.exists():
                raise
            raise StoreMissingError(
                f"the database {path} is not there: run `nurture db upgrade` to make it."
            ) from error
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA query_only = {'OFF' if 'IMMEDIATE' in begin else 'ON'}")
        except BaseException:
            connection.close()
            raise
        return connection

    # parameters are people's addresses: they must stand in no error and no log
    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.QueuePool, hide_parameters=True)

    @sa.event.listens_for(engine, "begin")
    def send_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _postgresql_engine(url: sa.URL, busy_milliseconds: int) -> sa.Engine:
    options = f"-c lock_timeout={busy_milliseconds} -c timezone=UTC"
    try:
        return sa.create_engine(
            url,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={"connect_timeout": 10, "application_name": "nurture", "options": options},
        )
    except ModuleNotFoundError as error:
        raise StoreError("PostgreSQL needs one more package: pip install 'nurture[postgres]'") from error
