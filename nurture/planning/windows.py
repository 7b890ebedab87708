"""When a mail may leave: inside the window, never at night, not on holidays.

Everything is decided in the reader's own time zone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from nurture.planning.occurrences import instant_of
from nurture.workspace.hours import EVENING, MORNING, OpeningHours

# No edition can be planned and sent in no time, so a grace is never shorter.
SHORTEST_GRACE = timedelta(hours=1)
# A window that does not open in so many days is taken for one that never does.
_SEARCH_DAYS = 400


@dataclass(frozen=True, slots=True)
class Openings:
    """When a campaign's mails may leave: its window, the holidays, and its grace."""

    window: OpeningHours
    holidays: frozenset[date]
    late: timedelta

    def span(
        self, at: datetime, zone: ZoneInfo, *, earliest: datetime | None = None
    ) -> tuple[datetime, datetime] | None:
        """`delivery_window` for a reader in ``zone``."""
        return delivery_window(
            at, window=self.window, zone=zone, holidays=self.holidays, late=self.late, earliest=earliest
        )

    def after_absence(self, last_day: date, zone: ZoneInfo) -> datetime | None:
        """When a mail may leave at the earliest to a reader who is away up to this day, in UTC; None: never."""
        back = datetime.combine(last_day + timedelta(days=1), time(), zone)
        return next_open(back.astimezone(UTC), window=self.window, zone=zone, holidays=self.holidays)

    def starts(
        self, start: datetime, until: datetime, zone: ZoneInfo, *, spread: timedelta, steps: int
    ) -> tuple[datetime, ...]:
        """`spread_starts` for a reader in ``zone``."""
        return spread_starts(
            start, until, window=self.window, zone=zone, holidays=self.holidays, spread=spread, steps=steps
        )


def delivery_window(
    at: datetime,
    *,
    window: OpeningHours,
    zone: ZoneInfo,
    holidays: Collection[date],
    late: timedelta,
    earliest: datetime | None = None,
) -> tuple[datetime, datetime] | None:
    """From when and until when a mail that is due ``at`` may leave, both in UTC.

    It may leave as soon as the window is open, and for ``late`` (at least an
    hour) after that, but only while it is open. So a mail that is due on a
    holiday has its whole grace from the next open day on. ``earliest`` (the present, for a mail that
    is planned late) moves only the start. When its grace is over already, the
    span that has passed comes back. None: the window never opens.
    """
    opens = next_open(at, window=window, zone=zone, holidays=holidays)
    if opens is None:
        return None
    closes = _last_open(opens, opens + max(late, SHORTEST_GRACE), window=window, zone=zone, holidays=holidays)
    start = opens
    if earliest is not None and earliest > opens:
        later = next_open(earliest, window=window, zone=zone, holidays=holidays)
        start = opens if later is None or later > closes else later
    return start, closes


def spread_starts(
    start: datetime,
    until: datetime,
    *,
    window: OpeningHours,
    zone: ZoneInfo,
    holidays: Collection[date],
    spread: timedelta,
    steps: int,
) -> tuple[datetime, ...]:
    """So many instants, even over ``spread`` of open time from ``start`` on, in UTC; the first is ``start``.

    Only time in which the window is open counts: four hours that begin an hour
    before closing go on in the morning. Where less is left until ``until`` they
    come closer together, so that the last still has an hour (or half of what there is) to leave.
    """
    spans = [
        (max(opens, start), min(closes, until))
        for opens, closes in _spans(start, until, window, zone, holidays)
        if opens < until and closes > start
    ]
    there = sum((closes - opens for opens, closes in spans), timedelta())
    over = min(spread, there - min(SHORTEST_GRACE, there / 2))
    return tuple(_after_open_time(start, spans, over * step / steps) for step in range(steps))


def _after_open_time(start: datetime, spans: Sequence[tuple[datetime, datetime]], passed: timedelta) -> datetime:
    for opens, closes in spans:
        if passed < closes - opens:
            return (opens + passed).astimezone(UTC)
        passed -= closes - opens
    return start


def next_open(
    instant: datetime, *, window: OpeningHours, zone: ZoneInfo, holidays: Collection[date]
) -> datetime | None:
    """The first instant at or after this one in which a mail may leave, in UTC; None: never."""
    for start, end in _spans(instant, instant + timedelta(days=_SEARCH_DAYS), window, zone, holidays):
        if instant < end:
            return max(instant, start)
    return None


def is_open(instant: datetime, *, window: OpeningHours, zone: ZoneInfo, holidays: Collection[date]) -> bool:
    """Whether a mail may leave in this instant."""
    return any(start <= instant < end for start, end in _spans(instant, instant, window, zone, holidays))


def zone_for(names: Collection[str | None], *, default: ZoneInfo) -> ZoneInfo:
    """The first of the IANA names that is known: the contact's, then the organization's; else ``default``."""
    for name in names:
        if name:
            try:
                return ZoneInfo(name)
            except (KeyError, ValueError, OSError):  # imported text; an unknown name must not stop a plan
                continue
    return default


def _last_open(
    opens: datetime, until: datetime, *, window: OpeningHours, zone: ZoneInfo, holidays: Collection[date]
) -> datetime:
    last = opens
    for start, end in _spans(opens, until, window, zone, holidays):
        if start <= until:
            last = max(last, min(end, until))
    return last


def _spans(
    first: datetime, last: datetime, window: OpeningHours, zone: ZoneInfo, holidays: Collection[date]
) -> Iterator[tuple[datetime, datetime]]:
    """The open spans of all local days that touch ``first`` to ``last``, as instants, in order."""
    day = first.astimezone(zone).date()
    until = last.astimezone(zone).date()
    while day <= until:
        if day not in holidays:
            yield from _spans_of(day, window.on(day.weekday()), zone)
        day += timedelta(days=1)


# asked for each mail, and the mails of a day share a few zones
@lru_cache(maxsize=1024)
def _spans_of(day: date, opening: tuple[tuple[int, int], ...], zone: ZoneInfo) -> tuple[tuple[datetime, datetime], ...]:
    found = []
    for minutes in opening:
        start, end = max(minutes[0], MORNING), min(minutes[1], EVENING)
        if start < end:
            span = instant_of(_wall(day, start), zone), instant_of(_wall(day, end), zone)
            if span[0] < span[1]:  # a day that the zone left out is an empty span
                found.append(span)
    return tuple(found)


def _wall(day: date, minutes: int) -> datetime:
    return datetime.combine(day, time(minutes // 60, minutes % 60))
