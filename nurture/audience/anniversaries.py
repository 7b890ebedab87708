"""Days of the year on which an anniversary falls. Pure."""

from __future__ import annotations

import calendar
from datetime import date, timedelta


def month_days(today: date, span: timedelta) -> frozenset[int]:
    """The days from ``today`` through ``today + span`` as month * 100 + day.

    29 February counts as the 28th in years that have none, so that nobody is
    forgotten three years out of four.
    """
    found = set()
    for offset in range(min(span.days, 366) + 1):
        day = today + timedelta(days=offset)
        found.add(day.month * 100 + day.day)
        if (day.month, day.day) == (2, 28) and not calendar.isleap(day.year):
            found.add(229)
    return frozenset(found)
