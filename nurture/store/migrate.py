"""The schema's version: is it the present one, and how to get there.

Alembic takes a tenth of a second to import, so only `upgrade` does it; opening
a store compares one row with a constant.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.errors import SchemaError, StoreMissingError
from nurture.store import meta
from nurture.store.engine import Store

# Every migration in order; a test compares them with the files in versions/.
VERSIONS = ("0001", "0002", "0003")
HEAD = VERSIONS[-1]

_VERSION_TABLE = sa.table("alembic_version", sa.column("version_num"))
# An arbitrary number, the same in every nurture: two upgrades at once queue up.
_UPGRADE_LOCK = 7_305_111_201


class SchemaState(StrEnum):
    """How a database's schema relates to this program's."""

    PRESENT = "present"  # the same
    EMPTY = "empty"  # no table yet
    PENDING = "pending"  # older: migrations are due
    NEWER = "newer"  # made by a later nurture
    FOREIGN = "foreign"  # tables, but not ours


def schema_state(connection: Connection) -> SchemaState:
    """How the database's schema relates to this program's."""
    names = sa.inspect(connection).get_table_names()
    if "alembic_version" not in names:
        return SchemaState.FOREIGN if names else SchemaState.EMPTY
    if "meta" not in names or "delivery" not in names:
        return SchemaState.FOREIGN
    version = connection.scalar(sa.select(_VERSION_TABLE.c.version_num))
    if version == HEAD:
        return SchemaState.PRESENT
    return SchemaState.PENDING if version in VERSIONS else SchemaState.NEWER


def require_present_schema(store: Store) -> None:
    """Raise `SchemaError` unless the database has this program's schema."""
    with store.read() as connection:
        state = schema_state(connection)
    if state is SchemaState.PRESENT:
        return
    if state is SchemaState.EMPTY:
        raise SchemaError(f"{store.place} has no tables yet: run `nurture db upgrade`.")
    if state is SchemaState.PENDING:
        raise SchemaError(
            f"{store.place} was made by an older nurture: stop `nurture run`, then run `nurture db upgrade`, "
            "which makes a backup first."
        )
    raise SchemaError(_refusal(store.place, state))


def require_known_schema(store: Store) -> None:
    """Raise `SchemaError` if a newer nurture or another program made it, `StoreMissingError` if it is empty."""
    with store.read() as connection:
        state = schema_state(connection)
    if state is SchemaState.EMPTY:
        raise StoreMissingError(f"{store.place} has no tables yet: there is nothing to copy.")
    if state not in (SchemaState.PRESENT, SchemaState.PENDING):
        raise SchemaError(_refusal(store.place, state))


def require_empty(store: Store) -> None:
    """Raise `SchemaError` unless the database has no table."""
    with store.read() as connection:
        state = schema_state(connection)
    if state is not SchemaState.EMPTY:
        raise SchemaError(f"{store.place} holds tables already: give an empty one (`createdb`), nothing was changed.")


def schema_version(store: Store) -> str:
    """The last migration that a database of ours saw."""
    with store.read() as connection:
        version: str = connection.execute(sa.select(_VERSION_TABLE.c.version_num)).scalar_one()
    return version


def upgrade(store: Store, *, now: datetime) -> bool:
    """Apply every pending migration in one transaction; whether there was one.

    ``now`` is kept as the time the database was made, if it is made here.
    Raises `SchemaError` for a newer or a foreign database, which stays untouched.
    """
    with _exclusive(store) as connection:
        state = schema_state(connection)
        if state in (SchemaState.NEWER, SchemaState.FOREIGN):
            raise SchemaError(_refusal(store.place, state))
        if state is SchemaState.PRESENT:
            return False
        _run_migrations(connection)
        if meta.started_at(connection) is None:
            meta.put(connection, "started_at", now.isoformat())
    return True


def _refusal(place: str, state: SchemaState) -> str:
    if state is SchemaState.NEWER:
        return f"{place} was made by a newer nurture: update this program, or take a copy from before."
    return f"{place} holds tables of another program: give nurture a database of its own."


@contextmanager
def _exclusive(store: Store) -> Iterator[Connection]:
    """A write transaction in which no other upgrade runs.

    SQLite's write lock does it; PostgreSQL takes an advisory lock.
    """
    with store.write() as connection:
        if store.dialect == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
        yield connection


def _run_migrations(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "nurture.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
