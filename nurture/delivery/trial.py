"""A few mails over a sender's own account, now, of which the database keeps nothing: tests of a sender.

The session and each mail's exchange are those of real mail, one command at a time. Only the account's limits are
drawn on, because its provider counts these mails, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from nurture.clock import Clock, monotonic
from nurture.delivery.connection import BrokenConnectionError, SmtpConnection, Timeouts
from nurture.delivery.dialing import DialError, dial
from nurture.delivery.messages import OutgoingMessage
from nurture.delivery.routes import Route
from nurture.delivery.tokens import Dry, Tap
from nurture.delivery.transaction import Ending, Exchange, broken, is_stale
from nurture.store import Store
from nurture.store.attempts import AttemptEnd
from nurture.vocabulary import AttemptOutcome, AttemptPhase

PATIENCE = 180.0  # seconds for all mails together: somebody waits for the answer
TIMEOUTS = Timeouts(greeting=30, command=30, data=30, body=90)


class Meter:
    """The limits of a sender's account: one token for each mail, as real mail takes them."""

    def __init__(self, store: Store, tap: Tap, clock: Clock) -> None:
        self._store = store
        self._tap = tap
        self._clock = clock

    async def wait(self, seconds: float) -> str | None:
        """Take a token; where none comes within ``seconds``, why in words."""
        began = monotonic()
        while (dry := await asyncio.to_thread(self._take)) is not None:
            pause = (dry.until - self._clock.now()).total_seconds()
            if dry.day_is_over or pause > seconds - (monotonic() - began):
                until = dry.until.astimezone(self._tap.zone)
                return f"the sender's limit is reached; the next mail may leave on {until:%a %b %d at %H:%M}"
            await asyncio.sleep(max(pause, 0.05))
        return None

    def _take(self) -> Dry | None:
        with self._store.write() as connection:
            granted, dry = self._tap.take(connection, 1, now=self._clock.now())
        return None if granted else dry


async def hand_over(
    route: Route,
    messages: Sequence[OutgoingMessage],
    meter: Meter,
    *,
    timeouts: Timeouts = TIMEOUTS,
    patience: float = PATIENCE,
) -> list[Ending]:
    """Bring these mails to the server, one after the other; how each ended, in their order.

    It takes no longer than ``patience`` (seconds) and a good-bye; what had no turn until then is ``ABANDONED``.
    Raises `DialError` if there is no session to begin with.
    """
    until = monotonic() + patience
    try:
        async with asyncio.timeout(patience):
            session = _Session(route, timeouts, await dial(route, timeouts))
    except TimeoutError as error:
        raise DialError(f"{route.server} is too slow: no session in {patience:g} seconds") from error
    endings = []
    try:
        for message in messages:
            exchange = Exchange(message)
            try:
                async with asyncio.timeout(max(until - monotonic(), 0)):
                    limit = await meter.wait(until - monotonic())
                    ending = _not_tried(limit) if limit else await session.carry(exchange)
            except DialError as error:
                ending = broken(AttemptPhase.CONNECT, error.words)
            except TimeoutError:
                session.connection.close()
                ending = exchange.given_up(f"{patience:g} seconds are over, and nothing waits longer")
            endings.append(ending)
    finally:
        await session.connection.quit()
    return endings


class _Session:
    """A session that is opened anew where the server ended it."""

    def __init__(self, route: Route, timeouts: Timeouts, connection: SmtpConnection) -> None:
        self._route = route
        self._timeouts = timeouts
        self.connection = connection

    async def carry(self, exchange: Exchange) -> Ending:
        """One mail; raises `DialError`."""
        was_used = self.connection.carried > 0
        if not self.connection.is_open:
            await self._renew()
        ending = await self._try(exchange)
        if was_used and is_stale(ending, 0):  # some servers end a session after each mail
            await self._renew()
            ending = await self._try(exchange)
        return ending

    async def _renew(self) -> None:
        self.connection.close()
        self.connection = await dial(self._route, self._timeouts)

    async def _try(self, exchange: Exchange) -> Ending:
        try:
            refused = await exchange.accept(self.connection, at_once=False)
        except BrokenConnectionError as error:
            return broken(exchange.phase, str(error))
        if refused is not None:
            return refused
        self.connection.send(exchange.wire)
        return await exchange.answered(self.connection)


def _not_tried(words: str) -> Ending:
    return Ending(AttemptEnd(AttemptOutcome.ABANDONED, AttemptPhase.CONNECT, answer=words))
