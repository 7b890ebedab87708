"""The only place that reads the time.

Everything else gets ``now`` passed in, or a `Clock`. All instants are aware
datetimes in UTC.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time; real, frozen or driven."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return datetime.now(UTC)


class DrivenClock:
    """A clock that stands still until it is moved: demo, simulation, tests."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a driven clock needs an aware datetime")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The instant the clock was last moved to."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move forward (or, to imitate a clock that is set back, backward)."""
        self._now += by

    def move_to(self, instant: datetime) -> None:
        """Move to an aware instant."""
        self._now = instant.astimezone(UTC)


def monotonic() -> float:
    """Seconds on a clock that never jumps; only differences mean anything."""
    return time.monotonic()
