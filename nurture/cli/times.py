"""Times as people type them at the command line."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from nurture.errors import InputError


def parse_time(text: str, *, now: datetime, zone: ZoneInfo) -> datetime:
    """``2026-12-01``, ``2026-12-01T09:30`` (the clinic's zone), or how long ago: ``2 hours``, ``3 days``.

    Returns an aware instant; raises `InputError` for anything else.
    """
    from nurture.workspace.durations import parse_duration

    try:
        return now - parse_duration(text.lower().removesuffix("ago").strip())
    except ValueError:
        pass  # not a duration, so it must be a date
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"{text!r} is no time; write 2026-12-01, 2026-12-01T09:30, or how long ago: `2 hours`, `3 days`"
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=zone)


def parse_later(text: str, *, now: datetime, zone: ZoneInfo) -> datetime:
    """``2026-12-01`` (its first minute), ``2026-12-01T09:30`` (the clinic's zone), or in how long: ``2 days``.

    Returns an aware instant after ``now``; raises `InputError` for anything else.
    """
    from nurture.workspace.durations import parse_duration

    try:
        return now + parse_duration(text.lower().removeprefix("in").strip())
    except (ValueError, OverflowError):
        pass  # not a duration, so it must be a date
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"{text!r} is no time; write 2026-12-01, 2026-12-01T09:30, or in how long: `4 hours`, `2 days`"
        ) from error
    found = found if found.tzinfo else found.replace(tzinfo=zone)
    if found <= now:
        raise InputError(f"{text} is over; name a time that comes")
    return found


def ago(instant: datetime | None, now: datetime) -> str:
    """How long ago, in the largest unit that says enough: ``12 seconds ago``."""
    if instant is None:
        return "never"
    seconds = (now - instant) / timedelta(seconds=1)
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}s ago"
    return "1 second ago" if round(seconds) == 1 else f"{max(seconds, 0):.0f} seconds ago"
