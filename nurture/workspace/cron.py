"""Cron lines with Unix numbering: 0 and 7 are Sunday, 1 is Monday (crontab(5), POSIX crontab).

Read by ourselves, because common libraries count the weekdays differently.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date
from functools import cache

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_MINUTE = _Field("minute", 0, 59)
_HOUR = _Field("hour", 0, 23)
_DAY = _Field("day", 1, 31)
_MONTH = _Field("month", 1, 12, _MONTHS)
_WEEKDAY = _Field("weekday", 0, 7, _DAYS)
_FIELDS = (_MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY)


@dataclass(frozen=True, slots=True)
class Cron:
    """A checked cron line; every field is kept as it was written, in lower case."""

    minute: str
    hour: str
    day: str
    month: str
    weekday: str

    @property
    def text(self) -> str:
        """The canonical way to write it."""
        return f"cron {self.minute} {self.hour} {self.day} {self.month} {self.weekday}"

    @property
    def in_words(self) -> str:
        """For people."""
        if len(self.minutes) * len(self.hours) <= 4:
            times = ", ".join(f"{hour:02}:{minute:02}" for hour in self.hours for minute in self.minutes)
            when = f"at {times}"
        else:
            when = f"at {len(self.minutes) * len(self.hours)} times a day"
        day = f"day {self.day} of the month"
        weekday = "weekday " + ", ".join(calendar.day_name[number] for number in sorted(self.weekdays))
        both = not self.day.startswith("*") and not self.weekday.startswith("*")
        if both:
            when += f" on {day} or {weekday}"
        else:
            when += f" on {day}" if self.day != "*" else ""
            when += f" on {weekday}" if self.weekday != "*" else ""
        if self.month != "*":
            when += " in " + ", ".join(calendar.month_name[number] for number in sorted(self.months))
        return when if " on " in when else f"every day {when}"

    @property
    def minutes(self) -> tuple[int, ...]:
        """The minutes it comes at, ascending."""
        return _expand(self.minute, _MINUTE)

    @property
    def hours(self) -> tuple[int, ...]:
        """The hours it comes at, ascending."""
        return _expand(self.hour, _HOUR)

    @property
    def days(self) -> frozenset[int]:
        """Days of the month."""
        return frozenset(_expand(self.day, _DAY))

    @property
    def months(self) -> frozenset[int]:
        """Months, 1 is January."""
        return frozenset(_expand(self.month, _MONTH))

    @property
    def weekdays(self) -> frozenset[int]:
        """Weekdays as Python counts them: 0 is Monday."""
        return frozenset((number - 1) % 7 for number in _expand(self.weekday, _WEEKDAY))

    def comes_on(self, day: date) -> bool:
        """Whether it comes on that day.

        When day and weekday are both restricted, either is enough (crontab(5)).
        """
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, day.weekday() in self.weekdays
        if self.day.startswith("*") or self.weekday.startswith("*"):
            return by_day and by_weekday
        return by_day or by_weekday


def parse_cron(text: str) -> Cron:
    """A cron line of five fields, without the word ``cron``; raises ``ValueError`` with a text for people."""
    parts = text.lower().split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"a cron line has 5 fields (minute hour day month weekday), this one has {len(parts)}")
    for part, field in zip(parts, _FIELDS, strict=True):
        _expand(part, field)
    cron = Cron(*parts)
    # 29 February with a weekday that must fit too comes at least once in 400 years, so the longest month decides.
    longest = max(31 if month in (1, 3, 5, 7, 8, 10, 12) else 29 if month == 2 else 30 for month in cron.months)
    either = not cron.day.startswith("*") and not cron.weekday.startswith("*")
    if not either and min(cron.days) > longest:
        months = ", ".join(calendar.month_name[number] for number in sorted(cron.months))
        raise ValueError(f"this schedule never comes: {months} has no day {min(cron.days)}")
    return cron


@cache
def _expand(text: str, field: _Field) -> tuple[int, ...]:
    numbers: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        width = 1
        if slash:
            if not step.isdecimal() or not 1 <= int(step[:9]) <= field.high:
                raise ValueError(f"{part!r} has no good step for the {field.name}")
            if span != "*" and "-" not in span:
                raise ValueError(f"{part!r}: a step needs a range, for example `*/{step}` or `1-10/{step}`")
            width = int(step)
        first, dash, last = span.partition("-")
        if span == "*":
            low, high = field.low, 6 if field is _WEEKDAY else field.high
        else:
            low = _number(first, field)
            high = _number(last, field) if dash else low
            if field is _WEEKDAY and dash and last.startswith("sun") and high < low:
                high = 7
        if high < low:
            raise ValueError(f"{part!r} goes backwards in the {field.name}")
        numbers.update(range(low, high + 1, width))
    return tuple(sorted(numbers))


def _number(text: str, field: _Field) -> int:
    if text in field.names:
        return field.names.index(text) + field.low
    if text.isdecimal() and text.isascii() and field.low <= int(text[:9]) <= field.high:
        return int(text[:9])
    names = f" or {field.names[0]}-{field.names[-1]}" if field.names else ""
    raise ValueError(f"{text!r} is no {field.name}; it goes from {field.low} to {field.high}{names}")
