"""Faults of the mail server and of the way to it. What each must lead to stands in docs/reliability.md."""

import asyncio
import threading
import time
from datetime import timedelta
from itertools import count

import pytest

from nurture.delivery.connection import Timeouts
from nurture.store import alerts, deliveries
from nurture.vocabulary import Mode
from tests.delivery.balance import assert_all_arrived_once, assert_balanced, people
from tests.delivery.conftest import Office
from tests.servers.scripted_smtp import ScriptedSmtp, Step
from tests.soak.sink import FRIENDLY, Act, Sink, Stage

PIPELINING = ["off", "envelope", "auto"]
GOOD = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go", "BODY": "250 ok"}


def open_alerts(office: Office) -> list[tuple[str, str]]:
    with office.store.read() as connection:
        return [(alert.kind, alert.subject) for alert in alerts.open_alerts(connection)]


async def deliver_until_nothing_waits(office: Office, *, rounds: int) -> int:
    """The loop's work, its clock moved to whatever is due next; how many rounds that took."""
    for number in range(1, rounds + 1):
        await office.deliver()
        with office.store.read() as connection:
            following = deliveries.next_due_at(connection, mode=Mode.LIVE, after=office.clock.now())
        if following is None:
            return number
        office.clock.move_to(following)
    raise AssertionError(f"after {rounds} rounds something still waits")


@pytest.mark.parametrize("pipelining", PIPELINING)
@pytest.mark.parametrize("command", GOOD)
async def test_a_421_in_mid_session_leaves_the_sent_sent_and_the_rest_goes_over_a_new_connection(
    office: Office, server: ScriptedSmtp, command: str, pipelining: str
) -> None:
    office.use(server, pipelining=pipelining)
    outbox = office.outbox(recipients=20)
    server.on(command, *[Step(GOOD[command])] * 7, Step("421 4.3.2 closing", cut=True))
    before = people(office.store)
    await deliver_until_nothing_waits(office, rounds=3)
    assert server.sessions == 2 + (command in ("DATA", "BODY"))  # there one mail is tried again later
    assert_all_arrived_once(outbox, server.mails)
    assert people(office.store) == before


@pytest.mark.parametrize("answer", ["454 4.7.0 too much, slow down", "421 4.7.0 too fast, try again later"])
async def test_a_server_that_throttles_gets_all_in_the_end(office: Office, answer: str) -> None:
    """A rival once called such a run finished with 578 of 1450 mails sent."""
    allowed = count()
    limit = 60

    def throttle(stage: Stage) -> Act:
        if stage is Stage.MAIL and next(allowed) >= limit:
            return Act(answer, cut=answer.startswith("421"))
        return FRIENDLY

    with Sink(throttle) as sink:
        office.use(sink)
        office.connections = 2
        outbox = office.outbox(recipients=290)
        outbox_end = office.clock.now() + timedelta(days=3)
        for delivery_id in outbox.delivery_ids:
            outbox.set(delivery_id, not_after=outbox_end)
        before = people(office.store)
        while "queued" in outbox.states and office.clock.now() < outbox_end:
            await office.deliver()
            office.clock.advance(timedelta(minutes=30))
            allowed = count()  # its patience is back
        assert outbox.states == ["sent"] * 290
        assert len(sink.taken) == sink.taken.total() == 290
        assert people(office.store) == before


@pytest.mark.parametrize("pipelining", PIPELINING)
@pytest.mark.parametrize(("command", "state"), [("MAIL", "queued"), ("RCPT", "queued"), ("BODY", "uncertain")])
async def test_a_server_that_drips_gets_no_more_time_than_a_silent_one(
    office: Office, server: ScriptedSmtp, command: str, state: str, pipelining: str
) -> None:
    office.use(server, pipelining=pipelining)
    office.timeouts = Timeouts(greeting=5, command=0.5, data=0.5, body=0.5, quit=0.5)
    server.on(command, Step("250 2.0.0 " + "so slow " * 200, drip=True, pace=0.05))  # 80 seconds for one line
    outbox = office.outbox(recipients=4)
    began = time.monotonic()
    await office.deliver()
    assert time.monotonic() - began < 20
    assert outbox.states == [state, "sent", "sent", "sent"]
    assert_balanced(office.store, server.mails)


async def test_lines_without_end_are_cut_off(office: Office, server: ScriptedSmtp) -> None:
    """The memory that one answer may take is bounded."""
    office.use(server)
    server.on("MAIL", Step("250-" + "x" * 70_000))
    outbox = office.outbox(recipients=2)
    await office.deliver()
    assert outbox.states == ["queued", "sent"]
    assert "no end" in outbox.attempts(outbox.delivery_ids[0])[-1].answer


@pytest.mark.parametrize("pipelining", PIPELINING)
async def test_a_yes_and_a_close_right_behind_it_is_a_yes_each_time(
    office: Office, server: ScriptedSmtp, pipelining: str
) -> None:
    office.use(server, pipelining=pipelining)
    server.on("BODY", Step("250 2.0.0 taken", cut=True, always=True))
    outbox = office.outbox(recipients=8)
    await deliver_until_nothing_waits(office, rounds=3)
    assert_all_arrived_once(outbox, server.mails)


