"""What this worker has claimed for one sender and no line has taken yet; shared by the sender's lines.

A mail goes to a line that may be busy with its provider now. What must not go
to a provider at the moment is left in the queue, and the claim goes on behind it.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from datetime import timedelta

from nurture.clock import monotonic
from nurture.delivery.claiming import Claim, Claimed, Taken
from nurture.delivery.experience import Experience
from nurture.delivery.shift import Shift
from nurture.delivery.tokens import Dry
from nurture.store import attempts
from nurture.store.deliveries import Position
from nurture.store.engine import Connection

PARKED = 25  # mails that wait for one provider; more stay in the queue
LOOK_AGAIN = 2.0  # seconds after which the queue is asked again when it had nothing
WAIT = 2.0  # seconds that a line waits until it may be busy with a provider


class Stock:
    """One sender's claimed deliveries. ``dry`` says that the sender's limit is reached."""

    def __init__(self, shift: Shift, sender: str, experience: Experience, *, lines: int) -> None:
        self.dry: Dry | None = None
        self._shift = shift
        self._sender = sender
        self._experience = experience
        self._lines = lines
        self._waiting: deque[Taken] = deque()
        self._parked: Counter[str] = Counter()  # what waits, by provider
        self._unused = 0  # tokens that were taken for mails that did not go
        self._claiming = asyncio.Lock()
        self._changed = asyncio.Event()
        self._nothing_since: float | None = None  # the queue had nothing but for the providers that were left out
        self._nothing_but: frozenset[str] = frozenset()
        self._after: Position | None = None  # the claim goes on behind it
        self._left_at: dict[str, Position | None] = {}  # where mails of a provider were left for the first time

    async def take(self, line: int, *, patient: bool) -> Taken | None:
        """The next delivery for a line; None: none is due, or none may go now.

        ``patient``: a token that comes within the shift's patience is waited
        for, and so are other lines that are busy with the only providers left.
        """
        waited = False
        while self._shift.may_go_on(self._sender):
            if (taken := self._pick(line)) is not None:
                return taken
            if not patient and self._is_dry():
                return None  # whoever waits for a token holds the lock meanwhile
            async with self._claiming:
                if (taken := self._pick(line)) is not None:
                    return taken
                if self._is_dry():
                    if waited or not patient or not await self._wait_for_token():
                        return None
                    waited = True
                if not self._had_nothing() and (await self._claim() or self.dry is not None):
                    continue
            if waited or not patient or not self._waiting or not await self._wait_for_change():
                return None
        return None

    def openings(self, lines: int) -> int:
        """How many of so many further lines would find something to do."""
        if self._is_dry():
            return 0
        ready = sum(self._experience.may_go(-1, taken.provider) for taken in self._waiting)
        return min(lines, ready or (0 if self._had_nothing() else 1))

    def left(self, delivery: int) -> None:
        """A delivery is in no line's hands any more."""
        self._experience.traffic.left(delivery)
        self._changed.set()

    def put_back(self, taken: Taken) -> None:
        """A line cannot go on with it for a while: another may."""
        self.left(taken.claimed.id)
        self._keep([taken], first=True)

    def requeued(self) -> None:
        """Something of this sender is in the queue again."""
        self._nothing_since = self._after = None

    def unused(self, count: int = 1) -> None:
        """A delivery that was taken did not go: its token serves another."""
        self._unused += count

    async def give_back_put_off(self) -> None:
        """What waits here for providers that get no mail now goes back to the queue. Raises `StoreError`."""
        put_off = [taken for taken in self._waiting if self._experience.is_put_off(taken.provider)]
        if put_off:
            self._waiting = deque(taken for taken in self._waiting if not self._experience.is_put_off(taken.provider))
            self._parked.subtract(taken.provider for taken in put_off)
            await self._return(put_off)

    async def give_all_back(self) -> None:
        """At the end: what no line took waits for another time, and so do the tokens. Raises `StoreError`."""
        rest, self._waiting = list(self._waiting), deque()
        self._parked.clear()
        await self._return(rest)

    async def _return(self, rest: list[Taken]) -> None:
        unused, self._unused = self._unused + len(rest), 0
        tap, shift, now = self._experience.tap, self._shift, self._shift.clock.now()
        if not rest and (not unused or tap is None):
            return

        def work(connection: Connection) -> None:
            for taken in rest:
                attempts.requeue(connection, taken.claimed, owner=shift.owner, now=now)
            if tap is not None:
                tap.give_back(connection, unused, now=now)

        await shift.ledger.write(work)

    # -- what waits here

    def _pick(self, line: int) -> Taken | None:
        for index, taken in enumerate(self._waiting):
            if self._experience.may_go(line, taken.provider):
                del self._waiting[index]
                self._parked[taken.provider] -= 1
                self._experience.traffic.took(line, taken.claimed.id, taken.provider)
                return taken
        return None

    def _keep(self, batch: list[Taken], *, first: bool = False) -> None:
        for taken in batch:
            self._parked[taken.provider] += 1
        if first:
            self._waiting.extendleft(batch)
        else:
            self._waiting.extend(batch)
        self._changed.set()

    # -- waiting

    def _is_dry(self) -> bool:
        return self.dry is not None and self._shift.clock.now() < self.dry.until

    def _had_nothing(self) -> bool:
        if self._nothing_since is None or monotonic() - self._nothing_since >= LOOK_AGAIN:
            return False
        return self._nothing_but <= self._left_out()

    async def _wait_for_token(self) -> bool:
        assert self.dry is not None
        seconds = (self.dry.until - self._shift.clock.now()) / timedelta(seconds=1)
        if seconds > self._shift.patience:
            return False
        await asyncio.sleep(seconds)
        return True

    async def _wait_for_change(self) -> bool:
        self._changed.clear()
        try:
            async with asyncio.timeout(WAIT):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    # -- the queue

    async def _claim(self) -> bool:
        """Claim more; True if it may go on: that brought something, or there may be more behind a dry provider's."""
        shift, size = self._shift, self._shift.take(self._lines)
        blocked = self._blocked() if size else frozenset()
        found = Claimed()
        if size:
            found = await self._ask(size, blocked, self._after)
            if not found.batch and found.dry is None and self._after is not None:
                self._after = None  # rows that came back to the queue meanwhile
                found = await self._ask(size, blocked, None)
        shift.give_back(size - len(found.batch))
        if found.batch or found.dry_providers:
            return True
        if found.dry is None:
            self._nothing_since, self._nothing_but = monotonic(), blocked
        return False

    async def _ask(self, size: int, blocked: frozenset[str], after: Position | None) -> Claimed:
        experience = self._experience
        tap = experience.tap
        spare = min(self._unused, size) if tap is not None else 0
        claim = Claim(
            shift=self._shift,
            sender=self._sender,
            size=size,
            spare=spare,
            tap=tap,
            taps=experience.taps(),
            providers=experience.providers,
            left_out=blocked,
            after=after,
        )
        found = await self._shift.ledger.write(claim.write)
        self._unused -= spare
        self.dry = found.dry
        experience.ran_dry(found.dry_providers)
        for provider in found.dry_providers:
            self._left_at.setdefault(provider, after)
        if blocked and found.through is not None:
            self._after = found.through
        self._keep(found.batch)
        return found

    def _blocked(self) -> frozenset[str]:
        """Providers that the claim leaves out: they get nothing now, or enough of theirs waits here."""
        blocked = self._left_out()
        for provider in blocked - self._left_at.keys():
            self._left_at[provider] = self._after
        for provider in self._left_at.keys() - blocked:
            left = self._left_at.pop(provider)
            self._after = None if left is None or self._after is None else min(self._after, left)
        if not blocked:
            self._after = None
        return blocked

    def _left_out(self) -> frozenset[str]:
        full = {provider for provider, count in self._parked.items() if count >= PARKED}
        return frozenset(full | self._experience.closed())
