"""Taking tokens from the buckets in the database: one step in the claim's transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from nurture.delivery.pacing import Allowance, Bucket, Draw, Learned, draw, give_back
from nurture.store import pacing
from nurture.store.engine import Connection
from nurture.store.pacing import THE_SENDER, PaceRow
from nurture.vocabulary import Mode


@dataclass(frozen=True, slots=True)
class Dry:
    """No mail may go before ``until`` (UTC); ``day_is_over``: the day's limit is reached."""

    until: datetime
    day_is_over: bool


@dataclass(frozen=True, slots=True)
class Tap:
    """One bucket: a sender's, or that of a sender at one provider. ``zone`` is the clinic's."""

    mode: Mode
    sender: str
    allowed: Allowance
    zone: ZoneInfo
    provider: str = THE_SENDER

    def take(self, connection: Connection, wanted: int, *, now: datetime) -> tuple[int, Dry | None]:
        """Take up to ``wanted`` tokens; how many, and why it were not more."""
        row, present = self._lock(connection), pacing.present(connection, now)
        if row is None and self.allowed.is_free:
            return wanted, None
        row = row or pacing.lock_new(connection, full_row(self.mode, self.sender, self.provider, present, self.zone))
        drawn = draw(bucket_of(row), self.allowed, wanted, now=present, zone=self.zone)
        kept = with_bucket(row, drawn.bucket)
        if self.allowed.is_free and kept.learned is None and not kept.put_offs:
            pacing.forget(connection, kept)
        else:
            pacing.save(connection, kept)
        return drawn.granted, _dry(drawn, ahead=now - present)

    def give_back(self, connection: Connection, unused: int, *, now: datetime) -> None:
        """Tokens that were taken and not needed."""
        row = self._lock(connection)
        if row is not None:
            today = pacing.present(connection, now).astimezone(self.zone).date()
            pacing.save(connection, with_bucket(row, give_back(bucket_of(row), unused, today=today)))

    def _lock(self, connection: Connection) -> PaceRow | None:
        return pacing.lock(connection, self.mode, self.sender, self.provider)

    def of_provider(self, provider: str, per_minute: int | None) -> Tap:
        """The same sender's bucket at one provider."""
        return replace(self, provider=provider, allowed=Allowance(per_minute))


def _dry(drawn: Draw, *, ahead: timedelta) -> Dry | None:
    # whoever waits looks at its own clock, which may be ahead of the database's
    return None if drawn.again_at is None else Dry(drawn.again_at + ahead, drawn.day_is_over)


def full_row(mode: Mode, sender: str, provider: str, present: datetime, zone: ZoneInfo) -> PaceRow:
    """A row that says nothing yet. ``zone`` is the clinic's."""
    return PaceRow(mode, sender, provider, float("inf"), present, present.astimezone(zone).date())


def bucket_of(row: PaceRow) -> Bucket:
    """What is left, from a row."""
    learned = None
    if row.learned is not None and row.ceiling is not None and row.changed_at is not None:
        learned = Learned(row.learned, row.ceiling, row.changed_at)
    return Bucket(row.tokens, row.filled_at, row.day, row.used, learned)


def with_bucket(row: PaceRow, bucket: Bucket) -> PaceRow:
    """A row that holds what is left now."""
    learned = bucket.learned
    return replace(
        row,
        tokens=bucket.tokens,
        filled_at=bucket.filled_at,
        day=bucket.day,
        used=bucket.used,
        learned=learned.per_minute if learned else None,
        ceiling=learned.ceiling if learned else None,
        changed_at=learned.changed_at if learned else None,
        slow_since=row.slow_since if learned else None,
        reason=row.reason if learned or row.put_off_until else None,
    )
