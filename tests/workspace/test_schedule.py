"""Schedules: what is understood, what is refused, and that the canonical text means the same."""

import re
from datetime import date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.workspace.cron import Cron, parse_cron
from nurture.workspace.schedule import Monthly, Once, Schedule, Weekly, is_recurring, parse_schedule

NINE_THIRTY = time(9, 30)

UNDERSTOOD = [
    ("first tuesday at 09:30", Monthly(NINE_THIRTY, ordinal=1, weekday=1), "each month on the first Tuesday at 09:30"),
    ("Last  Fri at 9:30", Monthly(NINE_THIRTY, ordinal=-1, weekday=4), "each month on the last Friday at 09:30"),
    (
        "fifth monday at 09:30",
        Monthly(NINE_THIRTY, ordinal=5, weekday=0),
        "each month on the fifth Monday at 09:30, in months that have it",
    ),
    ("day 15 at 09:30", Monthly(NINE_THIRTY, day=15), "each month on day 15 at 09:30"),
    ("day 31 at 09:30", Monthly(NINE_THIRTY, day=31), "each month on day 31 at 09:30, in months that have it"),
    ("every tuesday at 09:30", Weekly(1, 1, NINE_THIRTY), "every Tuesday at 09:30"),
    (
        "every 2 weeks on tuesday at 09:30 from 2026-12-01",
        Weekly(2, 1, NINE_THIRTY, date(2026, 12, 1)),
        "every 2 weeks on Tuesday at 09:30, first on 2026-12-01",
    ),
    ("2026-12-01 at 09:30", Once(datetime(2026, 12, 1, 9, 30)), "once, on Tuesday, 2026-12-01 at 09:30"),
    ("cron 30 9 1 * *", Cron("30", "9", "1", "*", "*"), "at 09:30 on day 1 of the month"),
    ("cron 0 9 * * 0", Cron("0", "9", "*", "*", "0"), "at 09:00 on weekday Sunday"),
    ("CRON 0 9 * JAN *", Cron("0", "9", "*", "jan", "*"), "every day at 09:00 in January"),
    (
        "cron 0 9 1 * mon",
        Cron("0", "9", "1", "*", "mon"),
        "at 09:00 on day 1 of the month or weekday Monday",
    ),
]


@pytest.mark.parametrize(("text", "schedule", "words"), UNDERSTOOD, ids=[text for text, _, _ in UNDERSTOOD])
def test_schedules_are_understood(text: str, schedule: Schedule, words: str) -> None:
    assert parse_schedule(text) == schedule
    assert schedule.in_words == words
    assert is_recurring(schedule) is not isinstance(schedule, Once)


REFUSED = [
    ("soon", "is not a schedule"),
    (9, "is not a schedule"),
    (date(2026, 12, 1), "at what time"),
    ("first tuesday", "is not a schedule"),
    ("first tuesday at noon", "'noon' is not a time"),
    ("sixth tuesday at 09:30", "is no rule for days"),
    ("day 32 at 09:30", "no month has a day 32"),
    ("day 0 at 09:30", "no month has a day 0"),
    ("2027-02-29 at 09:30", "there is no such day: 2027-02-29"),
    ("every 2 weeks on tuesday at 09:30", "from which day"),
    ("every 2 weeks on tuesday at 09:30 from 2026-12-02", "2026-12-02 is a wednesday, not a tuesday"),
    ("every 0 weeks on tuesday at 09:30 from 2026-12-01", "from 1 to 104"),
    ("first tuesday at 09:30 from 2026-12-01", "belongs to `every ...`"),
    ("cron 30 9 1 *", "has 5 fields"),
    ("cron 60 9 1 * *", "'60' is no minute; it goes from 0 to 59"),
    ("cron 30 24 1 * *", "'24' is no hour"),
    ("cron 30 9 0 * *", "'0' is no day"),
    ("cron 30 9 * * 8", "'8' is no weekday; it goes from 0 to 7 or sun-sat"),
    ("cron 30 9 * foo *", "'foo' is no month"),
    ("cron 30 9 10-5 * *", "goes backwards"),
    ("cron 5/15 9 * * *", "a step needs a range"),
    ("cron */0 9 * * *", "no good step"),
    ("cron 30 9 30 2 *", "never comes: February has no day 30"),
    ("cron 30 9 31 apr,jun *", "never comes: April, June has no day 31"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[str(text) for text, _ in REFUSED])
def test_what_makes_no_sense_is_refused_with_a_reason(text: object, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_schedule(text)


TIMES = st.times().map(lambda at: at.replace(second=0, microsecond=0))
WEEKDAYS = st.integers(0, 6)


@st.composite
def counted_weeks(draw: st.DrawFn) -> Weekly:
    start = draw(st.dates(date(2000, 1, 1), date(2100, 1, 1)))
    return Weekly(draw(st.integers(1, 104)), start.weekday(), draw(TIMES), start)


SCHEDULES = st.one_of(
    st.builds(lambda day, at: Once(datetime.combine(day, at)), st.dates(date(1000, 1, 1)), TIMES),
    st.builds(Monthly, TIMES, ordinal=st.sampled_from((1, 2, 3, 4, 5, -1)), weekday=WEEKDAYS),
    st.builds(Monthly, TIMES, day=st.integers(1, 31)),
    st.builds(Weekly, st.just(1), WEEKDAYS, TIMES),
    counted_weeks(),
    st.builds(
        Cron,
        st.integers(0, 59).map(str),
        st.sampled_from(("*", "*/2", "9-17", "8,12")),
        st.sampled_from(("*", "1", "1-7", "*/10", "31")),
        st.sampled_from(("*", "jan", "1,3", "mar-may")),
        st.sampled_from(("*", "0", "7", "mon-fri", "fri-sun")),
    ),
)


@given(SCHEDULES)
def test_the_canonical_text_means_the_same(schedule: Schedule) -> None:
    assert parse_schedule(schedule.text) == schedule


@given(st.text())
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        schedule = parse_schedule(text)
    except ValueError:
        return
    assert parse_schedule(schedule.text) == schedule


def test_cron_weekdays_are_counted_as_in_unix() -> None:
    sunday, monday = 6, 0
    assert parse_cron("0 9 * * 0").weekdays == {sunday}
    assert parse_cron("0 9 * * 7").weekdays == {sunday}
    assert parse_cron("0 9 * * 1").weekdays == {monday}
    assert parse_cron("0 9 * * sun").weekdays == {sunday}
    assert parse_cron("0 9 * * 5-7").weekdays == parse_cron("0 9 * * fri-sun").weekdays == {4, 5, sunday}
    assert parse_cron("0 9 * * */3").weekdays == {sunday, 2, 5}
    assert parse_cron("0 9 * * *").weekdays == set(range(7))


def test_a_cron_day_and_weekday_are_either_enough_when_both_are_restricted() -> None:
    both = parse_cron("0 9 13 * fri")
    assert both.comes_on(date(2026, 12, 13))  # a Sunday
    assert both.comes_on(date(2026, 12, 4))  # a Friday
    assert not both.comes_on(date(2026, 12, 5))
    starred = parse_cron("0 9 */2 * fri")
    assert not starred.comes_on(date(2026, 12, 4))  # a Friday, but an even day
    assert starred.comes_on(date(2026, 12, 11))


def test_a_leap_day_comes() -> None:
    assert parse_cron("0 9 29 2 *").comes_on(date(2028, 2, 29))
    assert parse_cron("0 9 30 2 mon").comes_on(date(2026, 2, 2))  # by its weekday
