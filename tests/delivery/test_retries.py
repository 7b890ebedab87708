"""When to try again: growing pauses, the server's own wish, and an end."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.delivery.retries import FIRST_PAUSE, advised_pause, backoff, jitter, next_attempt, sender_pause
from tests.delivery.outbox import NOW

spreads = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("greylisted, please try again in 300 seconds", 300),
        ("4.7.1 Greylisting in action, please come back in 00:04:30", 270),
        ("Try again after 5 minutes", 300),
        ("please retry in 1 hour", 3600),
        ("wait 90s", 90),
        ("try again in 9999 hours", 86400),
        ("try again later", None),
        ("queue id 12345 seconds", None),
        ("", None),
    ],
)
def test_what_a_server_asks_for(words: str, seconds: int | None) -> None:
    assert advised_pause(words) == (None if seconds is None else timedelta(seconds=seconds))


@given(tries=st.integers(1, 100), first=spreads, second=spreads)
def test_pauses_start_at_five_minutes_and_grow(tries: int, first: float, second: float) -> None:
    assert backoff(1, spread=first) >= FIRST_PAUSE
    if tries <= 6:
        assert backoff(tries, spread=first) < backoff(tries + 1, spread=second)
    assert backoff(tries, spread=first) <= timedelta(hours=7.5)


@given(tries=st.integers(1, 20), spread=spreads, seconds=st.integers(0, 86400))
def test_a_servers_wish_is_the_least(tries: int, spread: float, seconds: int) -> None:
    assert backoff(tries, spread=spread, text=f"try again in {seconds} seconds") > timedelta(seconds=seconds)


@given(tries=st.integers(1, 60), late=st.integers(0, 240), spread=spreads)
def test_a_retry_stays_within_the_editions_time_and_five_days(tries: int, late: int, spread: float) -> None:
    ends = NOW + timedelta(hours=late)
    when = next_attempt(
        tries=tries, now=NOW, not_before=NOW, not_after=NOW + timedelta(hours=8), expires_at=ends, spread=spread
    )
    latest = min(max(ends, NOW + timedelta(hours=8)), NOW + timedelta(days=5))
    if when is None:
        assert NOW + backoff(tries, spread=spread) > latest
    else:
        assert NOW + FIRST_PAUSE <= when <= latest


def test_a_retry_waits_for_the_open_hours() -> None:
    morning = NOW + timedelta(hours=16)
    times = {"not_before": NOW, "not_after": NOW, "now": NOW, "tries": 1, "spread": 0.0}
    kept = next_attempt(expires_at=NOW + timedelta(days=1), opens=lambda _: morning, **times)
    assert kept == morning
    assert next_attempt(expires_at=NOW + timedelta(hours=2), opens=lambda _: morning, **times) is None


def test_jitter_repeats_and_spreads() -> None:
    drawn = [jitter(number, 1) for number in range(1000)]
    assert drawn == [jitter(number, 1) for number in range(1000)]
    assert 0 <= min(drawn) < 0.05
    assert 0.95 < max(drawn) < 1


@pytest.mark.parametrize(("outage", "minutes"), [(False, [5, 10, 20, 40, 360]), (True, [1, 2, 4, 8, 30])])
def test_stops_grow_to_a_bound(outage: bool, minutes: list[int]) -> None:
    pauses = [sender_pause(stops, outage=outage) for stops in (1, 2, 3, 4, 40)]
    assert pauses == [timedelta(minutes=each) for each in minutes]
