"""A provider that does not answer, or drips, keeps nobody else waiting; one that says "slow down" gets less."""

import asyncio
import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from nurture.delivery.connection import Timeouts
from nurture.reports.pacing import slowed
from nurture.store import create_store, pacing
from nurture.vocabulary import Mode
from nurture.workspace.workspace import load_workspace
from tests.delivery.conftest import Office
from tests.delivery.outbox import NOW, Outbox
from tests.servers.scripted_smtp import ScriptedSmtp, Step

DEAD, DRIPPING = "dead.example", "drip.example"
GOOD = [f"good{number}.example" for number in range(8)]


def think(server: ScriptedSmtp, seconds: float) -> None:
    for command in ("MAIL", "RCPT", "BODY"):
        answer = "250 2.0.0 ok"
        server.on(command, Step(answer, during=lambda: time.sleep(seconds), always=True))


def states(outbox: Outbox) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for domain, state in zip(outbox.column("domain"), outbox.column("state"), strict=True):
        found.setdefault(domain, set()).add(state)
    return found


async def seconds_for_the_good(office: Office, outbox: Outbox, server: ScriptedSmtp, mails: int) -> float:
    """How long it takes until so many mails to the good providers have arrived."""
    worker = office.worker()
    begun = time.monotonic()
    delivering = asyncio.create_task(worker.deliver_due())
    while sum(mail.envelope_to.endswith(tuple(GOOD)) for mail in list(server.mails)) < mails:
        await asyncio.sleep(0.02)
        assert not delivering.done(), (delivering.result(), states(outbox))
        assert time.monotonic() - begun < 90, states(outbox)
    taken = time.monotonic() - begun
    await worker.close(grace=5)
    await delivering
    return taken


