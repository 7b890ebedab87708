"""Workers that were believed dead and come back, answers that cannot be written alone, SIGTERM over a locked database."""

import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from nurture.delivery.kept import parse
from nurture.delivery.ownership import folder_of
from nurture.store import Store, deliveries, open_store
from tests.delivery.clinic import make_clinic
from tests.delivery.conftest import Office
from tests.delivery.killed.conftest import Start
from tests.delivery.worker_process import Orders, WorkerProcess
from tests.servers.scripted_smtp import ScriptedSmtp, Step


def take_for_dead(office: Office) -> None:
    """As if every owner of rows in hand were dead."""
    with office.store.write() as connection:
        deliveries.recover(connection, deliveries.owners_in_hand(connection), office.clock.now())


@pytest.mark.parametrize("pipelining", ["off", "auto"])
async def test_a_zombie_that_comes_back_before_its_mark_sends_nothing(
    office: Office, server: ScriptedSmtp, start: Start, pipelining: str
) -> None:
    office.use(server, pipelining=pipelining)
    outbox = office.outbox()
    zombie, other = start(), start()

    def other_sends_it() -> None:
        take_for_dead(office)
        other.go()
        assert other.wait(60) == 0

    server.on("DATA", Step("354 go ahead", during=other_sends_it))
    zombie.go()
    assert zombie.wait(60) == 0
    assert outbox.states == ["sent"]
    assert len(server.mails) == 1, "the zombie's mark was refused, so its body stayed"
    assert [tried.outcome for tried in outbox.attempts(outbox.delivery_ids[0])] == ["refused_at_mark", "sent"]
    assert outbox.column("claim") == [2]


@pytest.mark.parametrize("answer", ["250 2.0.0 late", "550 5.1.1 no such user", "451 4.3.0 later"])
async def test_a_zombies_answer_moves_no_mail_that_another_worker_has(
    office: Office, server: ScriptedSmtp, start: Start, answer: str
) -> None:
    office.use(server)
    outbox = office.outbox()
    zombie, other = start(), start()

    def somebody_sends_it_again() -> None:
        take_for_dead(office)
        assert outbox.states == ["uncertain"]
        outbox.set(outbox.delivery_ids[0], state="queued", marked_at=None, owner=None)  # by hand: send it again
        other.go()
        assert other.wait(60) == 0
        assert outbox.states == ["sent"]

    server.on("BODY", Step(answer, during=somebody_sends_it_again), Step("250 2.0.0 second"))
    zombie.go()
    assert zombie.wait(60) == 0
    assert outbox.states == ["sent"]
    first, second = outbox.attempts(outbox.delivery_ids[0])
    assert first.answer == answer[4:].split(" ", 1)[1], "the log knows what the server said"
    assert (second.outcome, second.answer) == ("sent", "second")
    assert outbox.column("attempts") == [1]


async def test_one_row_that_cannot_be_written_takes_no_other_answer_along(
    office: Office, server: ScriptedSmtp, caplog: pytest.LogCaptureFixture
) -> None:
    office.use(server)
    office.connections = 3
    outbox = office.outbox(recipients=60)
    bad = outbox.delivery_ids[30]
    refuse_to_settle(office.store, bad)
    worker = office.worker()
    with pytest.raises(sa.exc.DBAPIError, match="this row is broken"):
        await worker.deliver_due()
    await worker.close()
    await office.deliver()
    assert [(n, s) for n, s in enumerate(outbox.states) if s != "sent"] == [(30, "uncertain")]
    mend(office.store)
    await office.deliver()
    assert outbox.states == ["sent"] * 60, "its answer was in the journal"
    assert sorted(server.recipients()) == sorted(outbox.column("address"))
    assert not list(folder_of(office.store, office.root).glob("*.journal"))


def refuse_to_settle(store: Store, delivery_id: int) -> None:
    with store.write() as connection:
        if store.dialect == "sqlite":
            connection.exec_driver_sql(
                f"CREATE TRIGGER broken BEFORE UPDATE ON delivery WHEN NEW.id = {delivery_id} AND NEW.state = 'sent' "
                "BEGIN SELECT RAISE(ABORT, 'this row is broken'); END"
            )
        else:
            connection.exec_driver_sql(
                "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE check_violation USING MESSAGE = 'this row is broken'; END $$"
            )
            connection.exec_driver_sql(
                "CREATE TRIGGER broken BEFORE UPDATE ON delivery FOR EACH ROW "
                f"WHEN (NEW.id = {delivery_id} AND NEW.state = 'sent') EXECUTE FUNCTION broken()"
            )


def mend(store: Store) -> None:
    with store.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER broken" + (" ON delivery" if store.dialect == "postgresql" else ""))


async def test_sigterm_over_a_locked_database_leaves_the_answer_to_the_next_worker(
    new_sqlite_url: str, tmp_path: Path, content: dict, server: ScriptedSmtp
) -> None:
    store = open_store(new_sqlite_url, root=Path())
    office = Office(store, tmp_path / "clinic", content)
    office.use(server)
    outbox = office.outbox(recipients=3)
    make_clinic(office.root, office.smtp)
    process = WorkerProcess(Orders(new_sqlite_url, office.root, grace=1.0, busy=0.5))
    assert store.path is not None
    other = sqlite3.connect(store.path, isolation_level=None, check_same_thread=False, timeout=30)
    locked = threading.Event()

    def lock() -> None:
        other.execute("BEGIN IMMEDIATE")
        locked.set()

    server.on("BODY", Step("250 2.0.0 ok", during=lock))
    process.go()
    assert locked.wait(30)
    process.terminate()
    assert process.wait(60) != 0, "it could not give its rows back"
    other.execute("ROLLBACK")
    other.close()
    (left,) = folder_of(store, office.root).glob("*.journal")
    assert len(parse(left.read_bytes()).answers) == 1
    await office.deliver()
    assert outbox.states == ["sent"] * 3
    assert len(server.mails) == 3
    store.close()
