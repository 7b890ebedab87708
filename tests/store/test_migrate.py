"""Empty + all migrations = schema, and what opening says about other versions."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import nurture.store.migrations
from nurture.errors import SchemaError
from nurture.store import Store, create_store, meta, migrate, open_store
from nurture.store.schema import metadata

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)


def test_every_migration_is_known_by_its_number_and_in_a_line() -> None:
    scripts = ScriptDirectory(nurture.store.migrations.__path__[0])
    line = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(line)) == migrate.VERSIONS


def test_alembic_finds_no_difference_between_migrations_and_schema(store: Store) -> None:
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


@pytest.fixture
def schema_store(store: Store) -> Store:
    """The same database, its tables made anew by schema.py instead of the migrations."""
    with store.write() as connection:
        metadata.drop_all(connection)
        metadata.create_all(connection)
    return store


def _described(connection: sa.Connection) -> dict[str, Any]:
    """Tables, columns, keys, indices, references, as the database itself tells them."""
    inspector = sa.inspect(connection)

    def plain(value: object) -> str:
        if isinstance(value, dict):
            return str(sorted((key, plain(part)) for key, part in value.items()))
        return str(value)

    return {
        table: {
            "columns": [plain(column) for column in inspector.get_columns(table)],
            "primary key": plain(inspector.get_pk_constraint(table)),
            "indices": sorted(plain(index) for index in inspector.get_indexes(table)),
            "uniques": sorted(plain(unique) for unique in inspector.get_unique_constraints(table)),
            "references": sorted(plain(key) for key in inspector.get_foreign_keys(table)),
            "checks": sorted(plain(check) for check in inspector.get_check_constraints(table)),
        }
        for table in sorted(inspector.get_table_names())
        if table != "alembic_version"
    }


def test_the_database_itself_tells_the_same_of_both(
    open_database: Callable[[], Store], request: pytest.FixtureRequest
) -> None:
    with open_database().read() as connection:
        by_migrations = _described(connection)
    with request.getfixturevalue("schema_store").read() as connection:
        by_schema = _described(connection)
    assert by_migrations == by_schema
    assert by_schema.keys() == metadata.tables.keys()


def test_an_empty_database_waits_for_its_upgrade(tmp_path: Path) -> None:
    (tmp_path / "nurture.db").touch(0o600)
    with pytest.raises(SchemaError, match="has no tables yet: run `nurture db upgrade`"):
        open_store("sqlite:///nurture.db", root=tmp_path)


def _set_version(store: Store, version: str) -> None:
    with store.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :version"), {"version": version})


def test_an_older_schema_waits_for_its_upgrade(
    store: Store, open_database: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "VERSIONS", ("0000", *migrate.VERSIONS))
    _set_version(store, "0000")
    with pytest.raises(
        SchemaError, match=r"was made by an older nurture: stop .*`nurture db upgrade`, which makes a backup"
    ):
        open_database()


def test_a_newer_schema_is_neither_opened_nor_touched(
    store: Store, open_database: Callable[[], Store], database_url: str
) -> None:
    _set_version(store, "9999")
    with pytest.raises(SchemaError, match="was made by a newer nurture: update this program"):
        open_database()
    with pytest.raises(SchemaError, match="was made by a newer nurture"):
        create_store(database_url, root=Path())
    with store.read() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == "9999"


def test_upgrading_what_is_present_does_nothing(store: Store) -> None:
    assert migrate.upgrade(store, now=NOW) is False
    with store.read() as connection:
        assert meta.started_at(connection) != NOW


def test_a_migration_that_fails_leaves_nothing_half_done(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.write() as connection:
        metadata.drop_all(connection)
        connection.execute(sa.text("DROP TABLE alembic_version"))

    def fail(_connection: sa.Connection, _key: str, _value: str) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(meta, "put", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        migrate.upgrade(store, now=NOW)
    with store.read() as connection:
        assert sa.inspect(connection).get_table_names() == []
        assert migrate.schema_state(connection) is migrate.SchemaState.EMPTY
    monkeypatch.undo()
    assert migrate.upgrade(store, now=NOW) is True
    with store.read() as connection:
        assert meta.started_at(connection) == NOW
