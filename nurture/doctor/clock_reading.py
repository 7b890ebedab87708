"""Another clock to compare with ours: the Date that the clinic's own web site says (RFC 9110 6.6.1).

SMTP tells no time, and a time server would be a stranger to ask. One request, no redirects.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx2

from nurture import __version__
from nurture.clock import Clock
from nurture.doctor.machine import ClockReading

_SECONDS = 5.0
_SLOW = timedelta(seconds=20)  # a slower answer tells the time too roughly


def read_clock(site: str, clock: Clock) -> ClockReading:
    """The time that ``site`` (an http address) tells, against ``clock``; never raises for what the site does."""
    host = httpx2.URL(site).host
    asked = clock.now()
    try:
        with httpx2.Client(timeout=_SECONDS, follow_redirects=False, trust_env=False) as client:
            headers = client.head(site, headers={"User-Agent": f"nurture/{__version__}"}).headers
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return ClockReading(host, words=f"{host} does not tell the time: {error or type(error).__name__}")
    answered = clock.now()
    told = _told(headers.get("date", ""), headers.get("age", ""))
    if told is None or answered - asked > _SLOW:
        return ClockReading(host, words=f"{host} does not tell the time")
    return ClockReading(host, ahead=told - (asked + (answered - asked) / 2))


def _told(date: str, age: str) -> datetime | None:
    """Date, and how long a cache has kept the answer since (RFC 9111 5.1)."""
    try:
        told = parsedate_to_datetime(date[:60])
    except ValueError:
        return None
    told = told.replace(tzinfo=UTC) if told.tzinfo is None else told
    return told + timedelta(seconds=int(age) if age.isdecimal() and len(age) < 9 else 0)
