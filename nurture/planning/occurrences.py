"""When a schedule comes: local wall times, turned into instants.

A schedule is walked in naive wall time of the clinic's zone and each wall time
is turned into UTC once, so a clock change can neither repeat an occurrence nor
hold the walk up (aware arithmetic drops ``fold`` and may never end).

In the spring gap an occurrence comes at the first instant that exists again, in
the autumn fold at the first of the two. Its name is always the nominal wall time.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from nurture.workspace.cron import Cron
from nurture.workspace.schedule import Monthly, Once, Schedule, Weekly

NOMINAL_FORMAT = "%Y-%m-%dT%H:%M"
# No zone is farther from its neighbouring wall times than this (Samoa left out a whole day in 2011).
_MARGIN = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One coming of a schedule.

    ``nominal`` is the wall time as the schedule says it, ``2026-12-01T09:30``,
    never moved by a clock change; ``at`` is the instant, aware, in UTC.
    """

    nominal: str
    at: datetime

    @property
    def wall(self) -> datetime:
        """The nominal wall time, naive."""
        return datetime.strptime(self.nominal, NOMINAL_FORMAT)  # noqa: DTZ007 - naive on purpose


def occurrences(schedule: Schedule, *, zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[Occurrence]:
    """Every occurrence with ``after`` < instant <= ``until``, in order.

    ``after`` and ``until`` are aware. Ends by itself, also for a schedule that never comes.
    """
    first = _wall_of(after, zone) - _MARGIN
    last = _wall_of(until, zone) + _MARGIN
    for wall in _walls(schedule, first.date(), last.date()):
        at = instant_of(wall, zone)
        if at > until:
            return
        if at > after:
            yield Occurrence(wall.strftime(NOMINAL_FORMAT), at)


def next_occurrences(schedule: Schedule, *, zone: ZoneInfo, after: datetime, count: int) -> tuple[Occurrence, ...]:
    """The next ``count`` occurrences; fewer where they lie more than 30 years ahead or there are no more."""
    found: list[Occurrence] = []
    start = after
    for days in (60, 400, 11_000):
        until = after + timedelta(days=days)
        for occurrence in occurrences(schedule, zone=zone, after=start, until=until):
            found.append(occurrence)
            if len(found) == count:
                return tuple(found)
        start = until
    return tuple(found)


def instant_of(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant of a naive wall time, in UTC.

    A wall time that comes twice means the first; one that is left out means
    the first instant after the gap.
    """
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _wall_of(first, zone) == wall:
        return first
    # PEP 495: in a gap fold=0 uses the offset from before it, fold=1 the one from
    # after it, so the change lies between the two instants that come out.
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    offset = first.astimezone(zone).utcoffset()
    while first - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(first - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            first = middle
        else:
            before = middle
    return first


def period_of(schedule: Schedule, wall: datetime) -> tuple[int, ...]:
    """The period of the rule in which a wall time lies: two wall times with the same value share it.

    A month for monthly rules, so many weeks for weekly ones; for a cron line
    the month, week (from Monday) or day, by the fields that it restricts.
    """
    day = wall.date()
    if isinstance(schedule, Monthly):
        return (day.year, day.month)
    if isinstance(schedule, Weekly):
        return (_week(day, schedule),)
    if isinstance(schedule, Cron):
        if schedule.day != "*" or schedule.month != "*":
            return (day.year, day.month)
        if schedule.weekday != "*":
            return (_monday(day).toordinal(),)
        return (day.toordinal(),)
    return (day.year, day.month, day.day, wall.hour, wall.minute)


def _wall_of(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def _walls(schedule: Schedule, first: date, last: date) -> Iterator[datetime]:
    if isinstance(schedule, Once):
        if first <= schedule.at.date() <= last:
            yield schedule.at
        return
    if isinstance(schedule, Cron):
        times = [time(hour, minute) for hour in schedule.hours for minute in schedule.minutes]
        days = _cron_days(schedule, first, last)
    else:
        times = [schedule.at]
        days = _weekly_days(schedule, first, last) if isinstance(schedule, Weekly) else _days(schedule, first, last)
    for day in days:
        for at in times:
            yield datetime.combine(day, at)


def _weekly_days(schedule: Weekly, first: date, last: date) -> Iterator[date]:
    if schedule.start is not None and schedule.start > first:
        first = schedule.start
    first += timedelta(days=(schedule.weekday - first.weekday()) % 7)
    if schedule.start is not None:
        weeks = (first - schedule.start).days // 7
        first += timedelta(weeks=-weeks % schedule.weeks)
    while first <= last:
        yield first
        first += timedelta(weeks=schedule.weeks)


def _days(schedule: Monthly, first: date, last: date) -> Iterator[date]:
    year, month = first.year, first.month
    while (year, month) <= (last.year, last.month):
        day = _day_in_month(schedule, year, month)
        if day is not None and first <= day <= last:
            yield day
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def _day_in_month(schedule: Monthly, year: int, month: int) -> date | None:
    weekday_of_first, length = monthrange(year, month)
    if schedule.weekday is None or schedule.ordinal is None:
        day = schedule.day or 1
    elif schedule.ordinal < 0:
        weekday_of_last = (weekday_of_first + length - 1) % 7
        day = length - (weekday_of_last - schedule.weekday) % 7
    else:
        day = 1 + (schedule.weekday - weekday_of_first) % 7 + 7 * (schedule.ordinal - 1)
    return date(year, month, day) if day <= length else None


def _cron_days(schedule: Cron, first: date, last: date) -> Iterator[date]:
    day = first
    while day <= last:
        if schedule.comes_on(day):
            yield day
        day += timedelta(days=1)


def _week(day: date, schedule: Weekly) -> int:
    start = _monday(schedule.start or date(1970, 1, 5))
    return (_monday(day) - start).days // 7 // schedule.weeks


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
