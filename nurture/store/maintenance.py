"""Copies of the database, and a look at its health."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from nurture.errors import InputError, StoreError, StoreFullError, StoreLockedError, StoreMissingError
from nurture.store import meta
from nurture.store.engine import Store
from nurture.store.failures import sqlite_failure


def backup(store: Store, target: Path, *, now: datetime) -> None:
    """Write a complete, compact copy of the database to ``target`` (mode 0600).

    The copy is one moment of the database, also while others write; ``now`` is
    remembered as the time of the last copy. Raises
    `InputError` if ``target`` is there already or on PostgreSQL, `StoreFullError`
    if it cannot be written; then nothing is left behind.
    """
    if store.path is None:
        raise InputError(
            "PostgreSQL makes its copies itself, e.g. `pg_dump --format=custom --file=nurture.dump DATABASE`"
        )
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        raise InputError(f"{target} is there already: name a new file, a copy never takes the place of one") from None
    except OSError as error:
        raise StoreFullError(f"the copy {target} cannot be made: {error.strerror}") from error
    try:
        # VACUUM cannot run inside a transaction, so this is a connection of its own.
        with closing(sqlite3.connect(f"{store.path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        target.unlink(missing_ok=True)
        # what fails here is the new file: the database is only read
        known = sqlite_failure(error, f"the copy {target}", writing=True)
        raise (known or StoreError(f"the copy {target} cannot be made: {error}")) from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise
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
