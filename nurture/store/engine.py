"""The open database: one `Store`, snapshots to read, transactions to write."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import random
from time import sleep

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.clock import monotonic
from nurture.errors import StoreError, StoreMissingError
from nurture.store.failures import translate

__all__ = ["Connection", "Store"]

_SHORTEST_PAUSE = 0.03  # seconds
_FIRST_LOOK, _LAST_LOOK = 0.001, 0.01  # seconds between two looks at a lock


class Store:
    """The open database; safe to share between threads.

    ``url`` is the address without its password, ``place`` names the database
    for people, ``dialect`` is "sqlite" or "postgresql", ``path`` is the SQLite
    file (None on PostgreSQL). Use `opening.open_store` or `opening.create_store` to get one.
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

    @contextmanager
    def write_in_turn(self) -> Iterator[Connection]:
        """`write` for who writes one transaction after the other: then the others get their turn.

        SQLite has no queue for its write lock. Who waits looks at it every 25 ms
        at first, every 100 ms later, and would never find it free, so it stays
        free for half as long as it was held, at least 30 ms.
        """
        with self.write() as connection:
            began = monotonic()
            yield connection
        if self.path is not None:
            sleep(max(_SHORTEST_PAUSE, (monotonic() - began) / 2))

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


def _place(url: sa.URL, path: Path | None) -> str:
    if path is not None:
        return f"the database {path}"
    host = f" on {url.host}:{url.port or 5432}" if url.host else ""
    return f"the PostgreSQL database {url.database or ''}{host}"


def _sqlite_engine(path: Path, begin: str, busy_milliseconds: int) -> sa.Engine:
    def connect() -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw",  # never make an empty file in the place of a lost one
                uri=True,
                isolation_level=None,  # no hidden BEGIN by the driver; ours is sent by the event below
                timeout=0,  # waiting is ours, see `_patiently`
                check_same_thread=False,
            )
        except sqlite3.OperationalError as error:
            if path.exists():
                raise
            raise StoreMissingError(
                f"the database {path} is not there: run `nurture db upgrade` to make it."
            ) from error
        try:
            # of two who make a new file WAL at once SQLite turns one away, whatever its own timeout
            _patiently(lambda: connection.execute("PRAGMA journal_mode = WAL"), busy_milliseconds)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")  # who was erased must not stay in free space
            writes = "IMMEDIATE" in begin
            connection.execute(f"PRAGMA query_only = {'OFF' if writes else 'ON'}")
            if not writes:
                connection.execute(f"PRAGMA busy_timeout = {busy_milliseconds}")
        except BaseException:
            connection.close()
            raise
        return connection

    # parameters are people's addresses: they must stand in no error and no log
    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.QueuePool, hide_parameters=True)

    @sa.event.listens_for(engine, "begin")
    def send_begin(connection: Connection) -> None:
        _patiently(lambda: connection.exec_driver_sql(begin), busy_milliseconds)

    return engine


def _patiently(step: Callable[[], object], busy_milliseconds: int) -> None:
    """Try a step again until the lock that it needs is free.

    SQLite itself would wait 100 ms between two looks, and never find a lock that others take turns with free.
    """
    end, pause = monotonic() + busy_milliseconds / 1000, _FIRST_LOOK
    while True:
        try:
            step()
        except (sqlite3.OperationalError, sa.exc.OperationalError) as error:
            cause = error.orig if isinstance(error, sa.exc.OperationalError) else error
            busy = getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or monotonic() + pause > end:
                raise
        else:
            return
        sleep(pause * (0.5 + random()))  # noqa: S311 - so that two do not look in step
        pause = min(pause * 1.2, _LAST_LOOK)


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