@pytest.mark.parametrize("pipelining", PIPELINING)
async def test_a_cut_before_the_dot_is_uncertain_and_never_sent_again(office: Office, pipelining: str) -> None:
    """The server has not read the end. From here that looks like the same cut one packet later."""
    first = iter([Act(reset=True)])

    def cut_once(stage: Stage) -> Act:
        return next(first, FRIENDLY) if stage is Stage.HALF else FRIENDLY

    with Sink(cut_once) as sink:
        office.use(sink, pipelining=pipelining)
        outbox = office.outbox(recipients=6)
        await office.deliver()
        office.clock.advance(timedelta(hours=3))
        await office.deliver()
        assert sorted(outbox.states) == ["sent"] * 5 + ["uncertain"]
        assert sink.taken.total() == len(sink.taken) == 5


async def test_a_relay_without_an_address_holds_all_and_touches_nobody(office: Office, server: ScriptedSmtp) -> None:
    office.use(server, host="relay.nurture-test.invalid", tls="starttls")  # RFC 6761 6.4: never resolves
    outbox = office.outbox(recipients=3)
    before = people(office.store)
    summary = await office.deliver()
    assert ["cannot be reached" in stopped.reason for stopped in summary.stopped] == [True]
    assert (outbox.states, outbox.column("attempts")) == (["queued"] * 3, [0, 0, 0])
    assert open_alerts(office) == [("sender_stopped", "clinic")]
    assert people(office.store) == before
    office.use(server)
    office.clock.advance(timedelta(minutes=5))
    await office.deliver()
    assert open_alerts(office) == []
    assert_all_arrived_once(outbox, server.mails)


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("TEST_SMTP_PASSWORD", "of last year")
    return monkeypatch


async def test_a_wrong_password_holds_the_run_with_one_alert_until_it_is_mended(
    office: Office, password: pytest.MonkeyPatch
) -> None:
    with ScriptedSmtp(login=("hello@riverbend.example", "of this year")) as server:
        office.use(server, username="hello@riverbend.example", password="env:TEST_SMTP_PASSWORD")
        office.connections = 4
        outbox = office.outbox(recipients=30)
        before = people(office.store)
        summary = await office.deliver()
        assert ["535" in stopped.reason for stopped in summary.stopped] == [True]
        assert (outbox.states, outbox.column("attempts")) == (["queued"] * 30, [0] * 30)
        assert open_alerts(office) == [("sender_stopped", "clinic")]
        # it is not tried again before its time: an account would be locked
        tries = server.sessions
        await office.deliver()
        assert server.sessions == tries <= 4
        password.setenv("TEST_SMTP_PASSWORD", "of this year")
        await deliver_until_nothing_waits(office, rounds=10)
        assert open_alerts(office) == []
        assert people(office.store) == before
        assert_all_arrived_once(outbox, server.mails)


@pytest.mark.parametrize("pipelining", PIPELINING)
async def test_a_550_at_mail_in_mid_run_holds_the_rest_with_one_alert(
    office: Office, server: ScriptedSmtp, pipelining: str
) -> None:
    office.use(server, pipelining=pipelining)
    office.connections = 3
    server.on("MAIL", *[Step(GOOD["MAIL"])] * 9, *[Step("550 5.7.1 sender not allowed")] * 3)
    outbox = office.outbox(recipients=30)
    before = people(office.store)
    summary = await office.deliver()
    assert [stopped.sender for stopped in summary.stopped] == ["clinic"]
    assert sorted(set(outbox.states)) == ["queued", "sent"]
    assert max(outbox.column("attempts")) == 1, "what stops the sender does not count against the mail"
    assert open_alerts(office) == [("sender_stopped", "clinic")]
    server.forget_steps()
    await deliver_until_nothing_waits(office, rounds=10)
    assert open_alerts(office) == []
    assert people(office.store) == before
    assert_all_arrived_once(outbox, server.mails)


async def test_a_yes_to_a_body_that_was_out_before_the_stop_does_not_end_it(
    office: Office, server: ScriptedSmtp
) -> None:
    office.use(server, pipelining="off")
    office.connections = 2
    body_is_out, stop_is_written = threading.Event(), threading.Event()
    server.on("BODY", Step("250 ok", during=body_is_out.set, wait=stop_is_written))
    server.on("MAIL", Step("250 ok"), Step("550 5.7.1 sender not allowed", wait=body_is_out))
    outbox = office.outbox(recipients=60)
    outbox.spread_over(["one.example", "two.example"])  # a provider begins with one connection
    worker = office.worker()
    delivering = asyncio.create_task(worker.deliver_due())
    while not open_alerts(office):
        assert not delivering.done()
        await asyncio.sleep(0.01)
    stop_is_written.set()
    await delivering
    assert sorted(outbox.states) == ["queued"] * 59 + ["sent"]
    assert open_alerts(office) == [("sender_stopped", "clinic")]
    tried = server.sessions
    await worker.deliver_due()
    await worker.close()
    assert server.sessions == tried, "it dials before its time"
