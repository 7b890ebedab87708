"""Dates as people write them in conditions: ``2026-12-01``, ``90 days ago``, ``in 2 weeks``, ``today``."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

_UNIT_DAYS = {"day": 1, "week": 7}
_UNIT_MONTHS = {"month": 1, "year": 12}
_RELATIVE = re.compile(r"(?:(in) )?(\d{1,4}) (day|week|month|year)s?(?: (ago))?")
_SPAN = re.compile(r"(?:in the )?next (\d{1,3}) (day|week)s?")


@dataclass(frozen=True, slots=True)
class RelativeDate:
    """A date counted from today: so many months, then days; both negative in the past."""

    days: int = 0
    months: int = 0

    def resolve(self, today: date) -> date:
        """The calendar date; a month without that day gives its last day (31 March - 1 month = 28 or 29 February)."""
        index = today.year * 12 + today.month - 1 + self.months
        year, month = index // 12, index % 12 + 1
        day = min(today.day, calendar.monthrange(year, month)[1])
        return date(year, month, day) + timedelta(days=self.days)

    @property
    def text(self) -> str:
        """As it is written: ``90 days ago``, ``in 2 months``, ``today``."""
        count, unit = (self.months, "month") if self.months else (self.days, "day")
        if not count:
            return "today"
        words = f"{abs(count)} {unit}{'s' if abs(count) != 1 else ''}"
        return f"{words} ago" if count < 0 else f"in {words}"


def parse_date(value: object) -> date | RelativeDate:
    """An absolute date or one counted from today; raises ``ValueError`` with a text for people."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    text = " ".join(value.lower().split()) if isinstance(value, str) else ""
    if text in ("today", "now"):
        return RelativeDate()
    if text == "yesterday":
        return RelativeDate(days=-1)
    if text == "tomorrow":
        return RelativeDate(days=1)
    match = _RELATIVE.fullmatch(text)
    if match and bool(match[1]) != bool(match[4]):
        count = int(match[2]) * (1 if match[1] else -1)
        if match[3] in _UNIT_DAYS:
            return RelativeDate(days=count * _UNIT_DAYS[match[3]])
        months = count * _UNIT_MONTHS[match[3]]
        if abs(months) <= 2400:
            return RelativeDate(months=months)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            raise ValueError(f"there is no such day: {text}") from error
    raise ValueError(f"{value!r} is not a date; write `2026-12-01`, `90 days ago`, `in 2 weeks` or `today`")


def parse_period(value: object) -> RelativeDate:
    """``2 years``, ``6 months``, ``90 days``: how long after a date; raises ``ValueError`` with a text for people."""
    try:
        found = parse_date(f"in {value}")
    except ValueError:
        found = None
    if not isinstance(found, RelativeDate):
        raise ValueError(f"{value!r} is no period; write `2 years`, `6 months` or `90 days`")
    return found


def parse_anniversary(value: object) -> timedelta:
    """How far ahead an anniversary may lie: ``today`` is 0 days, ``next 7 days`` 7 days.

    Raises ``ValueError`` with a text for people.
    """
    text = " ".join(value.lower().split()) if isinstance(value, str) else ""
    if text == "today":
        return timedelta(0)
    match = _SPAN.fullmatch(text)
    if match and (days := int(match[1]) * _UNIT_DAYS[match[2]]) <= 365:
        return timedelta(days=days)
    raise ValueError(f"{value!r} is no time for an anniversary; write `today` or `next 30 days`")
