"""Opening hours as people write them: ``mon-fri: 08:00-18:00``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Nothing is sent in the night, whatever a window says: minutes after midnight.
MORNING = 7 * 60
EVENING = 21 * 60
_TIMES = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-3]|24):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """Per weekday (0 is Monday) the open spans, as minutes after midnight, sorted."""

    spans: tuple[tuple[tuple[int, int], ...], ...]

    def on(self, weekday: int) -> tuple[tuple[int, int], ...]:
        """The open spans of one weekday; empty when closed."""
        return self.spans[weekday]


def parse_opening_hours(value: object) -> OpeningHours:
    """A mapping of days to times; raises ``ValueError`` with a text for people."""
    if isinstance(value, OpeningHours):
        return value
    if not isinstance(value, Mapping) or not value:
        raise ValueError("write days and times, for example `mon-fri: 08:00-18:00`")
    spans: list[list[tuple[int, int]]] = [[] for _ in DAYS]
    for days, times in value.items():
        for weekday in _weekdays(str(days)):
            spans[weekday].extend(_times(times))
    for day in spans:
        day.sort()
        for (_, end), (start, _) in pairwise(day):
            if start < end:
                raise ValueError("two spans of one day overlap")
    return OpeningHours(tuple(tuple(day) for day in spans))


def opening_hours_as_written(hours: OpeningHours) -> dict[str, str]:
    """The mapping that `parse_opening_hours` reads back; days with the same times are put together."""
    written: dict[str, str] = {}
    first = 0
    for day in range(1, len(DAYS) + 1):
        if day < len(DAYS) and hours.on(day) == hours.on(first):
            continue
        if hours.on(first):
            days = DAYS[first] if day - 1 == first else f"{DAYS[first]}-{DAYS[day - 1]}"
            written[days] = ", ".join(f"{clock(start)}-{clock(end)}" for start, end in hours.on(first))
        first = day
    return written


def clock(minutes: int) -> str:
    """Minutes after midnight as people write them: ``07:30``."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _weekdays(text: str) -> list[int]:
    first, _, last = (part.strip()[:3].lower() for part in text.replace("–", "-").partition("-"))
    last = last or first
    if first not in DAYS or last not in DAYS:
        raise ValueError(f"{text!r} is no weekday or span of weekdays; write `mon`, `mon-fri`")
    start, end = DAYS.index(first), DAYS.index(last)
    return [*range(start, end + 1)] if start <= end else [*range(start, 7), *range(end + 1)]


def _times(value: object) -> list[tuple[int, int]]:
    if str(value).strip().lower() == "closed":
        return []
    spans = []
    for part in str(value).replace("–", "-").split(","):
        match = _TIMES.fullmatch(part.strip())
        if not match:
            raise ValueError(f"{part.strip()!r} is no span of time; write `08:00-18:00`, quoted")
        start = int(match[1]) * 60 + int(match[2])
        end = min(int(match[3]) * 60 + int(match[4]), 1440)
        if end <= start:
            raise ValueError(f"{part.strip()!r} ends before it starts")
        spans.append((start, end))
    return spans
