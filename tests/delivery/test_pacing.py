"""Buckets, warm-up, and what a server teaches: no more than is allowed, whatever the order of things."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.delivery.pacing import (
    Allowance,
    Bucket,
    Learned,
    allowance,
    burst,
    draw,
    faster,
    give_back,
    put_off,
    slower,
    warm_up_limit,
)
from nurture.workspace.settings import SenderLimits, WarmUp

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
ZONE = ZoneInfo("America/New_York")
TODAY = date(2026, 12, 1)
MINUTE = timedelta(minutes=1)
FULL = Bucket(1e9, NOW, TODAY)


def test_the_warm_up_grows_from_its_first_day() -> None:
    plan = WarmUp.model_validate({"from": TODAY, "first_day": 50, "growth": 1.5})
    days = [warm_up_limit(plan, TODAY + timedelta(days=number)) for number in (-1, 0, 1, 2, 10, 5000)]
    assert days == [0, 50, 75, 112, 2883, 1_000_000_000]


@pytest.mark.parametrize(("per_day", "allowed"), [(None, 75), (60, 60), (100, 75)])
def test_the_smaller_of_warm_up_and_day_holds(per_day: int | None, allowed: int) -> None:
    limits = SenderLimits.model_validate({"per_day": per_day, "warm_up": {"from": TODAY, "first_day": 50}})
    assert allowance(limits, TODAY + timedelta(days=1)).per_day == allowed


@given(
    rate=st.integers(1, 3000),
    pauses=st.lists(st.tuples(st.floats(0, 90), st.integers(1, 400)), min_size=1, max_size=60),
)
def test_no_minute_has_more_mails_than_allowed(rate: int, pauses: list[tuple[float, int]]) -> None:
    bucket, now, taken = FULL, NOW, []
    for seconds, wanted in pauses:
        now += timedelta(seconds=seconds)
        drawn = draw(bucket, Allowance(per_minute=rate), wanted, now=now, zone=ZONE)
        bucket = drawn.bucket
        taken.append((now, drawn.granted))
        assert 0 <= drawn.granted <= min(wanted, burst(rate))
    for start, _ in taken:
        assert sum(count for at, count in taken if start <= at < start + MINUTE) <= rate


@given(rate=st.integers(1, 3000), wanted=st.integers(1, 100))
def test_a_dry_bucket_says_when_the_next_mail_may_go(rate: int, wanted: int) -> None:
    empty = draw(FULL, Allowance(per_minute=rate), 10_000, now=NOW, zone=ZONE)
    assert empty.again_at is not None
    assert NOW < empty.again_at <= NOW + MINUTE + timedelta(microseconds=1)
    allowed = Allowance(per_minute=rate)
    at_once = draw(empty.bucket, allowed, wanted, now=empty.again_at - timedelta(milliseconds=1), zone=ZONE)
    assert at_once.granted == 0
    assert draw(empty.bucket, allowed, wanted, now=empty.again_at, zone=ZONE).granted == 1


@given(limit=st.integers(0, 500), wanted=st.lists(st.integers(1, 60), max_size=40))
def test_a_day_ends_at_its_limit_and_at_the_clinics_midnight(limit: int, wanted: list[int]) -> None:
    bucket, total = FULL, 0
    for count in [*wanted, 1000]:
        drawn = draw(bucket, Allowance(per_day=limit), count, now=NOW, zone=ZONE)
        bucket, total = drawn.bucket, total + drawn.granted
    assert total == limit
    assert drawn.day_is_over
    assert drawn.again_at == datetime(2026, 12, 2, 5, tzinfo=UTC), "midnight in New York"
    assert draw(bucket, Allowance(per_day=limit), limit, now=drawn.again_at, zone=ZONE).granted == limit


def test_unused_tokens_come_back() -> None:
    drawn = draw(FULL, Allowance(600, 25), 25, now=NOW, zone=ZONE)
    assert draw(drawn.bucket, Allowance(600, 25), 1, now=NOW, zone=ZONE).granted == 0
    back = give_back(drawn.bucket, 5, today=TODAY)
    assert draw(back, Allowance(600, 25), 25, now=NOW, zone=ZONE).granted == 5
    assert give_back(drawn.bucket, 5, today=TODAY + timedelta(days=1)).used == 25, "another day's count"


@pytest.mark.parametrize("jump", [timedelta(hours=6), timedelta(hours=-6), timedelta(days=-400), timedelta(days=400)])
def test_a_clock_that_jumps_and_comes_back_gives_nothing_away_and_stops_nobody(jump: timedelta) -> None:
    allowed = Allowance(60, 1000)
    bucket = draw(FULL, allowed, 6, now=NOW, zone=ZONE).bucket
    during = draw(bucket, allowed, 6, now=NOW + jump, zone=ZONE)
    after = draw(during.bucket, allowed, 6, now=NOW + MINUTE, zone=ZONE)
    assert during.granted + after.granted <= 12
    later = draw(after.bucket, allowed, 6, now=NOW + 2 * MINUTE, zone=ZONE)
    assert later.granted == 6
    assert later.bucket.used <= 24


def test_too_fast_halves_the_rate_and_quiet_minutes_bring_it_back() -> None:
    learned = slower(None, 100, now=NOW)
    assert learned == Learned(50, 100, NOW)
    assert slower(learned, 100, now=NOW + timedelta(seconds=10)) == learned, "what was under way counts once"
    assert slower(learned, 100, now=NOW + MINUTE).per_minute == 25
    assert faster(learned, now=NOW + timedelta(seconds=59)) == learned
    assert faster(learned, now=NOW + MINUTE) == Learned(60, 100, NOW + MINUTE)
    assert faster(learned, now=NOW + 14 * MINUTE) == Learned(190, 100, NOW + 14 * MINUTE)
    assert faster(learned, now=NOW + 15 * MINUTE) is None, "forgotten"
    assert faster(None, now=NOW) is None


@given(observed=st.floats(0, 1e6), refusals=st.integers(1, 50))
def test_a_rate_never_stands_still(observed: float, refusals: int) -> None:
    learned, now = None, NOW
    for _ in range(refusals):
        now += MINUTE
        learned = slower(learned, observed, now=now)
    assert learned is not None
    assert learned.per_minute >= 1
    bucket = Bucket(0, now, TODAY, learned=learned)
    assert draw(bucket, Allowance(), 1, now=now + MINUTE, zone=ZONE).granted == 1
    assert faster(learned, now=now + timedelta(days=1)) is None


def test_what_was_learned_holds_below_the_clinics_limit() -> None:
    bucket = Bucket(100, NOW, TODAY, learned=Learned(20, 40, NOW))
    assert draw(bucket, Allowance(per_minute=600), 50, now=NOW, zone=ZONE).granted == 2
    assert draw(bucket, Allowance(per_minute=10), 50, now=NOW, zone=ZONE).granted == 1


def test_putting_off_grows_to_an_hour() -> None:
    assert [put_off(times) / MINUTE for times in (1, 2, 3, 4, 5, 99)] == [5, 10, 20, 40, 60, 60]
