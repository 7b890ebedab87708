"""What this worker has claimed for one sender and no line has taken yet; shared by the sender's lines."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import timedelta

from nurture.delivery.pacing import allowance
from nurture.delivery.shift import Shift
from nurture.delivery.tokens import Dry, Tap
from nurture.store import attempts, contacts, deliveries, pacing
from nurture.store.attempts import ClaimedDelivery
from nurture.store.contacts import PersonRow
from nurture.store.engine import Connection
from nurture.workspace.settings import SenderLimits


@dataclass(frozen=True, slots=True)
class Taken:
    """A claimed delivery in a line's hands, and who it is for."""

    claimed: ClaimedDelivery
    person: PersonRow | None


@dataclass(frozen=True, slots=True)
class _Claim:
    batch: list[Taken]
    dry: Dry | None


class Stock:
    """One sender's claimed deliveries. ``dry`` says that its limit is reached."""

    def __init__(self, shift: Shift, sender: str, *, lines: int) -> None:
        settings = shift.workspace.settings
        found = settings.senders.get(sender)
        allowed = allowance(found.limits if found else SenderLimits(), shift.today())
        self._shift = shift
        self._sender = sender
        self._lines = lines
        self._tap = Tap(shift.mode, sender, allowed, settings.zone)
        self._waiting: deque[Taken] = deque()
        self._unused = 0  # tokens that were taken for mails that did not go
        self._claiming = asyncio.Lock()
        self._limited: bool | None = None  # not known yet
        self.dry: Dry | None = None

    async def take(self, *, patient: bool) -> Taken | None:
        """The next delivery; None: none is due, or none may go now.

        ``patient``: a token that comes within the shift's patience is waited for.
        """
        waited = False
        while self._shift.may_go_on(self._sender):
            if self._waiting:
                return self._waiting.popleft()
            async with self._claiming:
                if self._waiting:
                    continue
                if self._is_dry():
                    if waited or not patient or not await self._wait_for_token():
                        return None
                    waited = True
                if not await self._claim() and self.dry is None:
                    return None
        return None

    def unused(self, count: int = 1) -> None:
        """A delivery that was taken did not go: its token serves another."""
        self._unused += count

    async def give_all_back(self) -> None:
        """At the end: what no line took waits for another time, and so do the tokens."""
        rest, self._waiting = list(self._waiting), deque()
        unused, self._unused = self._unused + len(rest), 0
        if not rest and not (unused and self._limited):
            return
        shift, now = self._shift, self._shift.clock.now()

        def work(connection: Connection) -> None:
            for taken in rest:
                attempts.requeue(connection, taken.claimed, owner=shift.owner, now=now)
            if self._limited:
                self._tap.give_back(connection, unused, now=now)

        await shift.ledger.write(work)

    def _is_dry(self) -> bool:
        return self.dry is not None and self._shift.clock.now() < self.dry.until

    async def _wait_for_token(self) -> bool:
        assert self.dry is not None
        seconds = (self.dry.until - self._shift.clock.now()) / timedelta(seconds=1)
        if seconds > self._shift.patience:
            return False
        await asyncio.sleep(seconds)
        return True

    async def _claim(self) -> bool:
        shift, size = self._shift, self._shift.take(self._lines)
        if not size:
            return False
        if self._limited is None:
            self._limited = not self._tap.allowed.is_free or await shift.ledger.read(self._has_learned)
        now, limited, spare = shift.clock.now(), self._limited, min(self._unused, size)

        def work(connection: Connection) -> _Claim:
            granted, dry = size, None
            if limited:
                granted, dry = self._tap.take(connection, size - spare, now=now) if size > spare else (0, None)
                granted += spare
            batch = self._claim_rows(connection, granted) if granted else []
            if limited and len(batch) < granted:
                self._tap.give_back(connection, granted - len(batch), now=now)
                dry = None  # there is no more to send than may go
            return _Claim(batch, dry)

        found = await shift.ledger.write(work)
        if limited:
            self._unused -= spare
        self.dry = found.dry
        self._waiting.extend(found.batch)
        shift.give_back(size - len(found.batch))
        return bool(found.batch)

    def _has_learned(self, connection: Connection) -> bool:
        return pacing.THE_SENDER in pacing.of_sender(connection, self._shift.mode, self._sender)

    def _claim_rows(self, connection: Connection, limit: int) -> list[Taken]:
        shift = self._shift
        batch = deliveries.claim(
            connection, mode=shift.mode, sender=self._sender, owner=shift.owner, now=shift.clock.now(), limit=limit
        )
        ids = [claimed.contact_id for claimed in batch if claimed.contact_id is not None]
        people = contacts.people_by_id(connection, ids)
        return [Taken(claimed, people.get(claimed.contact_id or 0)) for claimed in batch]