@pytest.mark.parametrize(("connections", "mails", "thinking"), [(2, 320, 0.02), (16, 640, 0.05)])
async def test_others_finish_nearly_as_soon_as_without_a_dead_and_a_dripping_provider(
    tmp_path: Path, content: dict, connections: int, mails: int, thinking: float
) -> None:
    """Other work on the machine can only slow a run, so each way counts with the fastest of up to three."""

    async def taken(root: Path, domains: list[str]) -> float:
        store = create_store("sqlite:///data/nurture.db", root=root)
        office = Office(store, root, content)
        office.connections = connections
        office.timeouts = Timeouts(greeting=60, command=60, data=60, body=60, quit=1)
        with ScriptedSmtp() as server:
            office.use(server)
            server.on("RCPT", Step(None, wait=threading.Event(), when=DEAD, always=True))
            server.on("RCPT", Step("250 2.1.5 ok", during=lambda: time.sleep(2), when=DRIPPING, always=True))
            think(server, thinking)
            outbox = office.outbox(recipients=mails * len(domains) // len(GOOD))
            outbox.spread_over(domains)
            seconds = await seconds_for_the_good(office, outbox, server, mails)
            assert server.sessions <= 2 * connections
        assert all(states(outbox)[domain] == {"sent"} for domain in GOOD)
        store.close()
        return seconds

    alone, among = [], []
    for turn in ("first", "second", "third"):
        alone.append(await taken(tmp_path / turn / "alone", GOOD))
        among.append(await taken(tmp_path / turn / "among", [DEAD, DRIPPING, *GOOD]))
        if min(among) <= 1.2 * min(alone):
            return
    pytest.fail(f"alone they took {alone} seconds, among the dead and the dripping {among}")


@pytest.mark.parametrize("domains", [GOOD[:1], GOOD[:2], GOOD])
async def test_many_lines_send_all_that_is_due_in_one_round(
    office: Office, server: ScriptedSmtp, domains: list[str]
) -> None:
    """Lines that found nothing while a provider's mails stood in stock once ended the round after 100 mails."""
    office.use(server)
    office.connections = 8
    outbox = office.outbox(recipients=400)
    outbox.spread_over(domains)
    assert (await office.deliver()).sent == 400
    assert outbox.column("attempts") == [1] * 400


def rows_of(office: Office) -> dict[str, pacing.PaceRow]:
    with office.store.read() as connection:
        return dict(pacing.of_sender(connection, Mode.LIVE, "clinic"))


def told(office: Office) -> list[str]:
    settings = load_workspace(office.root).settings
    with office.store.read() as connection:
        found = slowed(connection, settings, mode=Mode.LIVE, now=office.clock.now())
    return [f"{each.subject}: {each.words}; {each.waiting} wait" for each in found]


async def test_a_provider_that_never_answers_is_put_off_longer_each_time(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    office.connections = 2
    office.timeouts = Timeouts(greeting=5, command=0.7, data=5, body=5, quit=1)
    server.on("RCPT", Step(None, wait=threading.Event(), when=DEAD, always=True))
    outbox = office.outbox(recipients=40)
    outbox.spread_over([DEAD, GOOD[0]])
    assert (await office.deliver()).sent == 20
    assert outbox.states.count("queued") == 20
    tried = [count for count in outbox.column("attempts") if count]
    assert len(tried) <= 22, "a dead provider's mails are not tried one by one"
    row = rows_of(office)[DEAD]
    assert (row.put_offs, row.put_off_until) == (1, NOW + timedelta(minutes=5))
    assert told(office) == [
        f"sender clinic to {DEAD}: does not answer; the next try is at 2026-12-01 10:05 "
        "(the server did not answer in 0.7 seconds); 19 wait"
    ]
    sessions = server.sessions
    assert (await office.deliver()).sent == 0
    assert server.sessions == sessions, "another worker knows, too"
    office.clock.advance(timedelta(minutes=6))
    await office.deliver()
    assert rows_of(office)[DEAD].put_off_until == office.clock.now() + timedelta(minutes=10)
    server.forget_steps()
    office.clock.advance(timedelta(minutes=30))
    assert (await office.deliver()).sent == 20
    assert rows_of(office)[DEAD].put_offs == 0
    assert told(office) == []


async def test_what_waits_behind_a_stuck_mail_goes_over_another_line(office: Office, server: ScriptedSmtp) -> None:
    """The body of a mail gets no answer; the next envelope is on the same wire already."""
    office.use(server)
    office.timeouts = Timeouts(greeting=5, command=5, data=5, body=4, quit=1)
    held = threading.Event()
    server.on("BODY", Step("250 2.0.0 ok"), Step("250 2.0.0 at last", wait=held, when=DEAD))
    outbox = office.outbox(recipients=4)
    outbox.spread_over([GOOD[0], DEAD, GOOD[1], GOOD[2]])
    worker = office.worker()
    delivering = asyncio.create_task(worker.deliver_due())
    while len(server.mails) < 4:
        await asyncio.sleep(0.02)
        assert not delivering.done(), outbox.states
    assert server.sessions == 2
    held.set()
    assert (await delivering).sent == 4
    await worker.close()
    assert outbox.column("attempts") == [1] * 4, "given to another line is no try that counts"
    assert sorted(server.recipients()) == sorted(outbox.column("address")), "nobody gets it twice"


async def test_the_clinics_limits_for_a_provider_hold(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    office.connections = 4
    office.providers = "{google: {connections: 1, per_minute: 40}}"
    busy, most = Counter(), Counter()

    def begin(step: str) -> None:
        busy[step] += 1
        most[step] = max(most[step], busy[step])
        time.sleep(0.02)
        busy[step] -= 1

    server.on("RCPT", Step("250 ok", during=lambda: begin("gmail"), when="gmail.com", always=True))
    outbox = office.outbox(recipients=60)
    outbox.spread_over(["gmail.com", "googlemail.com", GOOD[0]])
    assert (await office.deliver()).sent == 24, "all of the others and a tenth of a minute of Google's"
    assert most["gmail"] == 1
    assert told(office) == ["sender clinic to google: sends at most 40 mails a minute; 36 wait"]
    office.clock.advance(timedelta(minutes=1))
    assert (await office.deliver()).sent == 4


async def test_what_waits_behind_a_dry_providers_mails_leaves_in_the_same_round(
    office: Office, server: ScriptedSmtp
) -> None:
    office.use(server)
    office.providers = "{google: {per_minute: 1}}"
    office.outbox(domain="gmail.com", recipients=60)
    assert (await office.deliver()).sent == 1
    office.outbox(campaign="other-news", domain=GOOD[0], recipients=5, first=100)
    assert (await office.deliver()).sent == 5


async def test_a_mail_server_that_takes_fewer_connections_gets_fewer(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    office.connections = 4
    think(server, 0.02)
    server.on(
        "CONNECT", Step("220 hello"), Step("220 hello"), Step("421 4.7.0 too many connections", cut=True, always=True)
    )
    outbox = office.outbox(recipients=40)
    summary = await office.deliver()
    assert (summary.sent, summary.stopped) == (40, ())
    assert outbox.column("attempts") == [1] * 40
    assert server.sessions <= 5


async def test_too_fast_for_a_provider_halves_its_rate_and_nobody_elses(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    said = "450 4.2.1 The user you are trying to contact is receiving mail too quickly"
    server.on("RCPT", *[Step("250 ok", when="gmail.com")] * 10, Step(said, when="gmail.com"))
    outbox = office.outbox(recipients=60)
    outbox.spread_over(["gmail.com", GOOD[0]])
    await office.deliver()
    row = rows_of(office)["google"]
    assert row.learned is not None
    assert 1 <= row.learned <= row.ceiling / 2
    assert list(rows_of(office)) == ["google"]
    office.clock.advance(timedelta(minutes=7))
    for _ in range(60):
        office.clock.advance(timedelta(minutes=1))
        await office.deliver()
    assert outbox.states == ["sent"] * 60
    assert rows_of(office) == {}, "and is forgotten"


async def test_a_throttled_sender_slows_down_and_all_arrive(office: Office, server: ScriptedSmtp) -> None:
    """454 for whoever sends too fast: other systems dropped what was refused."""
    allowed, minute = 20, Counter()
    office.use(server)
    office.connections = 4
    outbox = office.outbox(recipients=500)

    def throttle(line: str) -> str:
        at = office.clock.now().replace(second=0)
        minute[at] += 1
        return "250 2.1.0 ok" if minute[at] <= allowed else "454 4.7.1 throttled: too many messages"

    server.on("MAIL", Step(throttle, always=True))
    for delivery_id in outbox.delivery_ids:
        outbox.set(delivery_id, not_after=NOW + timedelta(days=4))
    refused, worker = 0, office.worker()
    for _ in range(24 * 60):
        await worker.deliver_due()
        refused += minute[office.clock.now().replace(second=0)] > allowed
        if set(outbox.states) == {"sent"}:
            break
        office.clock.advance(timedelta(minutes=1))
    await worker.close()
    assert set(outbox.states) == {"sent"}
    assert outbox.column("attempts") == [1] * 500, "a refusal of us counts against nobody"
    assert len(set(server.recipients())) == len(server.recipients()) == 500
    assert refused <= 30, "it learns"


async def test_a_line_that_was_answered_meanwhile_keeps_the_mail_that_it_begun(
    office: Office, server: ScriptedSmtp
) -> None:
    """Two lines wait for long; while the first one's next mail is given to others, the second one goes on."""
    office.use(server)
    office.connections = 2
    held = threading.Event()
    server.on("BODY", *[Step("250 2.0.0 at last", wait=held)] * 2)
    outbox = office.outbox(recipients=6)
    outbox.spread_over([DEAD, GOOD[0]])

    @sa.event.listens_for(office.store._writer, "before_cursor_execute")
    def both_are_answered_while_one_is_unburdened(_connection, _cursor, statement: str, parameters, *_: object) -> None:
        if statement.startswith("UPDATE attempt") and "abandoned" in str(parameters) and not held.is_set():
            held.set()
            time.sleep(0.5)  # the other line's next envelope is taken by now, and its mark waits for this thread

    worker = office.worker()
    await worker.deliver_due()
    await worker.deliver_due()
    await worker.close()
    assert held.is_set(), "no line was unburdened"
    assert sorted(server.recipients()) == sorted(outbox.column("address"))
    assert outbox.states == ["sent"] * 6
