"""The worker reads a yes that the database cannot take, and is killed with SIGKILL: the yes is never lost."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from nurture.delivery.kept import parse
from nurture.delivery.ownership import folder_of
from nurture.store import Store, create_store, open_store, workers
from nurture.store.schema import delivery, worker
from tests.delivery.clinic import make_clinic
from tests.delivery.conftest import Office
from tests.delivery.worker_process import Orders, WorkerProcess
from tests.servers import small_disk as small_disks
from tests.servers.scripted_smtp import ScriptedSmtp, Step

MAILS = 40  # more than one line claims at once
PATIENCE = 60  # seconds


def kept_answers(office: Office) -> int:
    paths = folder_of(office.store, office.root).glob("*.journal")
    return sum(len(parse(path.read_bytes()).answers) for path in paths)


def until(condition: Callable[[], bool], words: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, words
        time.sleep(0.05)


async def kill_with_answers_in_the_journal(
    office: Office, server: ScriptedSmtp, url: str, *, break_it: Callable[[], None], mend_it: Callable[[], None]
) -> None:
    """The database breaks between the bodies and their answers, over two connections."""
    office.use(server)
    office.connections = 2
    outbox = office.outbox(recipients=MAILS)
    make_clinic(office.root, office.smtp, connections=office.connections)
    broken = threading.Event()

    def break_once() -> None:
        if not broken.is_set():
            break_it()
            broken.set()

    # one mail goes well; then both connections have a body out, and get their answers when the database is gone
    both = threading.Barrier(2)
    server.on("BODY", Step("250 2.0.0 ok"))
    server.on("BODY", Step("250 2.0.0 ok", during=lambda: (both.wait(PATIENCE), break_once()), wait=broken))
    server.on("BODY", Step("250 2.0.0 ok", during=lambda: both.wait(PATIENCE), wait=broken))
    # it waits longer for the database than we do for the journal
    process = WorkerProcess(Orders(url, office.root, busy=3 * PATIENCE))
    try:
        process.go()
        until(lambda: kept_answers(office) == 2, "the answers never came into the journal")
        assert len(server.mails) == 3
    finally:
        killed = process.kill()
        mend_it()
    assert killed
    assert outbox.states.count("sent") <= 1
    assert outbox.states.count("sending") >= 2

    lapse_leases(office.store)
    await office.deliver()
    assert outbox.states == ["sent"] * MAILS
    assert sorted(server.recipients()) == sorted(outbox.column("address")), "nothing is lost or sent twice"
    assert outbox.column("attempts") == [1] * MAILS
    assert kept_answers(office) == 0
    assert list(folder_of(office.store, office.root).glob("*.journal")) == []


def lapse_leases(store: Store) -> None:
    """On PostgreSQL, as if a minute had passed; on SQLite the lock went with the process."""
    if store.dialect == "postgresql":
        with store.write() as connection:
            minute = sa.bindparam("minute", workers.LEASE, sa.Interval())
            connection.execute(sa.update(worker).values(seen_at=worker.c.seen_at - minute))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 8 MB, in memory."""
    with small_disks.small_disk(tmp_path / "disk", "8m") as folder:
        yield folder


def fill(path: Path) -> None:
    """Until the disk has not a single free block."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while file.write(b"x" * size):
                    pass


async def test_on_a_full_disk(small_disk: Path, tmp_path: Path, content: dict, server: ScriptedSmtp) -> None:
    url = f"sqlite:///{small_disk}/nurture.db"
    create_store(url, root=tmp_path).close()
    store = open_store(url, root=tmp_path)
    office = Office(store, tmp_path / "clinic", content)
    filler = small_disk / "filler"
    # long words need new pages, so that the database surely cannot take the answers
    await kill_with_answers_in_the_journal(
        office, server, url, break_it=lambda: fill(filler), mend_it=lambda: filler.unlink()
    )
    store.close()


async def test_on_a_locked_database(new_sqlite_url: str, tmp_path: Path, content: dict, server: ScriptedSmtp) -> None:
    store = open_store(new_sqlite_url, root=Path())
    office = Office(store, tmp_path / "clinic", content)
    assert store.path is not None
    other = sqlite3.connect(store.path, isolation_level=None, check_same_thread=False, timeout=PATIENCE)
    await kill_with_answers_in_the_journal(
        office,
        server,
        new_sqlite_url,
        break_it=lambda: other.execute("BEGIN IMMEDIATE"),
        mend_it=lambda: other.execute("ROLLBACK"),
    )
    other.close()
    store.close()


@pytest.mark.postgres
async def test_on_postgresql_where_another_session_holds_the_rows(
    new_postgresql_url: str, tmp_path: Path, content: dict, server: ScriptedSmtp
) -> None:
    store = open_store(new_postgresql_url, root=Path())
    office = Office(store, tmp_path / "clinic", content)
    engine = sa.create_engine(new_postgresql_url, poolclass=sa.NullPool)
    other = engine.connect()
    await kill_with_answers_in_the_journal(
        office,
        server,
        new_postgresql_url,
        break_it=lambda: other.execute(sa.select(delivery.c.id).with_for_update()),
        mend_it=other.close,
    )
    store.close()
