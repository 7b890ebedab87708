"""When a mail may leave, in the reader's zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.planning.windows import SHORTEST_GRACE, delivery_window, is_open, next_open, spread_starts, zone_for
from nurture.workspace.hours import EVENING, MORNING, OpeningHours, parse_opening_hours

WORKDAYS = parse_opening_hours({"mon-fri": "08:00-18:00"})
NEW_YORK = ZoneInfo("America/New_York")
THREE_DAYS = timedelta(days=3)


def local(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def window_of(
    at: datetime,
    *,
    window: OpeningHours = WORKDAYS,
    zone: ZoneInfo = NEW_YORK,
    holidays: tuple[date, ...] = (),
    late: timedelta = THREE_DAYS,
    earliest: datetime | None = None,
) -> tuple[datetime, datetime] | None:
    return delivery_window(at, window=window, zone=zone, holidays=holidays, late=late, earliest=earliest)


@pytest.mark.parametrize(
    ("due", "start", "end"),
    [
        ("2026-12-01T09:30", "2026-12-01T09:30", "2026-12-04T09:30"),
        ("2026-12-01T06:00", "2026-12-01T08:00", "2026-12-04T08:00"),  # waits for the morning
        ("2026-12-01T18:00", "2026-12-02T08:00", "2026-12-04T18:00"),  # closing time is closed; ends before the weekend
        ("2026-12-04T17:00", "2026-12-04T17:00", "2026-12-07T17:00"),  # over a weekend
        ("2026-12-05T09:30", "2026-12-07T08:00", "2026-12-10T08:00"),  # Saturday: next Monday
    ],
)
def test_a_mail_leaves_inside_the_window(due: str, start: str, end: str):
    assert window_of(local(due)) == (local(start), local(end))


def test_holidays_move_a_mail_to_the_next_open_day_with_its_whole_grace():
    christmas = (date(2026, 12, 24), date(2026, 12, 25))
    assert window_of(local("2026-12-24T09:30"), holidays=christmas) == (
        local("2026-12-28T08:00"),
        local("2026-12-31T08:00"),
    )


def test_a_reader_in_the_west_gets_it_in_her_own_morning():
    los_angeles = ZoneInfo("America/Los_Angeles")
    start, end = window_of(local("2026-12-01T09:30"), zone=los_angeles) or (None, None)
    assert start == local("2026-12-01T08:00", los_angeles)
    assert end == local("2026-12-04T08:00", los_angeles)


def test_a_mail_planned_late_starts_now_but_ends_as_if_it_had_been_planned_in_time():
    due = local("2026-12-01T09:30")
    assert window_of(due, earliest=local("2026-12-02T22:00")) == (local("2026-12-03T08:00"), local("2026-12-04T09:30"))


def test_a_grace_that_is_over_comes_back_as_it_was():
    due = local("2026-12-01T09:30")
    assert window_of(due, earliest=local("2026-12-09T10:00")) == (due, local("2026-12-04T09:30"))


def test_never_at_night_whatever_the_window_says():
    always = parse_opening_hours({"mon-sun": "00:00-24:00"})
    assert window_of(local("2026-12-01T23:00"), window=always) == (local("2026-12-02T07:00"), local("2026-12-05T07:00"))
    assert window_of(local("2026-12-01T23:00"), window=parse_opening_hours({"mon-sun": "21:30-23:00"})) is None


def test_a_grace_is_an_hour_at_least_so_that_a_mail_can_leave_at_all():
    assert window_of(local("2026-12-01T09:30"), late=timedelta(0)) == (
        local("2026-12-01T09:30"),
        local("2026-12-01T10:30"),
    )


def test_a_window_that_never_opens_is_none():
    closed = tuple(date(2026, 12, 1) + timedelta(days=n) for n in range(500))
    assert window_of(local("2026-12-01T09:30"), holidays=closed) is None


def test_a_day_that_a_zone_left_out_is_no_open_day():
    apia = ZoneInfo("Pacific/Apia")  # no 30 December 2011, a Friday
    evening = local("2011-12-29T20:00", apia)
    assert next_open(evening, window=WORKDAYS, zone=apia, holidays=()) == local("2012-01-02T08:00", apia)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("Europe/Paris", "Asia/Tokyo"), "Europe/Paris"),
        ((None, "Asia/Tokyo"), "Asia/Tokyo"),
        (("Middle/Nowhere", ""), "America/New_York"),
        (("../../etc/passwd", "\0"), "America/New_York"),
    ],
)
def test_the_zone_is_the_contacts_then_the_organizations_then_the_clinics(names: tuple[str | None, ...], expected: str):
    assert zone_for(names, default=NEW_YORK).key == expected


minutes = st.integers(0, 1440)
days_open = st.lists(
    st.tuples(minutes, minutes).map(sorted).filter(lambda span: span[0] < span[1]).map(tuple), max_size=1
)
windows = st.lists(days_open.map(tuple), min_size=7, max_size=7).map(lambda spans: OpeningHours(tuple(spans)))
instants = st.datetimes(datetime(2026, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC))
zones = st.sampled_from(["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Havana"]).map(ZoneInfo)


@given(
    at=instants,
    window=windows,
    zone=zones,
    holidays=st.sets(st.dates(date(2026, 1, 1), date(2029, 1, 1)), max_size=9),
    hours=st.integers(0, 200),
    asleep=st.integers(0, 300),
)
def test_what_comes_out_is_open_and_in_order(at, window, zone, holidays, hours, asleep):
    late, now = timedelta(hours=hours), at + timedelta(hours=asleep)
    found = delivery_window(at, window=window, zone=zone, holidays=holidays, late=late, earliest=now)
    if found is None:
        assert next_open(at, window=window, zone=zone, holidays=holidays) is None
        return
    start, end = found
    assert at <= start <= end
    assert is_open(start, window=window, zone=zone, holidays=holidays)
    wall = start.astimezone(zone)
    assert wall.date() not in holidays
    assert MORNING <= wall.hour * 60 + wall.minute < EVENING
    opens = next_open(at, window=window, zone=zone, holidays=holidays)
    assert opens is not None
    assert end <= opens + max(late, SHORTEST_GRACE)
    assert start == opens or start >= now


def starts(start: str, until: str, hours: float, steps: int = 4, **more: object) -> list[str]:
    options = {"window": WORKDAYS, "zone": NEW_YORK, "holidays": (), **more}
    found = spread_starts(local(start), local(until), spread=timedelta(hours=hours), steps=steps, **options)
    return [f"{instant.astimezone(NEW_YORK):%a %H:%M}" for instant in found]


@pytest.mark.parametrize(
    ("start", "until", "hours", "expected"),
    [
        ("2026-12-01T09:30", "2026-12-04T09:30", 4, ["Tue 09:30", "Tue 10:30", "Tue 11:30", "Tue 12:30"]),
        ("2026-12-01T17:00", "2026-12-04T17:00", 4, ["Tue 17:00", "Wed 08:00", "Wed 09:00", "Wed 10:00"]),
        ("2026-12-04T16:00", "2026-12-07T16:00", 8, ["Fri 16:00", "Mon 08:00", "Mon 10:00", "Mon 12:00"]),
        ("2026-12-01T09:00", "2026-12-01T14:00", 40, ["Tue 09:00", "Tue 10:00", "Tue 11:00", "Tue 12:00"]),
        ("2026-12-01T09:00", "2026-12-01T10:00", 40, ["Tue 09:00", "Tue 09:07", "Tue 09:15", "Tue 09:22"]),
        ("2026-12-05T09:00", "2026-12-05T10:00", 4, ["Sat 09:00"] * 4),  # not open at all: as it was
    ],
)
def test_a_spread_edition_uses_open_time_only(start: str, until: str, hours: float, expected: list[str]):
    assert starts(start, until, hours) == expected


def test_a_spread_goes_around_holidays():
    found = starts("2026-12-01T17:00", "2026-12-04T17:00", 4, holidays=(date(2026, 12, 2),))
    assert found == ["Tue 17:00", "Thu 08:00", "Thu 09:00", "Thu 10:00"]


@given(
    minutes=st.integers(0, 60 * 24 * 14),
    hours=st.floats(0.1, 200),
    late=st.floats(1, 200),
    zone=st.sampled_from(["America/New_York", "Asia/Kolkata", "Pacific/Auckland"]).map(ZoneInfo),
)
def test_every_start_of_a_spread_is_open_and_in_time(minutes: int, hours: float, late: float, zone: ZoneInfo):
    at = local("2026-10-26T00:00") + timedelta(minutes=minutes)  # over the end of summer time
    found = window_of(at, zone=zone, late=timedelta(hours=late))
    assert found is not None
    spread = timedelta(hours=hours)
    all_starts = spread_starts(*found, window=WORKDAYS, zone=zone, holidays=(), spread=spread, steps=20)
    assert list(all_starts) == sorted(all_starts)
    assert all_starts[0] == found[0]
    assert all(found[0] <= start < found[1] for start in all_starts)
    assert all(is_open(start, window=WORKDAYS, zone=zone, holidays=()) for start in all_starts)
