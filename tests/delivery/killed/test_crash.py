"""Workers that are killed, stopped, or many: every recipient ends in one state, and gets one mail."""

import threading

import pytest
import sqlalchemy as sa

from nurture.store import Store, alerts, deliveries, workers
from nurture.store.schema import delivery, worker
from tests.delivery.conftest import Office
from tests.delivery.killed.conftest import Start
from tests.servers.scripted_smtp import ScriptedSmtp, Step


def lapse_leases(store: Store) -> None:
    """On PostgreSQL, as if a minute had passed; on SQLite the lock went with the process."""
    if store.dialect == "postgresql":
        with store.write() as connection:
            minute = sa.bindparam("minute", workers.LEASE, sa.Interval())
            connection.execute(sa.update(worker).values(seen_at=worker.c.seen_at - minute))


KILLS = {
    "greeting": ("CONNECT", Step("220 hello")),
    "ehlo": ("EHLO", Step("250 hello")),
    "mail": ("MAIL", Step("250 ok")),
    "rcpt": ("RCPT", Step("250 ok")),
    "data": ("DATA", Step("354 go")),
    "body, lost": ("BODY", Step(keep=False)),
    "body, kept": ("BODY", Step(keep=True)),
    "after the answer": ("RCPT", Step("250 ok")),
}


@pytest.mark.parametrize("pipelining", ["off", "auto"])
@pytest.mark.parametrize("phase", KILLS)
async def test_a_killed_worker_loses_nothing_and_repeats_nothing(
    office: Office, server: ScriptedSmtp, start: Start, phase: str, pipelining: str
) -> None:
    office.use(server, pipelining=pipelining)
    outbox = office.outbox(recipients=8)
    process = start()
    command, step = KILLS[phase]

    if command in ("MAIL", "RCPT", "DATA", "BODY"):
        before = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go", "BODY": "250 ok"}[command]
        server.on(command, Step(before), Step(before))
    server.on(command, Step(**{**step.__dict__, "during": process.kill, "cut": True}))
    process.go()
    process.wait(timeout=60)
    assert "sending" in outbox.states

    await office.deliver()
    if office.store.dialect == "postgresql":
        assert "sending" in outbox.states, "its lease still runs"
    lapse_leases(office.store)
    await office.deliver()

    uncertain = outbox.states.count("uncertain")
    assert outbox.states.count("sent") == 8 - uncertain
    if pipelining == "off" or command == "BODY":
        assert uncertain == (command == "BODY")
    else:
        assert uncertain <= 1, "the mail before, whose answer came together with the command of the kill"
    taken = server.recipients()
    assert len(taken) == len(set(taken))
    lost = set(outbox.column("address")) - set(taken)
    assert len(lost) == (command == "BODY" and not step.keep)
    with office.store.read() as connection:
        kinds = [alert.kind for alert in alerts.open_alerts(connection)]
        assert kinds == ["uncertain_deliveries"] * uncertain
        assert deliveries.owners_in_hand(connection) == ()


async def test_two_workers_at_once_send_each_mail_once(office: Office, server: ScriptedSmtp, start: Start) -> None:
    office.use(server)
    office.connections = 2
    outbox = office.outbox(recipients=60)
    both = [start(), start()]
    for process in both:
        process.go()
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert outbox.states == ["sent"] * 60
    assert outbox.column("attempts") == [1] * 60
    assert sorted(server.recipients()) == sorted(outbox.column("address"))
    with office.store.read() as connection:
        owners = set(connection.execute(sa.text("SELECT owner FROM attempt")).scalars())
    assert len(owners) == 2


async def test_a_worker_that_seemed_dead_settles_its_answer(office: Office, server: ScriptedSmtp, start: Start) -> None:
    office.use(server)
    outbox = office.outbox()
    process = start()

    def take_for_dead() -> None:
        with office.store.write() as connection:
            deliveries.recover(connection, deliveries.owners_in_hand(connection), office.clock.now())
        assert outbox.states == ["uncertain"]

    server.on("BODY", Step("250 2.0.0 late but true", during=take_for_dead))
    process.go()
    assert process.wait(timeout=60) == 0
    assert outbox.states == ["sent"]
    assert outbox.events(outbox.delivery_ids[0]) == ["uncertain", "sent"]


@pytest.mark.parametrize(("answers", "state"), [(True, "sent"), (False, "uncertain")])
async def test_sigterm_waits_for_the_answer_of_a_body_and_sends_no_more(
    office: Office, server: ScriptedSmtp, start: Start, answers: bool, state: str
) -> None:
    office.use(server)
    outbox = office.outbox(recipients=3)
    process = start(grace=20 if answers else 0.2)
    release = threading.Event()

    def stop() -> None:
        process.terminate()
        if answers:
            release.set()

    server.on("BODY", Step("250 2.0.0 ok", during=stop, wait=release))
    process.go()
    code = process.wait(timeout=60)
    release.set()
    assert code == 0
    assert sorted(outbox.states) == sorted([state, "queued", "queued"])
    assert [row.ended_at is not None for row in _workers(office.store)] == [True]


def _workers(store: Store) -> list:
    with store.read() as connection:
        return list(connection.execute(sa.select(worker)))


async def test_unmarked_rows_of_a_living_worker_are_left_alone(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    outbox = office.outbox(recipients=2)
    living = office.worker()
    outbox.set(outbox.delivery_ids[0], state="sending", owner=living.owner, claim=1)
    await office.deliver()
    assert outbox.states == ["sending", "sent"]
    # nothing is in its hands, so what stands in its name is left over from a failure
    assert (await living.deliver_due()).sent == 1
    await living.close()
    with office.store.read() as connection:
        assert connection.execute(sa.select(delivery.c.claim).order_by(delivery.c.id)).scalars().all() == [2, 1]
