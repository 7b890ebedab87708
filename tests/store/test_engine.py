import multiprocessing
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from nurture.clock import DrivenClock
from nurture.errors import StoreLockedError
from nurture.store import Store, create_store, meta, open_store
from nurture.store.schema import contact, contact_tag, organization

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)


def test_a_snapshot_does_not_see_what_is_committed_meanwhile(store: Store) -> None:
    with store.read() as reader:
        assert meta.get(reader, "word") is None
        with store.write() as writer:
            meta.put(writer, "word", "new")
        assert meta.get(reader, "word") is None
    with store.read() as reader:
        assert meta.get(reader, "word") == "new"


def test_an_error_rolls_everything_back(store: Store) -> None:
    def stop_halfway() -> None:
        with store.write() as connection:
            meta.put(connection, "word", "half done")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stop_halfway()
    with store.read() as connection:
        assert meta.get(connection, "word") is None


def test_writing_in_a_snapshot_is_a_bug_and_stays_raw(store: Store) -> None:
    with pytest.raises(sa.exc.DBAPIError), store.read() as connection:
        meta.put(connection, "word", "new")


def test_a_broken_statement_is_a_bug_and_stays_raw(store: Store) -> None:
    with pytest.raises(sa.exc.DBAPIError), store.read() as connection:
        connection.execute(sa.text("SELECT nothing FROM nowhere"))


def test_references_are_enforced(store: Store) -> None:
    with pytest.raises(sa.exc.IntegrityError), store.write() as connection:
        connection.execute(contact_tag.insert().values(contact_id=4711, tag="vip"))


def test_instants_come_back_aware_and_in_utc(store: Store) -> None:
    row = {
        "name": "Salem Gym",
        "name_key": "salem gym",
        "attributes": {"size": 3},
        "created_at": NOW,
        "updated_at": NOW,
    }
    with store.write() as connection:
        connection.execute(organization.insert().values(row))
    with store.read() as connection:
        found = connection.execute(sa.select(organization)).one()
    assert found.created_at == NOW
    assert found.created_at.tzinfo is not None
    assert found.attributes == {"size": 3}


def test_a_naive_instant_is_refused(store: Store) -> None:
    with pytest.raises(sa.exc.StatementError, match="naive datetime"), store.write() as connection:
        connection.execute(contact.update().values(updated_at=datetime(2026, 12, 1)))


def test_sqlite_survives_a_power_cut_and_forgets_what_is_deleted(sqlite_store: Store) -> None:
    with sqlite_store.write() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
    }


def test_the_file_and_its_folder_are_private(tmp_path: Path) -> None:
    store = create_store("sqlite:///data/nurture.db", root=tmp_path)
    with store.write() as connection:
        meta.put(connection, "word", "new")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
    store.close()
    assert modes == {"nurture.db": 0o600, "nurture.db-wal": 0o600, "nurture.db-shm": 0o600}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_creating_twice_equals_once(tmp_path: Path) -> None:
    first = create_store("sqlite:///nurture.db", root=tmp_path, clock=DrivenClock(NOW))
    with first.write() as connection:
        meta.put(connection, "word", "kept")
    first.close()
    again = create_store("sqlite:///nurture.db", root=tmp_path, clock=DrivenClock(NOW + timedelta(days=9)))
    with again.read() as connection:
        assert meta.get(connection, "word") == "kept"
        assert meta.started_at(connection) == NOW
    again.close()


def test_relative_paths_start_at_the_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    create_store("sqlite:///data/nurture.db", root=tmp_path).close()
    assert open_store("sqlite:///data/nurture.db", root=tmp_path).path == tmp_path / "data" / "nurture.db"


def _create(root: Path) -> None:
    create_store("sqlite:///nurture.db", root=root).close()


def test_two_processes_may_create_one_database_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_create, args=(tmp_path,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    open_store("sqlite:///nurture.db", root=tmp_path).close()


def test_all_who_open_a_new_file_at_once_get_in(tmp_path: Path) -> None:
    """SQLite turns one of two away who both make a file WAL, whatever its busy timeout."""

    def write(path: Path) -> None:
        store = Store(sa.make_url(f"sqlite:///{path}"), path=path, busy_timeout=timedelta(seconds=30))
        try:
            with store.write() as connection:
                connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS made (id INTEGER)")
                connection.exec_driver_sql("INSERT INTO made VALUES (1)")
        finally:
            store.close()

    with ThreadPoolExecutor(4) as threads:
        for number in range(40):
            path = tmp_path / f"{number}.db"
            path.touch()
            list(threads.map(write, [path] * 4))
            with closing(sqlite3.connect(path)) as connection:
                assert connection.execute("SELECT count(*) FROM made").fetchone() == (4,)


def test_what_a_sqlite_writer_has_read_stays_true_until_it_writes(new_sqlite_url: str) -> None:
    """Two counters that read, then write: with a lock from the first write on, numbers would be lost."""
    stores = [open_store(new_sqlite_url, root=Path()) for _ in range(2)]

    def count_up(store: Store) -> None:
        for _ in range(10):
            with store.write() as connection:
                meta.put(connection, "count", str(int(meta.get(connection, "count") or 0) + 1))

    with ThreadPoolExecutor() as threads:
        list(threads.map(count_up, stores))
    with stores[0].read() as connection:
        assert meta.get(connection, "count") == "20"
    for store in stores:
        store.close()


def test_who_waits_too_long_for_the_lock_is_told_so(database_url: str) -> None:
    holder = open_store(database_url, root=Path())
    waiter = open_store(database_url, root=Path(), busy_timeout=timedelta(milliseconds=50))
    with holder.write() as connection:
        meta.put(connection, "word", "one")
        connection.execute(sa.text("UPDATE alembic_version SET version_num = version_num"))
        with pytest.raises(StoreLockedError, match="locked: another process holds"), waiter.write() as other:
            other.execute(sa.text("UPDATE alembic_version SET version_num = version_num"))
    holder.close()
    waiter.close()
