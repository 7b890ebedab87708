"""A sender's limits hold: over a day, a minute, a restart, and between workers."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from time import monotonic
from zoneinfo import ZoneInfo

import pytest

from nurture.delivery.pacing import Allowance
from nurture.delivery.tokens import Tap
from nurture.reports.pacing import Slowed, slowed
from nurture.store import Store, pacing
from nurture.vocabulary import Mode
from nurture.workspace.workspace import load_workspace
from tests.delivery.conftest import Office
from tests.delivery.outbox import NOW
from tests.servers.scripted_smtp import ScriptedSmtp, Step

ZONE = ZoneInfo("America/New_York")
MIDNIGHT = NOW.replace(day=2, hour=5)
MORNING = NOW + timedelta(days=1)


class RunningClock:
    """Starts at `NOW` and runs."""

    def __init__(self) -> None:
        self._start = monotonic()

    def now(self) -> datetime:
        return NOW + timedelta(seconds=monotonic() - self._start)


def held_back(office: Office) -> list[Slowed]:
    settings = load_workspace(office.root).settings
    with office.store.read() as connection:
        return list(slowed(connection, settings, mode=Mode.LIVE, now=office.clock.now()))


def long_lived(office: Office, recipients: int) -> object:
    """An outbox whose mails may also leave on the next days."""
    outbox = office.outbox(recipients=recipients)
    for delivery_id in outbox.delivery_ids:
        outbox.set(delivery_id, not_after=NOW + timedelta(days=4))
    return outbox


async def test_the_rest_of_a_days_mails_waits_for_the_clinics_next_day(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    office.limits = "{per_day: 5}"
    outbox = long_lived(office, 8)
    summary = await office.deliver()
    assert (summary.sent, sorted(outbox.states)) == (5, ["queued"] * 3 + ["sent"] * 5)
    assert (summary.limited["clinic"].until, summary.limited["clinic"].day_is_over) == (MIDNIGHT, True)
    (told,) = held_back(office)
    assert (told.subject, told.waiting, told.until) == ("sender clinic", 3, MIDNIGHT)
    assert told.words == "the limit of 5 mails a day is reached; it goes on at 2026-12-02 00:00"
    assert (await office.deliver()).sent == 0, "a restart gives no second helping"
    office.clock.move_to(MORNING)
    assert (await office.deliver()).sent == 3
    assert held_back(office) == []


async def test_a_warm_up_lets_more_leave_each_day(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    office.limits = "{per_day: 5, warm_up: {from: 2026-12-02, first_day: 2, growth: 2}}"
    long_lived(office, 20)
    told, sent = [], []
    for day in range(4):
        office.clock.move_to(NOW + timedelta(days=day))
        sent.append((await office.deliver()).sent)
        told.append(held_back(office)[0].words)
    assert sent == [0, 2, 4, 5]
    assert told == [
        "its warm-up begins on 2026-12-02",
        "the limit of 2 mails for day 1 of its warm-up is reached; it goes on at 2026-12-03 00:00",
        "the limit of 4 mails for day 2 of its warm-up is reached; it goes on at 2026-12-04 00:00",
        "the limit of 5 mails a day is reached; it goes on at 2026-12-05 00:00",
    ]


async def test_a_dry_bucket_opens_no_connection_until_it_has_a_token(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    office.limits = "{per_minute: 30}"
    office.outbox(recipients=9)
    worker = office.worker()
    assert (await worker.deliver_due()).sent == 3
    assert held_back(office)[0].words == "sends at most 30 mails a minute"
    sessions = server.sessions
    again = await worker.deliver_due()
    assert (again.sent, list(again.limited), server.sessions) == (0, ["clinic"], sessions)
    office.clock.advance(timedelta(seconds=3))
    assert (await worker.deliver_due()).sent == 1
    office.clock.advance(timedelta(seconds=60))
    assert (await worker.deliver_due()).sent == 3, "a bucket holds a tenth of a minute"
    await worker.close()


async def test_a_restart_gives_no_second_minute(office: Office, server: ScriptedSmtp) -> None:
    """Each delivery below is by another worker, as after a restart; the minute goes on where it was."""
    office.use(server)
    office.limits = "{per_minute: 30, per_day: 5}"
    long_lived(office, 12)
    sent = []
    for seconds in (0, 0, 0, 1, 1, 1, 1):
        office.clock.advance(timedelta(seconds=seconds))
        sent.append((await office.deliver()).sent)
    assert sent == [3, 0, 0, 0, 0, 1, 0], "28 a minute, after three at once"
    office.clock.advance(timedelta(minutes=5))
    assert [(await office.deliver()).sent for _ in range(3)] == [1, 0, 0], "nor a second day"


async def test_a_patient_line_keeps_its_connection_between_tokens(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    office.limits = "{per_minute: 300}"  # 30 at once, then one each 0.22 seconds
    office.clock = RunningClock()
    office.outbox(recipients=34)
    worker = office.worker()
    begun = monotonic()
    summary = await worker.deliver_due(patience=2)
    assert (summary.sent, server.sessions) == (34, 1)
    assert monotonic() - begun >= 0.8
    await worker.close()


async def test_an_answer_is_read_while_another_line_waits_for_a_token(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    office.connections = 2
    office.limits = "{per_day: 3}"
    outbox = office.outbox(recipients=5)
    outbox.spread_over(["slow.example", "quick.example"])
    server.on("RCPT", Step("250 ok", during=lambda: time.sleep(0.4), when="slow.example"))
    worker = office.worker()
    delivering = asyncio.create_task(worker.deliver_due(patience=1e6))  # the other line waits until midnight
    try:
        async with asyncio.timeout(30):
            while outbox.states.count("sent") < 3:
                assert not delivering.done()
                await asyncio.sleep(0.05)
    finally:
        await worker.close()
        await delivering


def test_when_a_token_comes_is_said_by_the_clock_of_who_waits_for_it(store: Store) -> None:
    """The database's clock goes otherwise: a worker whose clock is ahead of it asked without a pause."""
    tap = Tap(Mode.LIVE, "clinic", Allowance(per_minute=1), ZONE)
    with store.write() as connection:
        assert tap.take(connection, 1, now=NOW)[0] == 1
        granted, dry = tap.take(connection, 1, now=NOW)
    assert granted == 0
    assert dry is not None
    assert timedelta(seconds=30) < dry.until - NOW <= timedelta(seconds=61)


