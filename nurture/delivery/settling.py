"""What is written down when a try has ended: one idempotent transaction each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nurture.delivery import control, uncertain
from nurture.delivery.kept import KeptAnswer
from nurture.delivery.retries import OUTAGE_PAUSE, jitter, next_attempt, sender_pause
from nurture.delivery.transaction import Ending
from nurture.store import alerts, attempts, events, groups, senders, suppressions
from nurture.store.attempts import Attempt, ClaimedDelivery
from nurture.store.brakes import dead_key
from nurture.store.engine import Connection
from nurture.store.senders import StoppedSender
from nurture.vocabulary import (
    AlertKind,
    AttemptOutcome,
    DeliveryState,
    EventKind,
    Mode,
    SuppressionReason,
    SuppressionScope,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class Settlement:
    """A try and its ending, ready to be written.

    ``opens`` is the reader's window (`opening.opens`). ``brake``: why this answer holds the whole edition.
    """

    claimed: ClaimedDelivery
    attempt: Attempt
    ending: Ending
    now: datetime
    opens: Callable[[datetime], datetime]
    brake: str | None = None

    def write(self, connection: Connection) -> DeliveryState:
        """Settle the delivery and what follows from it; the state it now has by this answer."""
        self.pull_brake(connection)
        outcome = self.ending.end.outcome
        if outcome is AttemptOutcome.RETRY:
            return self._retry(connection)
        settled = self._settle(connection)
        if settled and outcome is AttemptOutcome.SENT:
            sender_works(connection, self.claimed.mode, self.claimed.sender, self.now)
        if settled and self.ending.verdict is Verdict.FAIL_ADDRESS and self.claimed.mode is Mode.LIVE:
            self._suppress(connection)
        if settled and outcome is AttemptOutcome.UNCERTAIN:
            uncertain.tell(connection, self.claimed.mode, self.now)
        return attempts.STATE_AFTER[outcome]

    @staticmethod
    def write_all(connection: Connection, steps: Sequence[Settlement]) -> list[DeliveryState]:
        """Settle many: those that were sent together, any other answer alone."""
        sent = [step for step in steps if step.ending.end.outcome is AttemptOutcome.SENT]
        done: set[int] = set()
        if sent:
            tries = [(step.claimed, step.attempt, step.ending.end) for step in sent]
            done = groups.settle_sent(connection, tries, now=sent[-1].now)
        for sender in {(step.claimed.mode, step.claimed.sender) for step in sent}:
            sender_works(connection, *sender, sent[-1].now)
        for step in sent:
            step.pull_brake(connection)
        return [DeliveryState.SENT if step.claimed.id in done else step.write(connection) for step in steps]

    def pull_brake(self, connection: Connection) -> None:
        """Hold the edition and tell of it, if this answer is one too many."""
        if self.brake is not None:
            control.hold_by_itself(connection, self.claimed.edition_id, because=self.brake, now=self.now)

    def _settle(self, connection: Connection, ending: Ending | None = None, when: datetime | None = None) -> bool:
        end = (ending or self.ending).end
        return attempts.settle(connection, self.claimed, self.attempt, end, now=self.now, next_attempt_at=when)

    def kept(self) -> KeptAnswer:
        """For the journal, if the database cannot take it now."""
        end, again_at = self.ending.end, None
        if end.outcome is AttemptOutcome.RETRY:
            again_at = self._again_at()
            end = end if again_at else replace(end, outcome=AttemptOutcome.FAILED)
        return keep(self.claimed, self.attempt, replace(self.ending, end=end), now=self.now, again_at=again_at)

    def _again_at(self) -> datetime | None:
        claimed = self.claimed
        return next_attempt(
            tries=claimed.attempts + 1,
            now=self.now,
            not_before=claimed.not_before,
            not_after=claimed.not_after,
            expires_at=claimed.expires_at,
            spread=jitter(claimed.id, claimed.attempts),
            text=self.ending.words,
            opens=self.opens,
        )

    def _retry(self, connection: Connection) -> DeliveryState:
        when = self._again_at()
        if when is not None:
            self._settle(connection, when=when)
            return DeliveryState.QUEUED
        given_up = replace(self.ending.end, outcome=AttemptOutcome.FAILED)
        self._settle(connection, replace(self.ending, end=given_up))
        return DeliveryState.FAILED

    def _suppress(self, connection: Connection) -> None:
        claimed = self.claimed
        data = {"reason": SuppressionReason.HARD_BOUNCED, "delivery": claimed.id}
        events.record(
            connection,
            EventKind.SUPPRESSED,
            self.now,
            delivery_id=claimed.id,
            contact_id=claimed.contact_id,
            data=data,
            dedupe_key=dead_key(claimed.id),
        )
        suppressions.suppress(
            connection,
            SuppressionScope.ADDRESS,
            claimed.recipient_key,
            shown=claimed.address,
            reason=SuppressionReason.HARD_BOUNCED,
            source=f"delivery {claimed.id}",
            now=self.now,
        )


def sender_works(connection: Connection, mode: Mode, sender: str, now: datetime) -> None:
    """Its server took a mail: whatever stopped it is over."""
    if senders.clear(connection, mode, sender, now):
        alerts.resolve_alert(connection, AlertKind.SENDER_STOPPED, sender, now)


@dataclass(frozen=True, slots=True)
class SenderStop:
    """A sender cannot send now. Without ``outage`` a server refused it; with it nobody answered.

    ``by_files``: nurture.yaml gives it no way; that is looked at again each minute.
    """

    mode: Mode
    sender: str
    words: str
    outage: bool
    now: datetime
    by_files: bool = False

    def write(self, connection: Connection) -> StoppedSender:
        """No dialing for a while, longer each time, and an alert."""
        stops = senders.stops_in_a_row(connection, self.mode, self.sender) + 1
        pause = OUTAGE_PAUSE if self.by_files else sender_pause(stops, outage=self.outage, text=self.words)
        until = self.now + pause
        senders.stop(connection, self.mode, self.sender, until=until, stops=stops, reason=self.words)
        message = f"{self.words} (next try {until:%Y-%m-%d %H:%M} UTC; nothing is lost, the mails wait)"
        alerts.raise_alert(connection, AlertKind.SENDER_STOPPED, self.sender, message, self.now)
        return StoppedSender(self.sender, until, stops, self.words)


def put_back(
    connection: Connection,
    claimed: ClaimedDelivery,
    attempt: Attempt,
    ending: Ending,
    *,
    until: datetime,
    now: datetime,
) -> None:
    """After a stop: the row waits for its sender, uncounted.

    It comes back a little later than the sender, more so each time, so that
    one mail that a server dislikes does not stand before all others.
    """
    when = back_at(claimed, attempt, until)
    attempts.settle(connection, claimed, attempt, ending.end, now=now, next_attempt_at=when)


def back_at(claimed: ClaimedDelivery, attempt: Attempt, until: datetime) -> datetime:
    """When a mail is due again whose sender waits ``until``."""
    return until + timedelta(minutes=1) * attempt.number * (1 + jitter(claimed.id, attempt.number))


def keep(
    claimed: ClaimedDelivery, attempt: Attempt, ending: Ending, *, now: datetime, again_at: datetime | None
) -> KeptAnswer:
    """An ending as the journal keeps it."""
    end = ending.end
    return KeptAnswer(
        delivery_id=claimed.id,
        claim=claimed.claim,
        attempt_id=attempt.id,
        outcome=end.outcome,
        phase=end.phase,
        verdict=ending.verdict,
        code=end.code,
        enhanced=end.enhanced,
        words=end.answer,
        at=now,
        again_at=again_at,
    )
