"""What this worker has claimed for one sender and no line has taken yet; shared by the sender's lines.

A mail goes to a line that may be busy with its provider now. What must not go
to a provider at the moment is left in the queue, and the claim goes on behind it.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Mapping
from datetime import datetime, timedelta

from nurture.clock import monotonic
from nurture.delivery.claiming import Claim, Claimed, Taken
from nurture.delivery.lessons import Lesson, Taught
from nurture.delivery.pacing import FIRST_PUT_OFF, allowance
from nurture.delivery.replies import Slows
from nurture.delivery.shift import Shift
from nurture.delivery.tokens import Dry, Tap
from nurture.delivery.traffic import LONG, Traffic
from nurture.delivery.transaction import Ending, Transaction
from nurture.store import attempts, pacing
from nurture.store.deliveries import Position
from nurture.store.engine import Connection
from nurture.store.pacing import THE_SENDER, PaceRow
from nurture.vocabulary import AttemptOutcome, AttemptPhase
from nurture.workspace.providers import Providers
from nurture.workspace.settings import SenderLimits

PARKED = 25  # mails that wait for one provider; more stay in the queue
LOOK_AGAIN = 2.0  # seconds after which the queue is asked again when it had nothing
REFRESH = 5.0  # seconds after which what other workers learned is read again
_ABOUT_PROVIDERS = (AttemptPhase.RCPT, AttemptPhase.DATA, AttemptPhase.BODY)  # MAIL is about us
WAIT = 2.0  # seconds that a line waits until it may be busy with a provider


class Stock:
    """One sender's claimed deliveries. ``dry`` says that the sender's limit is reached."""

    def __init__(self, shift: Shift, sender: str, traffic: Traffic, *, lines: int) -> None:
        settings = shift.workspace.settings
        found = settings.senders.get(sender)
        allowed = allowance(found.limits if found else SenderLimits(), shift.today())
        self.traffic = traffic
        self.providers = Providers(settings.providers)
        self.dry: Dry | None = None
        self._shift = shift
        self._sender = sender
        self._lines = lines
        self._tap = Tap(shift.mode, sender, allowed, settings.zone)
        self._limited = not allowed.is_free
        self._learned: Mapping[str, PaceRow] = {}
        self._learned_at = monotonic() - REFRESH
        self._lessons: dict[tuple[str, Taught], Lesson] = {}
        self._closed: dict[str, datetime] = {}  # providers that are put off, until when
        self._dry_providers: dict[str, Dry] = {}
        self._returning: list[Taken] = []  # on their way back to the queue
        self._waiting: deque[Taken] = deque()
        self._parked: Counter[str] = Counter()  # what waits, by provider
        self._unused = 0  # tokens that were taken for mails that did not go
        self._claiming = asyncio.Lock()
        self._changed = asyncio.Event()
        self._nothing_since: float | None = None
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
        ready = sum(self._may_go(taken, -1) for taken in self._waiting)
        return min(lines, ready or (0 if self._had_nothing() else 1))

    def left(self, delivery: int) -> None:
        """A delivery is in no line's hands any more."""
        self.traffic.left(delivery)
        self._changed.set()

    def answered(self, transaction: Transaction, ending: Ending) -> None:
        """A mail's try has ended; what that says about speed is written by `write_lessons`."""
        address, end = transaction.claimed.address, ending.end
        provider, seconds = self.providers.of(address), transaction.waited
        if end.code is None:
            timed_out = seconds >= LONG and end.outcome in (AttemptOutcome.RETRY, AttemptOutcome.UNCERTAIN)
            if timed_out and end.phase in _ABOUT_PROVIDERS and self.traffic.fell_silent(provider, seconds):
                self._teach(provider, Taught.SILENT, end.answer)
                self.close(provider, self._shift.clock.now() + FIRST_PUT_OFF)
            return
        refused = end.outcome is AttemptOutcome.RETRY and not _is_greylisting(end.answer)
        too_often = self.traffic.answered(provider, seconds, for_now=refused)
        if ending.slows is Slows.SENDER:
            self._teach(THE_SENDER, Taught.TOO_FAST, end.answer)
        elif ending.slows is Slows.PROVIDER or too_often:
            self._teach(provider, Taught.TOO_FAST, end.answer)
        elif end.outcome is AttemptOutcome.SENT and self._was_put_off(provider):
            self._teach(provider, Taught.ANSWERS, "")

    async def write_lessons(self) -> None:
        """Write down what was learned, and take over what others did."""
        lessons, self._lessons = list(self._lessons.values()), {}
        shift = self._shift

        def write(connection: Connection) -> None:
            for lesson in lessons:
                lesson.write(connection)

        if lessons:
            await shift.ledger.write(write)
        if self._returning:
            await self._return()
        if lessons or monotonic() - self._learned_at >= REFRESH:
            await self.refresh()

    async def refresh(self) -> None:
        """Take over what all workers know about the sender and its providers."""
        shift = self._shift
        rows = await shift.ledger.read(lambda connection: pacing.of_sender(connection, shift.mode, self._sender))
        self._learned, self._learned_at, now = rows, monotonic(), shift.clock.now()
        self._limited = not self._tap.allowed.is_free or THE_SENDER in rows
        for provider, row in rows.items():
            if provider and row.put_off_until is not None and row.put_off_until > now:
                self.close(provider, row.put_off_until)

    def _was_put_off(self, provider: str) -> bool:
        row = self._learned.get(provider)
        return row is not None and row.put_offs > 0

    def _teach(self, provider: str, taught: Taught, words: str | None) -> None:
        """One lesson of a kind is enough between two writings."""
        shift = self._shift
        domains = self.providers.domains(provider) if provider else ()
        self._lessons.setdefault(
            (provider, taught),
            Lesson(shift.mode, self._sender, provider, domains, taught, words or "", shift.clock.now(), self._tap.zone),
        )

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

    def close(self, provider: str, until: datetime) -> None:
        """No mail to a provider before then; what waits here for it goes back to the queue."""
        self._closed[provider] = until
        if self._parked.pop(provider, 0):
            self._returning += [taken for taken in self._waiting if taken.provider == provider]
            self._waiting = deque(taken for taken in self._waiting if taken.provider != provider)

    async def give_all_back(self) -> None:
        """At the end: what no line took waits for another time, and so do the tokens."""
        self._returning += self._waiting
        self._waiting.clear()
        self._parked.clear()
        await self._return()

    def is_put_off(self, provider: str) -> bool:
        """Whether a provider gets no mail now."""
        until = self._closed.get(provider)
        if until is not None and until <= self._shift.clock.now():
            del self._closed[provider]
            return False
        return until is not None

    async def _return(self) -> None:
        rest, self._returning = self._returning, []
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

    # -- what waits here

    def _pick(self, line: int) -> Taken | None:
        for index, taken in enumerate(self._waiting):
            if self._may_go(taken, line):
                del self._waiting[index]
                self._parked[taken.provider] -= 1
                self.traffic.took(line, taken.claimed.id, taken.provider)
                return taken
        return None

    def _may_go(self, taken: Taken, line: int) -> bool:
        provider = taken.provider
        if self.is_put_off(provider):
            return False
        return self.traffic.allows(line, provider, self.providers.limits(provider).connections)

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
        return self._nothing_since is not None and monotonic() - self._nothing_since < LOOK_AGAIN

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
        """Claim more; True if that brought anything."""
        shift, size = self._shift, self._shift.take(self._lines)
        blocked = self._blocked() if size else frozenset()
        found = Claimed()
        if size:
            found = await self._ask(size, blocked, self._after)
            if not found.batch and found.dry is None and self._after is not None:
                self._after = None  # rows that came back to the queue meanwhile
                found = await self._ask(size, blocked, None)
        shift.give_back(size - len(found.batch))
        if not found.batch and found.dry is None:
            self._nothing_since = monotonic()
        return bool(found.batch)

    async def _ask(self, size: int, blocked: frozenset[str], after: Position | None) -> Claimed:
        spare = min(self._unused, size) if self._limited else 0
        claim = Claim(
            shift=self._shift,
            sender=self._sender,
            size=size,
            spare=spare,
            tap=self._tap if self._limited else None,
            taps=self._taps(),
            providers=self.providers,
            left_out=blocked,
            after=after,
        )
        found = await self._shift.ledger.write(claim.write)
        self._unused -= spare
        self.dry = found.dry
        self._dry_providers |= found.dry_providers
        for provider in found.dry_providers:
            self._left_at.setdefault(provider, after)
        if blocked and found.through is not None:
            self._after = found.through
        self._keep(found.batch)
        return found

    def _blocked(self) -> frozenset[str]:
        """Providers that the claim leaves out: they get nothing now, or enough of theirs waits here."""
        full = {provider for provider, count in self._parked.items() if count >= PARKED}
        now = self._shift.clock.now()
        dry = {provider for provider, dry in self._dry_providers.items() if now < dry.until}
        blocked = full | dry | {provider for provider in list(self._closed) if self.is_put_off(provider)}
        for provider in blocked - self._left_at.keys():
            self._left_at[provider] = self._after
        for provider in self._left_at.keys() - blocked:
            left = self._left_at.pop(provider)
            self._after = None if left is None or self._after is None else min(self._after, left)
        if not blocked:
            self._after = None
        return frozenset(blocked)

    def _taps(self) -> dict[str, Tap]:
        """The buckets of the providers that have one."""
        names = {name for name, row in self._learned.items() if name and row.learned is not None}
        names |= {name for name, limits in self.providers.settings.items() if limits.per_minute is not None}
        return {name: self._tap.of_provider(name, self.providers.limits(name).per_minute) for name in names}


def _is_greylisting(words: str | None) -> bool:
    """A "not now" that is meant for every stranger says nothing about our speed."""
    return "greylist" in (words or "").lower() or "graylist" in (words or "").lower()
