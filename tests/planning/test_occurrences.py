"""When schedules come: by table where people can check it, by Hypothesis where clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.planning.occurrences import instant_of, next_occurrences, occurrences, period_of
from nurture.workspace.schedule import Monthly, Weekly, parse_schedule

ZONES = ("America/New_York", "Europe/Berlin", "Australia/Sydney", "Australia/Lord_Howe", "Pacific/Apia", "UTC")
NEW_YORK = ZoneInfo("America/New_York")


def nominals(text: str, first: str, last: str, zone: str = "America/New_York") -> list[str]:
    """What comes in a span of days, both included."""
    where = ZoneInfo(zone)
    after = datetime.fromisoformat(first).replace(tzinfo=where) - timedelta(seconds=1)
    until = datetime.fromisoformat(last).replace(tzinfo=where, hour=23, minute=59)
    return [found.nominal for found in occurrences(parse_schedule(text), zone=where, after=after, until=until)]


@pytest.mark.parametrize(
    ("schedule", "first", "last", "expected"),
    [
        ("2026-12-01 at 09:30", "2026-11-01", "2027-01-01", ["2026-12-01T09:30"]),
        ("2026-12-01 at 09:30", "2026-12-02", "2027-01-01", []),
        (
            "first tuesday at 09:30",
            "2026-12-01",
            "2027-02-28",
            ["2026-12-01T09:30", "2027-01-05T09:30", "2027-02-02T09:30"],
        ),
        ("fifth monday at 08:00", "2027-01-01", "2027-06-30", ["2027-03-29T08:00", "2027-05-31T08:00"]),
        (
            "last friday at 14:00",
            "2027-01-01",
            "2027-03-31",
            ["2027-01-29T14:00", "2027-02-26T14:00", "2027-03-26T14:00"],
        ),
        ("last sunday at 14:00", "2028-02-01", "2028-02-29", ["2028-02-27T14:00"]),
        ("day 31 at 09:00", "2027-01-01", "2027-05-31", ["2027-01-31T09:00", "2027-03-31T09:00", "2027-05-31T09:00"]),
        ("day 29 at 09:00", "2027-02-01", "2028-02-29", 11 * [""] + ["2028-02-29T09:00"]),
        (
            "every 2 weeks on tuesday at 09:30 from 2026-12-01",
            "2026-11-01",
            "2027-01-05",
            ["2026-12-01T09:30", "2026-12-15T09:30", "2026-12-29T09:30"],
        ),
        ("every 2 weeks on tuesday at 09:30 from 2026-12-01", "2026-12-16", "2026-12-31", ["2026-12-29T09:30"]),
        ("every tuesday at 09:30", "2027-02-27", "2027-03-09", ["2027-03-02T09:30", "2027-03-09T09:30"]),
        # Unix numbering: 0 and 7 are Sunday, 1 is Monday
        ("cron 0 9 * * 0", "2026-12-01", "2026-12-08", ["2026-12-06T09:00"]),
        ("cron 0 9 * * 7", "2026-12-01", "2026-12-08", ["2026-12-06T09:00"]),
        ("cron 0 9 * * 1", "2026-12-01", "2026-12-08", ["2026-12-07T09:00"]),
        ("cron 30 9 1 * *", "2026-12-01", "2027-01-02", ["2026-12-01T09:30", "2027-01-01T09:30"]),
        ("cron 0 9 29 2 *", "2026-01-01", "2032-12-31", ["2028-02-29T09:00", "2032-02-29T09:00"]),
        # crontab(5): day and weekday both restricted means either
        ("cron 0 9 15 * 1", "2026-12-14", "2026-12-21", ["2026-12-14T09:00", "2026-12-15T09:00", "2026-12-21T09:00"]),
        (
            "cron */30 9,10 2 12 *",
            "2026-12-01",
            "2026-12-31",
            ["2026-12-02T09:00", "2026-12-02T09:30", "2026-12-02T10:00", "2026-12-02T10:30"],
        ),
    ],
)
def test_schedules_come_when_people_expect_them(schedule: str, first: str, last: str, expected: list[str]):
    found = nominals(schedule, first, last)
    if "" in expected:  # only the number and the last one are told
        assert (len(found), found[-1]) == (len(expected), expected[-1])
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("zone", "wall", "instant"),
    [
        ("America/New_York", "2027-03-14T01:59", "2027-03-14T06:59"),
        ("America/New_York", "2027-03-14T02:00", "2027-03-14T07:00"),  # gap 02:00-03:00: its end
        ("America/New_York", "2027-03-14T02:30", "2027-03-14T07:00"),
        ("America/New_York", "2027-03-14T03:00", "2027-03-14T07:00"),
        ("America/New_York", "2027-11-07T01:30", "2027-11-07T05:30"),  # fold: the first, still EDT
        ("America/New_York", "2027-11-07T02:00", "2027-11-07T07:00"),
        ("Europe/Berlin", "2027-03-28T02:30", "2027-03-28T01:00"),
        ("Europe/Berlin", "2027-10-31T02:30", "2027-10-31T00:30"),
        ("Australia/Sydney", "2027-10-03T02:30", "2027-10-02T16:00"),  # spring is in October
        ("Australia/Sydney", "2027-04-04T02:30", "2027-04-03T15:30"),
        ("Australia/Lord_Howe", "2027-10-03T02:15", "2027-10-02T15:30"),  # half an hour only
        ("Australia/Lord_Howe", "2027-04-04T01:45", "2027-04-03T14:45"),
        ("Pacific/Apia", "2011-12-30T09:30", "2011-12-30T10:00"),  # a day that Samoa left out
    ],
)
def test_wall_times_around_clock_changes(zone: str, wall: str, instant: str):
    expected = datetime.fromisoformat(instant).replace(tzinfo=UTC)
    assert instant_of(datetime.fromisoformat(wall), ZoneInfo(zone)) == expected


@pytest.mark.parametrize("day", ["2027-03-14", "2027-11-07"])
def test_a_clock_change_neither_repeats_nor_loses_a_daily_occurrence(day: str):
    around = datetime.fromisoformat(day)
    first, last = (around - timedelta(days=1)).date(), (around + timedelta(days=1)).date()
    for clock in ("01:30", "02:30", "03:00"):
        hour, minute = clock.split(":")
        found = nominals(f"cron {minute} {hour} * * *", first.isoformat(), last.isoformat())
        assert found == [f"{first + timedelta(days=n)}T{clock}" for n in range(3)]


def test_the_edges_are_open_at_the_start_and_closed_at_the_end():
    schedule, at = parse_schedule("2026-12-01 at 09:30"), datetime(2026, 12, 1, 14, 30, tzinfo=UTC)
    assert not list(occurrences(schedule, zone=NEW_YORK, after=at, until=at + timedelta(days=1)))
    assert [o.at for o in occurrences(schedule, zone=NEW_YORK, after=at - timedelta(days=1), until=at)] == [at]


def test_the_next_three_dates_end_for_what_comes_once():
    now = datetime(2026, 11, 25, tzinfo=UTC)
    monthly = next_occurrences(parse_schedule("first tuesday at 09:30"), zone=NEW_YORK, after=now, count=3)
    assert [o.nominal for o in monthly] == ["2026-12-01T09:30", "2027-01-05T09:30", "2027-02-02T09:30"]
    assert len(next_occurrences(parse_schedule("2026-12-01 at 09:30"), zone=NEW_YORK, after=now, count=3)) == 1
    assert len(next_occurrences(parse_schedule("cron 0 9 29 2 *"), zone=NEW_YORK, after=now, count=3)) == 3


@pytest.mark.parametrize(
    ("schedule", "first", "second", "same"),
    [
        ("first tuesday at 09:30", "2026-12-01", "2026-12-31", True),
        ("first tuesday at 09:30", "2026-12-31", "2027-01-01", False),
        ("every tuesday at 09:30", "2026-12-07", "2026-12-13", True),
        ("every tuesday at 09:30", "2026-12-13", "2026-12-14", False),
        ("every 2 weeks on tuesday at 09:30 from 2026-12-01", "2026-12-01", "2026-12-13", True),
        ("every 2 weeks on tuesday at 09:30 from 2026-12-01", "2026-12-13", "2026-12-14", False),
        ("cron 30 9 1 * *", "2026-12-01", "2026-12-31", True),
        ("cron 30 9 * * 1", "2026-12-07", "2026-12-13", True),
        ("cron 30 9 * * 1", "2026-12-06", "2026-12-07", False),
        ("cron 30 9 * * *", "2026-12-06", "2026-12-07", False),
    ],
)
def test_periods_of_a_rule(schedule: str, first: str, second: str, same: bool):
    rule = parse_schedule(schedule)
    one, two = (period_of(rule, datetime.fromisoformat(day)) for day in (first, second))
    assert (one == two) is same


zones = st.sampled_from(ZONES).map(ZoneInfo)
walls = st.datetimes(datetime(2007, 1, 1), datetime(2037, 12, 31)).map(
    lambda wall: wall.replace(second=0, microsecond=0)
)
times = st.times().map(lambda at: time(at.hour, at.minute))
weekdays = st.integers(0, 6)
rules = st.one_of(
    st.builds(lambda at, day: Monthly(at, day=day), times, st.integers(1, 31)),
    st.builds(
        lambda at, n, day: Monthly(at, ordinal=n, weekday=day), times, st.sampled_from([1, 2, 3, 4, 5, -1]), weekdays
    ),
    st.builds(lambda at, day: Weekly(1, day, at), times, weekdays),
    st.builds(
        lambda at, n, week: Weekly(n, 0, at, date(2026, 1, 5) + timedelta(weeks=week)),
        times,
        st.integers(1, 9),
        st.integers(-500, 500),
    ),
    st.builds(lambda at: parse_schedule(f"cron {at.minute} {at.hour} * * *"), times),
)


@given(walls, zones)
def test_an_instant_is_the_earliest_that_shows_its_wall_time_or_a_later_one(wall: datetime, zone: ZoneInfo):
    at = instant_of(wall, zone)
    assert at.astimezone(zone).replace(tzinfo=None) >= wall
    just_before = (at - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None)
    assert just_before < wall
    # nobody has to wait longer for a time that exists
    if at.astimezone(zone).replace(tzinfo=None) != wall:
        assert at == (at - timedelta(seconds=1)).astimezone(zone).astimezone(UTC) + timedelta(seconds=1)
        assert wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall


@given(walls, walls, zones)
def test_instants_keep_the_order_of_wall_times(one: datetime, two: datetime, zone: ZoneInfo):
    first, second = sorted((one, two))
    assert instant_of(first, zone) <= instant_of(second, zone)


@given(rules, zones, walls, st.integers(0, 500), st.integers(0, 500))
def test_two_spans_have_what_one_has(rule, zone: ZoneInfo, wall: datetime, days: int, more: int):
    start = wall.replace(tzinfo=UTC)
    middle, end = start + timedelta(days=days), start + timedelta(days=days + more)
    whole = list(occurrences(rule, zone=zone, after=start, until=end))
    parts = [
        *occurrences(rule, zone=zone, after=start, until=middle),
        *occurrences(rule, zone=zone, after=middle, until=end),
    ]
    assert parts == whole
    assert len({found.nominal for found in whole}) == len(whole)
    assert all(start < found.at <= end for found in whole)
    assert all(found.at == instant_of(found.wall, zone) for found in whole)
