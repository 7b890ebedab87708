"""How much working time lies between two instants: the clinic's hours without its holidays. Pure.

Who writes on Friday evening has not waited when the clinic opens on Monday. Spans of the clinic's day are instants,
so an hour that the clocks leave out is not worked, and one that comes twice counts twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from nurture.planning.occurrences import instant_of
from nurture.workspace.hours import OpeningHours
from nurture.workspace.settings import Settings


@dataclass(frozen=True, slots=True)
class WorkingTime:
    """A clinic's hours, the days on which it is closed, and where it is."""

    hours: OpeningHours
    holidays: frozenset[date]
    zone: ZoneInfo

    @classmethod
    def of(cls, settings: Settings) -> WorkingTime:
        """The working time that nurture.yaml tells."""
        return cls(settings.clinic.hours, frozenset(settings.clinic.holidays), settings.zone)

    def between(self, start: datetime, end: datetime) -> timedelta:
        """How much of the time from ``start`` to ``end`` (both aware) is worked; none if ``end`` is not later."""
        worked = timedelta()
        for opens, closes in self._spans(start, end):
            worked += max(min(closes, end) - max(opens, start), timedelta())
        return worked

    def is_open(self, instant: datetime) -> bool:
        """Whether somebody works at this instant (aware)."""
        return any(opens <= instant < closes for opens, closes in self._spans(instant, instant))

    def _spans(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The worked spans of all local days that touch ``start`` to ``end``, in order."""
        day, last = start.astimezone(self.zone).date(), end.astimezone(self.zone).date()
        while day <= last:
            if day not in self.holidays:
                yield from _spans_of(day, self.hours.on(day.weekday()), self.zone)
            day += timedelta(days=1)


@lru_cache(maxsize=4096)
def _spans_of(day: date, opening: tuple[tuple[int, int], ...], zone: ZoneInfo) -> tuple[tuple[datetime, datetime], ...]:
    spans = [(instant_of(_wall(day, opens), zone), instant_of(_wall(day, closes), zone)) for opens, closes in opening]
    return tuple((opens, closes) for opens, closes in spans if opens < closes)  # a day that the zone left out is none


def _wall(day: date, minutes: int) -> datetime:
    return datetime.combine(day, time()) + timedelta(minutes=minutes)  # 24:00 is the next day's first minute
