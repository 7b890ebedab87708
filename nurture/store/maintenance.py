"""Copies of the database, and a look at its health."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from nurture.errors import StoreError, StoreFullError, StoreLockedError, StoreMissingError
from nurture.store import meta
from nurture.store.engine import Store
from nurture.store.failures import sqlite_failure
from nurture.store.postgresql_tools import dump


def copy_to(store: Store, target: Path) -> None:
    """Write a complete copy of the database to the new file ``target`` (mode 0600).

    The copy is one moment of the database, also while others write. On SQLite it is
    a compact database file, on PostgreSQL what `pg_dump` makes.
    Raises `BackupError` where that is not installed or fails, `StoreFullError`
    if the file cannot be written; then nothing is left behind.
    """
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreFullError(f"the copy {target} cannot be made: {error.strerror}") from error
    try:
        if store.path is None:
            dump(store, target)
        else:
            _vacuum_into(store.path, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _vacuum_into(path: Path, target: Path) -> None:
    try:
        # VACUUM cannot run inside a transaction, so this is a connection of its own.
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        # what fails here is the new file: the database is only read
        known = sqlite_failure(error, f"the copy {target}", writing=True)
        raise (known or StoreError(f"the copy {target} cannot be made: {error}")) from error


def remember_copy(store: Store, now: datetime) -> None:
    """Remember that a whole copy was made; a database that is full or busy cannot, and that is no failure."""
    # a full disk is a good reason for a copy elsewhere, and no reason to call it failed
    with suppress(StoreFullError, StoreLockedError), store.write() as transaction:
        meta.set_backed_up(transaction, now)


def forget_freed(store: Store) -> None:
    """Empty SQLite's write-ahead file: it still holds what was erased from the tables.

    Somebody who reads at this moment keeps it until the last connection is closed. PostgreSQL's log is its own affair.
    """
    if store.path is None:
        return
    with closing(sqlite3.connect(f"{store.path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def check(store: Store) -> tuple[str, ...]:
    """What is wrong with the database file, in words; empty if nothing is.

    PostgreSQL checks its files and references itself, so there it only connects.
    """
    try:
        with store.read() as connection:
            if store.dialect != "sqlite":
                connection.execute(sa.select(1))
                return ()
            damage = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA quick_check(20)")]
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(20)
    except (StoreLockedError, StoreFullError, StoreMissingError):
        raise
    except StoreError as error:  # so badly damaged that SQLite cannot go through it
        return (str(error),)
    problems = [f"the file is damaged: {words}" for words in damage if words != "ok"]
    problems += [
        f"row {row} of {table} refers to a row of {parent} that is not there" for table, row, parent, _ in broken
    ]
    return tuple(problems)