async def test_a_mail_that_did_not_go_costs_nothing(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    office.limits = "{per_day: 4}"
    outbox = long_lived(office, 6)
    office.clock.move_to(NOW + timedelta(hours=10))  # past six in the evening
    assert (await office.deliver()).sent == 0
    for delivery_id in outbox.delivery_ids:
        outbox.set(delivery_id, next_attempt_at=NOW)
    office.clock.move_to(NOW + timedelta(minutes=1))
    assert (await office.deliver()).sent == 4


@pytest.mark.parametrize("pipelining", ["auto", "off"])
async def test_a_connection_is_made_anew_after_so_many_mails(
    office: Office, server: ScriptedSmtp, pipelining: str
) -> None:
    office.use(server, pipelining=pipelining)
    office.limits = "{messages_per_connection: 4}"
    server.on("RCPT", Step("250 ok"), Step("550 5.1.1 no such user"))
    outbox = office.outbox(recipients=10)
    assert (await office.deliver()).sent == 9
    assert outbox.column("attempts") == [1] * 10
    assert (server.sessions, server.commands.count("QUIT")) == (3, 3)


def test_workers_share_one_bucket(store: Store) -> None:
    tap = Tap(Mode.LIVE, "clinic", Allowance(per_day=100), ZONE)

    def take(_: int) -> int:
        with store.write() as connection:
            return tap.take(connection, 7, now=NOW)[0]

    with ThreadPoolExecutor(4) as workers:
        granted = list(workers.map(take, range(40)))
    assert sum(granted) == 100
    with store.write() as connection:
        tap.give_back(connection, 3, now=NOW)
    assert [take(0), take(0)] == [3, 0]


def test_a_bucket_without_a_limit_writes_nothing(store: Store) -> None:
    with store.write() as connection:
        assert Tap(Mode.LIVE, "clinic", Allowance(), ZONE).take(connection, 25, now=NOW) == (25, None)
        assert pacing.all_rows(connection, Mode.LIVE) == ()
