"""A clock that jumps by hours: nobody is mailed twice, nobody at night, and no living worker is taken for dead."""

import asyncio
import threading
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from nurture.clock import DrivenClock
from nurture.store import Store
from tests.delivery.balance import assert_all_arrived_once, assert_balanced
from tests.delivery.conftest import Office
from tests.delivery.outbox import NOW
from tests.servers.scripted_smtp import ScriptedSmtp, Step

SIX_HOURS = timedelta(hours=6)
GOOD = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go", "BODY": "250 ok"}
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture
def office(store: Store, tmp_path: Path, content: dict) -> Office:
    """An office on SQLite, then on PostgreSQL. It is ten in the morning."""
    return Office(store, tmp_path / "clinic", content)


@pytest.mark.parametrize("command", GOOD)
@pytest.mark.parametrize("jump", [SIX_HOURS, -SIX_HOURS], ids=["ahead", "back"])
async def test_a_jump_in_mid_run_sends_nothing_twice(
    office: Office, server: ScriptedSmtp, command: str, jump: timedelta
) -> None:
    office.use(server)
    outbox = office.outbox(recipients=20)
    server.on(command, *[Step(GOOD[command])] * 4, Step(GOOD[command], during=lambda: office.clock.advance(jump)))
    worker = office.worker()
    await worker.deliver_due()
    office.clock.move_to(NOW + timedelta(minutes=1))  # the time service has mended it
    await worker.deliver_due()
    await worker.close()
    assert_all_arrived_once(outbox, server.mails)
    assert outbox.column("attempts") == [1] * 20


@pytest.mark.parametrize("jump", [timedelta(hours=10), -SIX_HOURS], ids=["into the evening", "into the night"])
async def test_a_jump_out_of_the_window_sends_only_what_was_on_its_way(
    office: Office, server: ScriptedSmtp, jump: timedelta
) -> None:
    office.use(server)
    outbox = office.outbox(recipients=20)
    moments: list[datetime] = []

    def note() -> None:
        moments.append(office.clock.now())

    server.on(
        "BODY",
        *[Step("250 ok", during=note)] * 4,
        Step("250 ok", during=lambda: (note(), office.clock.advance(jump))),
        Step("250 ok", during=note, always=True),
    )
    for delivery_id in outbox.delivery_ids:
        outbox.set(delivery_id, not_after=NOW + timedelta(days=3))
    await office.deliver()
    on_their_way = [moment for moment in moments if moment != NOW]
    # begun before the jump: the mail in hand and the one that was composed meanwhile
    assert len(on_their_way) <= 2
    assert outbox.states.count("queued") >= 13
    assert_balanced(office.store, server.mails)
    office.clock.move_to(NOW + timedelta(days=1))
    await office.deliver()
    assert_all_arrived_once(outbox, server.mails)
    assert all(8 <= moment.astimezone(NEW_YORK).hour < 18 for moment in moments if moment not in on_their_way)


@pytest.mark.parametrize("jump", [SIX_HOURS, -SIX_HOURS, timedelta(days=40)], ids=["ahead", "back", "far ahead"])
async def test_a_worker_with_another_clock_takes_no_living_worker_for_dead(
    office: Office, server: ScriptedSmtp, jump: timedelta
) -> None:
    """Leases count in the database's time, locks in none."""
    office.use(server)
    outbox = office.outbox(recipients=3)
    body_is_out, go_on = threading.Event(), threading.Event()
    server.on("BODY", Step("250 ok", during=body_is_out.set, wait=go_on))
    worker = office.worker()
    delivering = asyncio.create_task(worker.deliver_due())
    assert await asyncio.to_thread(body_is_out.wait, 30)

    other = Office(office.store, office.root, office.content)
    other.clock = DrivenClock(NOW + jump)
    other.use(server)
    await other.deliver()
    assert outbox.states.count("sending") == 3, "all are in the hands of the first"
    go_on.set()
    await delivering
    await worker.close()
    assert_all_arrived_once(outbox, server.mails)


async def test_a_clock_set_back_after_a_temporary_refusal_only_waits_longer(
    office: Office, server: ScriptedSmtp
) -> None:
    office.use(server)
    outbox = office.outbox(recipients=2)
    server.on("RCPT", Step("450 4.7.1 greylisted, try again in 600 seconds"))
    await office.deliver()
    (again_at, _) = outbox.column("next_attempt_at")
    office.clock.move_to(NOW - SIX_HOURS)
    await office.deliver()
    assert outbox.states == ["queued", "sent"]
    office.clock.move_to(again_at)
    await office.deliver()
    assert_all_arrived_once(outbox, server.mails)
