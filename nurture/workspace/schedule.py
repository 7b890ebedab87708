"""Schedules as people write them, in the clinic's time zone.

::

    first tuesday at 09:30            last friday at 14:00           day 15 at 09:30
    every tuesday at 09:30            every 2 weeks on tuesday at 09:30 from 2026-12-01
    2026-12-01 at 09:30               cron 30 9 1 * *

`parse_schedule` gives plain values; when they come is decided by
``planning.occurrences``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TypeAlias

from nurture.workspace.cron import Cron, parse_cron
from nurture.workspace.suggestions import did_you_mean

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "last": -1}
_TIME = re.compile(r"(\d{1,2}):(\d{2})")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_EXAMPLES = (
    "write for example `first tuesday at 09:30`, `day 15 at 09:30`, `every tuesday at 09:30`, "
    "`every 2 weeks on tuesday at 09:30 from 2026-12-01`, `2026-12-01 at 09:30` or `cron 30 9 1 * *`"
)


@dataclass(frozen=True, slots=True)
class Once:
    """One time. ``at`` is a wall time without zone: the clinic's."""

    at: datetime

    @property
    def text(self) -> str:
        """The canonical way to write it."""
        return f"{self.at:%Y-%m-%d} at {self.at:%H:%M}"

    @property
    def in_words(self) -> str:
        """For people."""
        return f"once, on {WEEKDAYS[self.at.weekday()].capitalize()}, {self.at:%Y-%m-%d} at {self.at:%H:%M}"


@dataclass(frozen=True, slots=True)
class Monthly:
    """Each month: either ``ordinal`` (1 to 5, -1 is the last) and ``weekday`` (0 is Monday), or ``day`` (1 to 31).

    Months without that day (a fifth Tuesday, a 31st) are left out.
    """

    at: time
    ordinal: int | None = None
    weekday: int | None = None
    day: int | None = None

    @property
    def text(self) -> str:
        """The canonical way to write it."""
        if self.weekday is None:
            return f"day {self.day} at {self.at:%H:%M}"
        return f"{self._ordinal} {WEEKDAYS[self.weekday]} at {self.at:%H:%M}"

    @property
    def in_words(self) -> str:
        """For people."""
        if self.weekday is None:
            only = ", in months that have it" if (self.day or 0) > 28 else ""
            return f"each month on day {self.day} at {self.at:%H:%M}{only}"
        only = ", in months that have it" if self.ordinal == 5 else ""
        return f"each month on the {self._ordinal} {WEEKDAYS[self.weekday].capitalize()} at {self.at:%H:%M}{only}"

    @property
    def _ordinal(self) -> str:
        return next(word for word, number in ORDINALS.items() if number == self.ordinal)


@dataclass(frozen=True, slots=True)
class Weekly:
    """Every ``weeks`` weeks on ``weekday`` (0 is Monday).

    ``start`` is a day with that weekday: the first one, from which the weeks
    are counted. It is None only for every week.
    """

    weeks: int
    weekday: int
    at: time
    start: date | None = None

    @property
    def text(self) -> str:
        """The canonical way to write it."""
        day = WEEKDAYS[self.weekday]
        rule = f"every {day}" if self.weeks == 1 else f"every {self.weeks} weeks on {day}"
        begin = f" from {self.start}" if self.start else ""
        return f"{rule} at {self.at:%H:%M}{begin}"

    @property
    def in_words(self) -> str:
        """For people."""
        day = WEEKDAYS[self.weekday].capitalize()
        rule = f"every {day}" if self.weeks == 1 else f"every {self.weeks} weeks on {day}"
        begin = f", first on {self.start}" if self.start else ""
        return f"{rule} at {self.at:%H:%M}{begin}"


Schedule: TypeAlias = Once | Monthly | Weekly | Cron


def is_recurring(schedule: Schedule) -> bool:
    """Whether it comes more than once."""
    return not isinstance(schedule, Once)


def parse_schedule(value: object) -> Schedule:
    """The schedule that the text means; raises ``ValueError`` with a text for people."""
    if isinstance(value, Once | Monthly | Weekly | Cron):
        return value
    if isinstance(value, date):
        raise ValueError(f"at what time? write `{value:%Y-%m-%d} at 09:30`")
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a schedule; {_EXAMPLES}")
    text = " ".join(value.lower().split())
    if text.startswith("cron "):
        return parse_cron(text.removeprefix("cron "))
    words = text.split(" ")
    rule, found, rest = text.partition(" at ")
    if not found:
        raise ValueError(f"{value!r} is not a schedule; {_EXAMPLES}")
    clock, from_, start = rest.partition(" from ")
    at = _time(clock)
    begin = _date(start) if from_ else None
    if words[0] == "every":
        return _weekly(rule, at=at, start=begin)
    if begin is not None:
        raise ValueError("`from` belongs to `every ...` schedules only")
    if _DATE.fullmatch(rule):
        return Once(datetime.combine(_date(rule), at))
    return _monthly(rule, at)


def _monthly(rule: str, at: time) -> Monthly:
    first, _, second = rule.removeprefix("the ").partition(" ")
    if first == "day" and second.isdecimal():
        if not 1 <= int(second[:9]) <= 31:
            raise ValueError(f"no month has a day {second}")
        return Monthly(at, day=int(second))
    if first in ORDINALS:
        return Monthly(at, ordinal=ORDINALS[first], weekday=_weekday(second))
    hint = did_you_mean(first, (*ORDINALS, "day", "every"), cutoff=0.7)
    raise ValueError(f"{rule!r} is no rule for days{hint or '; ' + _EXAMPLES}")


def _weekly(rule: str, *, at: time, start: date | None) -> Weekly:
    match = re.fullmatch(r"every (?:(\d{1,3}) weeks? on |week on )?(\S+)", rule)
    if not match:
        raise ValueError(f"{rule!r} is no rule for weeks; {_EXAMPLES}")
    weeks, weekday = int(match[1] or 1), _weekday(match[2])
    if not 1 <= weeks <= 104:
        raise ValueError("write a number of weeks from 1 to 104")
    if weeks > 1 and start is None:
        raise ValueError(f"from which day are the {weeks} weeks counted? add for example `from 2026-12-01`")
    if start is not None and start.weekday() != weekday:
        raise ValueError(f"{start} is a {WEEKDAYS[start.weekday()]}, not a {WEEKDAYS[weekday]}")
    return Weekly(weeks, weekday, at, start)


def _weekday(text: str) -> int:
    for number, name in enumerate(WEEKDAYS):
        if text in (name, name[:3]):
            return number
    raise ValueError(f"{text!r} is not a weekday{did_you_mean(text, WEEKDAYS)}")


def _time(text: str) -> time:
    match = _TIME.fullmatch(text)
    if not match or int(match[1]) > 23 or int(match[2]) > 59:
        raise ValueError(f"{text!r} is not a time; write it with 24 hours, for example `09:30`")
    return time(int(match[1]), int(match[2]))


def _date(text: str) -> date:
    if not _DATE.fullmatch(text):
        raise ValueError(f"{text!r} is not a date; write for example `2026-12-01`")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"there is no such day: {text}") from error
