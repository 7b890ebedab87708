"""Test mails over a server that is slow or leaves: an answer for each mail, within the time."""

from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from zoneinfo import ZoneInfo

import pytest

from nurture.clock import SystemClock
from nurture.delivery.connection import Timeouts
from nurture.delivery.dialing import DialError
from nurture.delivery.messages import OutgoingMessage
from nurture.delivery.pacing import Allowance
from nurture.delivery.routes import Route
from nurture.delivery.tokens import Tap
from nurture.delivery.transaction import Ending
from nurture.delivery.trial import Meter, hand_over
from nurture.store import Store
from nurture.vocabulary import AttemptOutcome, AttemptPhase, Mode
from nurture.workspace.fields import TlsMode
from tests.servers.scripted_smtp import ScriptedSmtp, Step

PATIENT = Timeouts(greeting=30, command=30, data=30, body=30, quit=1)
PATIENCE = 2.0


def message(number: int) -> OutgoingMessage:
    raw = b"From: a@clinic.example\r\nSubject: %d\r\n\r\nHello\r\n" % number
    return OutgoingMessage(
        f"<{number}@clinic.example>", datetime(2026, 12, 1, tzinfo=UTC), "a@clinic.example", "b@x.example", raw, {}
    )


def meter(store: Store, per_minute: int | None = None) -> Meter:
    return Meter(store, Tap(Mode.LIVE, "main", Allowance(per_minute), ZoneInfo("America/New_York")), SystemClock())


async def carry(server: ScriptedSmtp, using: Meter, mails: int = 3) -> list[Ending]:
    route = Route("127.0.0.1", server.port, TlsMode.NONE, root=Path())
    began = monotonic()
    try:
        return await hand_over(
            route, [message(number) for number in range(mails)], using, timeouts=PATIENT, patience=PATIENCE
        )
    finally:
        assert monotonic() - began < PATIENCE + 8, "bounded, whatever the server does"


def outcomes(endings: list[Ending]) -> list[AttemptOutcome]:
    return [ending.end.outcome for ending in endings]


async def test_all_go_over_one_session(sqlite_store: Store, server: ScriptedSmtp) -> None:
    assert outcomes(await carry(server, meter(sqlite_store))) == [AttemptOutcome.SENT] * 3
    assert (len(server.mails), server.sessions) == (3, 1)


@pytest.mark.parametrize("drip", [False, True])
async def test_no_greeting(sqlite_store: Store, server: ScriptedSmtp, drip: bool) -> None:
    server.on("CONNECT", Step("220 " + "x" * 1000 if drip else None, drip=drip, pace=0.05))
    with pytest.raises(DialError, match="is too slow: no session in 2 seconds"):
        await carry(server, meter(sqlite_store))


async def test_silence_after_a_command_ends_the_test(sqlite_store: Store, server: ScriptedSmtp) -> None:
    server.on("RCPT", Step("250 ok"), Step(None))
    endings = await carry(server, meter(sqlite_store))
    assert outcomes(endings) == [AttemptOutcome.SENT, AttemptOutcome.ABANDONED, AttemptOutcome.ABANDONED]
    assert [ending.end.phase for ending in endings[1:]] == [AttemptPhase.RCPT, AttemptPhase.CONNECT]
    assert endings[2].words == "2 seconds are over, and nothing waits longer"


async def test_silence_after_the_body_is_no_no(sqlite_store: Store, server: ScriptedSmtp) -> None:
    server.on("BODY", Step(None, keep=True))
    endings = await carry(server, meter(sqlite_store), mails=1)
    assert outcomes(endings) == [AttemptOutcome.UNCERTAIN]


async def test_a_server_that_closes_after_each_mail(sqlite_store: Store, server: ScriptedSmtp) -> None:
    server.on("BODY", Step("250 ok", cut=True, always=True))
    assert outcomes(await carry(server, meter(sqlite_store))) == [AttemptOutcome.SENT] * 3
    assert server.sessions == 3


async def test_a_limit_beyond_the_time_is_told_at_once(sqlite_store: Store, server: ScriptedSmtp) -> None:
    endings = await carry(server, meter(sqlite_store, per_minute=1), mails=2)
    assert outcomes(endings) == [AttemptOutcome.SENT, AttemptOutcome.ABANDONED]
    assert endings[1].words.startswith("the sender's limit is reached; the next mail may leave on ")
