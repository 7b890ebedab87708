"""How much working time lies between two instants."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.inbox.working_time import WorkingTime
from nurture.workspace.hours import parse_opening_hours

OREGON = ZoneInfo("America/Los_Angeles")
HOURS = parse_opening_hours({"mon-thu": "08:00-12:00, 13:00-17:00", "fri": "08:00-12:00"})
CLINIC = WorkingTime(HOURS, frozenset({date(2026, 11, 26)}), OREGON)


def oregon(text):
    return datetime.fromisoformat(text).replace(tzinfo=OREGON)


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2026-11-23T09:00", "2026-11-23T11:30", 2.5),
        ("2026-11-23T11:00", "2026-11-23T14:00", 2),  # the noon break is not worked
        ("2026-11-23T16:00", "2026-11-24T09:00", 2),  # nor is the night
        ("2026-11-27T11:00", "2026-11-30T09:00", 2),  # nor the weekend
        ("2026-11-25T16:00", "2026-11-27T09:00", 2),  # nor a holiday
        ("2026-11-26T08:00", "2026-11-26T17:00", 0),
        ("2026-11-28T08:00", "2026-11-29T17:00", 0),
        ("2026-11-23T12:00", "2026-11-23T13:00", 0),
        ("2026-11-24T09:00", "2026-11-23T09:00", 0),  # an answer before the question: two servers' clocks
    ],
)
def test_only_the_clinics_hours_count(start, end, hours):
    assert CLINIC.between(oregon(start), oregon(end)) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-03-08", 23), ("2026-11-01", 25), ("2026-06-07", 24)],  # clocks forward, clocks back, neither
)
def test_a_clinic_that_never_closes_works_as_long_as_the_day_is(day, hours):
    always = WorkingTime(parse_opening_hours({"mon-sun": "00:00-24:00"}), frozenset(), OREGON)
    start = oregon(f"{day}T00:00")
    end = (start + timedelta(days=1)).replace(hour=0)
    assert always.between(start, end) == timedelta(hours=hours)


def test_the_zone_is_the_clinics():
    # 18:00 in UTC is 10:00 in Oregon
    assert CLINIC.between(oregon("2026-11-23T08:00"), datetime(2026, 11, 23, 18, tzinfo=UTC)) == timedelta(hours=2)


def test_a_clinic_without_hours_never_works():
    closed = WorkingTime(parse_opening_hours({"mon": "closed"}), frozenset(), OREGON)
    assert closed.between(oregon("2026-01-01T00:00"), oregon("2026-12-31T00:00")) == timedelta()
    assert not closed.is_open(oregon("2026-11-23T09:00"))


def test_open_is_what_is_worked():
    assert CLINIC.is_open(oregon("2026-11-23T08:00"))
    assert not CLINIC.is_open(oregon("2026-11-23T12:00"))
    assert not CLINIC.is_open(oregon("2026-11-26T09:00"))


INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))
ZONES = st.sampled_from(["America/Los_Angeles", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Cairo", "UTC"])
DAYS = st.lists(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), unique=True, min_size=1)
MINUTES = st.lists(st.integers(0, 1439), min_size=2, max_size=4, unique=True).filter(lambda found: len(found) % 2 == 0)


def clock(minutes):
    return f"{minutes // 60:02}:{minutes % 60:02}"


@st.composite
def working_times(draw):
    minutes = sorted(draw(MINUTES))
    spans = ", ".join(f"{clock(a)}-{clock(b)}" for a, b in zip(minutes[::2], minutes[1::2], strict=True))
    holidays = draw(st.frozensets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=20))
    return WorkingTime(parse_opening_hours(dict.fromkeys(draw(DAYS), spans)), holidays, ZoneInfo(draw(ZONES)))


@given(working_times(), INSTANTS, INSTANTS, INSTANTS)
def test_time_adds_up_and_never_runs_backwards(working_time, a, b, c):
    first, middle, last = sorted((a, b, c))
    parts = working_time.between(first, middle) + working_time.between(middle, last)
    whole = working_time.between(first, last)
    assert parts == whole
    assert timedelta() <= working_time.between(first, middle) <= whole <= last - first


@given(working_times(), INSTANTS, st.integers(0, 36 * 60))
def test_it_is_what_somebody_with_a_watch_counts(working_time, start, minutes):
    """Minute by minute by the clock on the wall, in a zone that never changes it."""
    clinic = replace(working_time, zone=ZoneInfo("Asia/Kolkata"))
    start = start.replace(second=0, microsecond=0)
    walls = [(start + timedelta(minutes=number)).astimezone(clinic.zone) for number in range(minutes)]
    worked = [
        any(opens <= wall.hour * 60 + wall.minute < closes for opens, closes in clinic.hours.on(wall.weekday()))
        for wall in walls
        if wall.date() not in clinic.holidays
    ]
    assert clinic.between(start, start + timedelta(minutes=minutes)) == timedelta(minutes=sum(worked))
