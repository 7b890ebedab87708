"""Durations as people write them: ``3 days``, ``2 weeks``, ``90 minutes``."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_DURATION = re.compile(r"(\d{1,5}) (minute|hour|day|week)s?")


def parse_duration(text: str) -> timedelta:
    """``"3 days"`` as a timedelta; raises ``ValueError`` with a text for people."""
    match = _DURATION.fullmatch(" ".join(text.lower().split()))
    if not match:
        raise ValueError(f"{text!r} is not a duration; write for example `3 days` or `90 minutes`")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def duration_in_words(value: timedelta) -> str:
    """The largest unit that divides it: ``3 days``, ``1 week``."""
    seconds = int(value.total_seconds())
    for unit in ("week", "day", "hour", "minute"):
        count, rest = divmod(seconds, _UNITS[unit])
        if count and not rest:
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{seconds} seconds"
