import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nurture.errors import BackupError, StoreError, StoreFullError
from nurture.store import Store, maintenance, meta, open_store

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


def test_a_copy_is_complete_and_private_while_another_writes(sqlite_store: Store, tmp_path: Path) -> None:
    with sqlite_store.write() as connection:
        meta.put(connection, "word", "committed")
    with sqlite_store.write() as connection:
        meta.put(connection, "word", "not yet")
        maintenance.copy_to(sqlite_store, tmp_path / "copy.db")
    copy = open_store("sqlite:///copy.db", root=tmp_path)
    with copy.read() as connection:
        assert meta.get(connection, "word") == "committed"
    assert maintenance.check(copy) == ()
    copy.close()
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600


def test_the_database_remembers_its_last_copy(sqlite_store: Store) -> None:
    with sqlite_store.read() as connection:
        assert meta.backed_up_at(connection) is None
    maintenance.remember_copy(sqlite_store, NOW)
    with sqlite_store.read() as connection:
        assert meta.backed_up_at(connection) == NOW


def test_a_copy_never_takes_the_place_of_a_file(sqlite_store: Store, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("the only copy of last year")
    with pytest.raises(StoreFullError, match="File exists"):
        maintenance.copy_to(sqlite_store, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "the only copy of last year"


def test_a_copy_into_a_folder_that_is_not_there(sqlite_store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreFullError, match="cannot be made: No such file or directory"):
        maintenance.copy_to(sqlite_store, tmp_path / "nowhere" / "copy.db")


def test_a_copy_that_fails_leaves_nothing(sqlite_store: Store, tmp_path: Path) -> None:
    sqlite_store.close()
    assert sqlite_store.path is not None
    sqlite_store.path.write_bytes(b"damaged" * 1000)
    with pytest.raises(StoreError, match="copy"):
        maintenance.copy_to(sqlite_store, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


@pytest.mark.postgres
def test_postgresql_is_copied_by_its_own_tool(
    new_postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(new_postgresql_url, root=Path())
    maintenance.copy_to(store, tmp_path / "nurture.dump")
    assert (tmp_path / "nurture.dump").read_bytes().startswith(b"PGDMP")
    assert stat.S_IMODE((tmp_path / "nurture.dump").stat().st_mode) == 0o600
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupError, match=r"pg_dump, which is not installed here: .*apt-get install postgresql-client"):
        maintenance.copy_to(store, tmp_path / "another.dump")
    assert not (tmp_path / "another.dump").exists()
    store.close()


def test_a_sound_database_has_no_problems(store: Store) -> None:
    assert maintenance.check(store) == ()


def test_a_reference_to_nowhere_is_found(sqlite_store: Store) -> None:
    connection = sqlite_store._writer.raw_connection()
    connection.cursor().execute("PRAGMA foreign_keys = OFF")
    connection.cursor().execute("INSERT INTO contact_tag VALUES (4711, 'vip')")
    connection.close()
    assert maintenance.check(sqlite_store) == ("row 1 of contact_tag refers to a row of contact that is not there",)


def test_damage_is_found(sqlite_store: Store) -> None:
    with sqlite_store.write() as connection:
        for number in range(2000):
            meta.put(connection, f"key {number}", "x" * 100)
    sqlite_store.close()
    assert sqlite_store.path is not None
    content = bytearray(sqlite_store.path.read_bytes())
    content[-8192:] = b"\x07" * 8192
    sqlite_store.path.write_bytes(content)
    assert any("damaged" in problem for problem in maintenance.check(sqlite_store))
