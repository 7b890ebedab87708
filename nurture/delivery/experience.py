"""What a worker knows of one sender's providers: who may be sent to now, how fast, and what servers teach.

Lines tell how each try ended; what that says about speed is written down for
all workers every moment, and read again from what the others wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from nurture.clock import monotonic
from nurture.delivery.lessons import Lesson, Taught
from nurture.delivery.pacing import FIRST_PUT_OFF, allowance
from nurture.delivery.replies import Slows
from nurture.delivery.shift import Shift
from nurture.delivery.tokens import Dry, Tap
from nurture.delivery.traffic import LONG, Traffic
from nurture.delivery.transaction import Ending, Transaction
from nurture.store import pacing
from nurture.store.engine import Connection
from nurture.store.pacing import THE_SENDER, PaceRow
from nurture.vocabulary import AttemptOutcome, AttemptPhase
from nurture.workspace.providers import Providers
from nurture.workspace.settings import SenderLimits

REFRESH = 5.0  # seconds after which what other workers learned is read again
_ABOUT_PROVIDERS = (AttemptPhase.RCPT, AttemptPhase.DATA, AttemptPhase.BODY)  # MAIL is about us


class Experience:
    """One sender's, for one round. ``traffic`` outlives the round."""

    def __init__(self, shift: Shift, sender: str, traffic: Traffic) -> None:
        settings = shift.workspace.settings
        found = settings.senders.get(sender)
        allowed = allowance(found.limits if found else SenderLimits(), shift.today())
        self.traffic = traffic
        self.providers = Providers(settings.providers)
        self._shift = shift
        self._sender = sender
        self._tap = Tap(shift.mode, sender, allowed, settings.zone)
        self._rows: Mapping[str, PaceRow] = {}
        self._read_at = monotonic() - REFRESH
        self._lessons: dict[tuple[str, Taught], Lesson] = {}
        self._put_off: dict[str, datetime] = {}  # until when
        self._dry: dict[str, Dry] = {}

    @property
    def tap(self) -> Tap | None:
        """The sender's own bucket; None: nothing limits it."""
        return None if self._tap.allowed.is_free and THE_SENDER not in self._rows else self._tap

    def taps(self) -> dict[str, Tap]:
        """The buckets of the providers that have one."""
        names = {name for name, row in self._rows.items() if name and row.learned is not None}
        names |= {name for name, limits in self.providers.settings.items() if limits.per_minute is not None}
        return {name: self._tap.of_provider(name, self.providers.limits(name).per_minute) for name in names}

    def may_go(self, line: int, provider: str) -> bool:
        """Whether a line may take a mail for a provider now."""
        limit = self.providers.limits(provider).connections
        return not self.is_put_off(provider) and self.traffic.allows(line, provider, limit)

    def is_put_off(self, provider: str) -> bool:
        """Whether a provider gets no mail now, because it does not answer."""
        until = self._put_off.get(provider)
        if until is not None and until <= self._shift.clock.now():
            del self._put_off[provider]
            return False
        return until is not None

    def ran_dry(self, providers: Mapping[str, Dry]) -> None:
        """Their buckets are empty."""
        self._dry |= providers

    def closed(self) -> set[str]:
        """The providers for which nothing shall be claimed now."""
        now = self._shift.clock.now()
        dry = {provider for provider, dry in self._dry.items() if now < dry.until}
        return dry | {provider for provider in list(self._put_off) if self.is_put_off(provider)}

    def answered(self, transaction: Transaction, ending: Ending) -> None:
        """A mail's try has ended; what that says about speed is written by `write_lessons`."""
        end, seconds = ending.end, transaction.waited
        provider = self.providers.of(transaction.claimed.address)
        if end.code is None:
            timed_out = seconds >= LONG and end.outcome in (AttemptOutcome.RETRY, AttemptOutcome.UNCERTAIN)
            if timed_out and end.phase in _ABOUT_PROVIDERS and self.traffic.fell_silent(provider, seconds):
                self._teach(provider, Taught.SILENT, end.answer)
                self._put_off[provider] = self._shift.clock.now() + FIRST_PUT_OFF
            return
        refused = end.outcome is AttemptOutcome.RETRY and not _is_greylisting(end.answer)
        too_often = self.traffic.answered(provider, seconds, for_now=refused)
        if ending.slows is Slows.SENDER:
            self._teach(THE_SENDER, Taught.TOO_FAST, end.answer)
        elif ending.slows is Slows.PROVIDER or too_often:
            self._teach(provider, Taught.TOO_FAST, end.answer)
        elif end.outcome is AttemptOutcome.SENT and provider in self._rows and self._rows[provider].put_offs:
            self._teach(provider, Taught.ANSWERS, "")

    async def write_lessons(self) -> None:
        """Write down what was learned, and take over what others did. Raises `StoreError`."""
        lessons, self._lessons = list(self._lessons.values()), {}

        def write(connection: Connection) -> None:
            for lesson in lessons:
                lesson.write(connection)

        if lessons:
            await self._shift.ledger.write(write)
        if lessons or monotonic() - self._read_at >= REFRESH:
            await self.refresh()

    async def refresh(self) -> None:
        """Take over what all workers know about the sender and its providers. Raises `StoreError`."""
        shift = self._shift
        self._rows = await shift.ledger.read(lambda connection: pacing.of_sender(connection, shift.mode, self._sender))
        self._read_at, now = monotonic(), shift.clock.now()
        for provider, row in self._rows.items():
            if provider and row.put_off_until is not None and row.put_off_until > now:
                self._put_off[provider] = row.put_off_until

    def _teach(self, provider: str, taught: Taught, words: str | None) -> None:
        """One lesson of a kind is enough between two writings."""
        shift = self._shift
        domains = self.providers.domains(provider) if provider else ()
        self._lessons.setdefault(
            (provider, taught),
            Lesson(shift.mode, self._sender, provider, domains, taught, words or "", shift.clock.now(), self._tap.zone),
        )


def _is_greylisting(words: str | None) -> bool:
    """A "not now" that is meant for every stranger says nothing about our speed."""
    return "greylist" in (words or "").lower() or "graylist" in (words or "").lower()
