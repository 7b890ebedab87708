"""The database fails while a mail server has said yes: the yes is never lost, and no further body leaves."""

import asyncio
import contextlib
import re
import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from nurture.delivery.connection import wire_body
from nurture.errors import StoreError
from nurture.store import Store, open_store
from tests.delivery.conftest import Office
from tests.servers.scripted_smtp import ScriptedSmtp, Step


@pytest.fixture
def office(new_sqlite_url: str, tmp_path: Path, content: dict) -> Office:
    """An office whose database gives up waiting for a lock at once."""
    from datetime import timedelta

    store = open_store(new_sqlite_url, root=Path(), busy_timeout=timedelta(milliseconds=50))
    return Office(store, tmp_path / "clinic", content)


class Lock:
    """Another process that holds the write lock."""

    def __init__(self, store: Store) -> None:
        assert store.path is not None
        self._connection = sqlite3.connect(store.path, isolation_level=None, check_same_thread=False)

    def take(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def let_go(self) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.close()


async def test_a_locked_database_loses_no_answer_and_no_body_leaves_meanwhile(
    office: Office, server: ScriptedSmtp, caplog: pytest.LogCaptureFixture
) -> None:
    office.use(server)
    office.connections = 2
    outbox = office.outbox(recipients=30)
    lock = Lock(office.store)
    locked = threading.Event()

    def take() -> None:
        lock.take()
        locked.set()

    # the other connection's answer comes after the lock too, so that none can be settled
    server.on("BODY", Step("250 2.0.0 taken", during=take), Step("250 2.0.0 taken", wait=locked))
    worker = office.worker()
    delivering = asyncio.create_task(worker.deliver_due())
    await asyncio.to_thread(locked.wait, 30)
    # while one answer waits, only a body that was marked before may still have left
    await asyncio.sleep(1)
    assert not delivering.done()
    assert 1 <= len(server.mails) <= 2
    assert "sent" not in outbox.states
    assert "waits for the database" in caplog.text
    lock.let_go()
    await delivering
    await worker.deliver_due()
    await worker.close()
    assert outbox.states == ["sent"] * 30
    assert sorted(server.recipients()) == sorted(outbox.column("address"))


async def test_a_full_disk_loses_no_answer(
    office: Office, server: ScriptedSmtp, caplog: pytest.LogCaptureFixture
) -> None:
    office.use(server)
    outbox = office.outbox(recipients=12)
    freed = threading.Event()

    def bound_the_file(connection: sa.Connection, pages: int) -> None:
        # SQLite's own limit raises the very error of a full disk; it cannot go below what is in use
        connection.connection.driver_connection.execute(f"PRAGMA max_page_count = {pages}")

    @sa.event.listens_for(office.store._writer, "begin")
    def there_is_room(connection: sa.Connection) -> None:
        bound_the_file(connection, 1_000_000)

    @sa.event.listens_for(office.store._writer, "before_cursor_execute")
    def but_not_for_answers(connection: sa.Connection, _cursor, statement: str, parameters, *_: object) -> None:
        if statement.startswith("UPDATE delivery") and "sent" in parameters and not freed.is_set():
            bound_the_file(connection, 1)

    # long words: the pages at hand are soon full
    server.on("BODY", Step("250 2.0.0 " + "taken " * 80, always=True))
    worker = office.worker()
    delivering = asyncio.create_task(worker.deliver_due())
    while "waits for the database: no space is left" not in caplog.text:
        assert not delivering.done(), "the disk was never full"
        await asyncio.sleep(0.01)
    taken = len(server.mails)
    await asyncio.sleep(0.3)
    assert len(server.mails) == taken < 12
    freed.set()
    await delivering
    await worker.deliver_due()
    await worker.close()
    assert outbox.states == ["sent"] * 12
    assert len(server.mails) == 12


async def test_a_lease_that_could_not_be_renewed_once_is_renewed_all_the_same(
    office: Office, server: ScriptedSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others would take the worker for dead while it still delivers."""
    monkeypatch.setattr("nurture.delivery.worker.RENEWAL", 0.2)
    office.use(server)
    outbox, answer = office.outbox(), threading.Event()
    server.on("BODY", Step("250 2.0.0 taken", wait=answer))
    seen: list[str] = []

    @sa.event.listens_for(office.store._writer, "before_cursor_execute")
    def fail_at_the_first_renewal_after_the_mark(_connection, _cursor, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE delivery SET marked_at"):
            seen.append("mark")
        elif statement.startswith("UPDATE worker") and seen:
            seen.append("renewal")
            if len(seen) == 2:
                raise StoreError("the database is away")

    worker = office.worker()
    delivering = asyncio.create_task(worker.deliver_due())
    try:
        async with asyncio.timeout(20):
            while len(seen) < 4:
                assert not delivering.done()
                await asyncio.sleep(0.05)
    finally:
        answer.set()
        await delivering
        await worker.close()
    assert outbox.states == ["sent"]


async def test_nothing_that_a_failing_line_had_in_hand_keeps_its_provider_busy(
    office: Office, server: ScriptedSmtp
) -> None:
    office.use(server)
    outbox = office.outbox(recipients=3)
    failing = [True]

    @sa.event.listens_for(office.store._writer, "before_cursor_execute")
    def fail_at_the_mark_and_at_giving_back(_connection, _cursor, statement: str, *_: object) -> None:
        if failing and statement.startswith("UPDATE delivery SET") and "claim=" not in statement.split("WHERE")[0]:
            raise StoreError("the database is away")

    worker = office.worker()
    delivering = asyncio.create_task(worker.deliver_due())
    await asyncio.sleep(1)
    failing.clear()
    with contextlib.suppress(StoreError):
        await delivering
    await worker.deliver_due()
    traffic = worker._traffic["clinic"]
    await worker.close()
    assert outbox.states == ["sent"] * 3
    assert traffic.allows(99, "clinic-partner.example", 1), "no line is busy with it"


async def test_a_locked_database_at_the_mark_sends_nothing_and_puts_the_mail_back(
    office: Office, server: ScriptedSmtp
) -> None:
    office.use(server)
    outbox = office.outbox(recipients=2)
    lock = Lock(office.store)
    locked = threading.Event()
    server.on("DATA", Step("354 go ahead", during=lambda: (lock.take(), locked.set())))
    worker = office.worker()
    delivering = asyncio.create_task(worker.deliver_due())
    await asyncio.to_thread(locked.wait, 30)
    await asyncio.sleep(0.3)
    assert server.mails == []
    lock.let_go()
    await delivering
    await worker.deliver_due()
    await worker.close()
    assert outbox.states == ["sent", "sent"]
    assert len(server.mails) == 2
    outcomes = [attempt.outcome for attempt in outbox.attempts(outbox.delivery_ids[0])]
    assert outcomes == ["abandoned", "sent"]


lines = st.lists(st.sampled_from([b".", b"..", b"", b"text", b".x", b"a.b", "ä".encode()]))
ends = st.sampled_from([b"\r\n", b"\n", b"\r"])


@given(parts=lines, end=ends, closed=st.booleans())
def test_the_body_on_the_wire_has_one_end_and_reads_back(parts: list[bytes], end: bytes, closed: bool) -> None:
    raw = end.join(parts) + (end if closed else b"")
    wire = wire_body(raw)
    assert wire.endswith(b"\r\n.\r\n")
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", wire)
    body = wire[: -len(b".\r\n")]
    assert b"\r\n.\r\n" not in b"\r\n" + body
    back = re.sub(rb"(?m)^\.", b"", body)
    expected = re.sub(rb"\r\n|\r|\n", b"\r\n", raw)
    assert back == expected + (b"" if expected.endswith(b"\r\n") else b"\r\n")
