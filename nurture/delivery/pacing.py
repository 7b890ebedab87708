"""How fast a sender and a provider may be sent to. Pure; all instants are aware and in UTC.

A bucket fills with the time and every mail takes one token from it. A server
that says "too fast" halves the rate it gets; each quiet minute gives it some
back (additive increase, multiplicative decrease, as in RFC 5681 3.1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from math import floor
from zoneinfo import ZoneInfo

from nurture.workspace.settings import SenderLimits, WarmUp

MINUTE = timedelta(minutes=1)
SLOWEST = 1.0  # mails a minute; a rate never falls below
FIRST_PUT_OFF = timedelta(minutes=5)
LONGEST_PUT_OFF = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Learned:
    """A rate that a server taught us: mails ``per_minute``, since ``changed_at``; it refused at ``ceiling``."""

    per_minute: float
    ceiling: float
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left, as stored: tokens when it was last filled, mails of the clinic's ``day``."""

    tokens: float
    filled_at: datetime
    day: date
    used: int = 0
    learned: Learned | None = None


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the clinic allows; None: no limit of ours."""

    per_minute: float | None = None
    per_day: int | None = None

    @property
    def is_free(self) -> bool:
        """There is nothing to count."""
        return self.per_minute is None and self.per_day is None


@dataclass(frozen=True, slots=True)
class Draw:
    """How many mails may go now; if fewer than wanted, when more may go, and whether the day is the reason."""

    granted: int
    bucket: Bucket
    again_at: datetime | None = None
    day_is_over: bool = False


def warm_up_limit(plan: WarmUp, today: date) -> int:
    """How many mails the plan allows on a day: none before it begins."""
    days = (today - plan.start).days
    if days < 0:
        return 0
    # a thousand days of growth are more than any float holds
    return floor(min(plan.first_day * plan.growth ** min(days, 200), 1e9))


def allowance(limits: SenderLimits, today: date) -> Allowance:
    """A sender's limits on a day."""
    per_day = limits.per_day
    if limits.warm_up is not None:
        growing = warm_up_limit(limits.warm_up, today)
        per_day = growing if per_day is None else min(per_day, growing)
    return Allowance(limits.per_minute, per_day)


def burst(per_minute: float) -> int:
    """How many tokens a bucket holds: what a tenth of a minute brings, at least one."""
    return max(1, floor(per_minute / 10))


def fill_rate(per_minute: float) -> float:
    """Tokens a minute, so that a full bucket and a minute's tokens are no more than ``per_minute``."""
    return max(per_minute - burst(per_minute) + 1, SLOWEST)


def effective_rate(allowed: Allowance, learned: Learned | None) -> float | None:
    """Mails a minute by both, the clinic's limit and the server's; None: as fast as it goes."""
    rates = [rate for rate in (allowed.per_minute, learned.per_minute if learned else None) if rate is not None]
    return min(rates, default=None)


def draw(bucket: Bucket, allowed: Allowance, wanted: int, *, now: datetime, zone: ZoneInfo) -> Draw:
    """Take up to ``wanted`` tokens. ``zone`` is the clinic's: its midnight starts a new day."""
    today = now.astimezone(zone).date()
    bucket = _present(bucket, allowed, now, today)
    rate = effective_rate(allowed, bucket.learned)
    tokens = wanted if rate is None else floor(bucket.tokens + 1e-9)
    left_today = wanted if allowed.per_day is None else max(allowed.per_day - bucket.used, 0)
    granted = max(min(wanted, tokens, left_today), 0)
    taken = replace(
        bucket, tokens=bucket.tokens - granted if rate is not None else bucket.tokens, used=bucket.used + granted
    )
    if granted == wanted:
        return Draw(granted, taken)
    if left_today <= tokens:
        return Draw(granted, taken, _midnight_after(today, zone), day_is_over=True)
    assert rate is not None
    missing = 1 - taken.tokens
    # instants have whole microseconds: rounded down, the token would not be there yet
    return Draw(granted, taken, now + MINUTE * (missing / fill_rate(rate)) + timedelta(microseconds=1))


def give_back(bucket: Bucket, unused: int, *, today: date) -> Bucket:
    """Tokens that were taken and not needed."""
    used = max(bucket.used - unused, 0) if bucket.day == today else bucket.used
    return replace(bucket, tokens=bucket.tokens + unused, used=used)


def _present(bucket: Bucket, allowed: Allowance, now: datetime, today: date) -> Bucket:
    """The bucket as it is now: filled, on today's page, a little faster after a quiet minute."""
    # a clock that went wrong and came back must not stop us until then, nor give anything away
    if bucket.day < today or (bucket.day - today).days > 1:
        bucket = replace(bucket, day=today, used=0 if bucket.day < today else bucket.used)
    learned = faster(bucket.learned, now=now)
    rate = effective_rate(allowed, learned)
    if rate is None:
        return replace(bucket, tokens=0.0, filled_at=now, learned=learned)
    minutes = max(now - bucket.filled_at, timedelta()) / MINUTE
    tokens = min(bucket.tokens + minutes * fill_rate(rate), burst(rate))
    return replace(bucket, tokens=tokens, filled_at=now, learned=learned)


def _midnight_after(today: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(today + timedelta(days=1), time(), zone).astimezone(UTC)


def slower(learned: Learned | None, observed: float, *, now: datetime) -> Learned:
    """After "too fast": half of what we did. ``observed`` are the mails of the last minute.

    Refusals of one moment count once: what was under way when the first came must not halve the rate again.
    """
    if learned is not None and now - learned.changed_at < MINUTE / 2:
        return learned
    rate = max(observed, SLOWEST) if learned is None else learned.per_minute
    return Learned(max(rate / 2, SLOWEST), rate, now)


def faster(learned: Learned | None, *, now: datetime) -> Learned | None:
    """After quiet minutes: a tenth more for each, at least five mails; at twice the old ceiling it is forgotten."""
    if learned is None or now - learned.changed_at < MINUTE:
        return learned
    minutes = floor((now - learned.changed_at) / MINUTE)
    rate = learned.per_minute + minutes * max(learned.ceiling / 10, 5.0)
    return None if rate >= 2 * learned.ceiling else replace(learned, per_minute=rate, changed_at=now)


def put_off(times: int) -> timedelta:
    """How long a provider that does not answer gets no mail, the first time and the next: 5, 10 … 60 minutes."""
    return min(FIRST_PUT_OFF * (1 << min(times - 1, 10)), LONGEST_PUT_OFF)
