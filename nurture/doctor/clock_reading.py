"""Another clock to compare with ours: the Date that the clinic's own web site says (RFC 9110 6.6.1).

SMTP tells no time, and a time server would be a stranger to ask. One request, no redirects.
"""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx2

from nurture import __version__
from nurture.clock import Clock
from nurture.doctor.machine import ClockReading

_SECONDS = 10.0  # so half of it, by which the time that is told may be wrong, is well below what is judged

_NUMBER = re.compile(r"\[Errno -?\d+\] ")  # says nothing to people


def read_clock(site: str, clock: Clock, *, seconds: float = _SECONDS) -> ClockReading:
    """The time that ``site`` (an http address) tells, against ``clock``; never raises for what the site does."""
    asked = clock.now()
    host = site
    try:
        host = httpx2.URL(site).host
        headers = asyncio.run(_ask(site, seconds))
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
        words = _NUMBER.sub("", str(error)) or type(error).__name__
        return ClockReading(host, words=f"{host} does not tell the time: {words}")
    answered = clock.now()
    told = _told(headers.get("date", ""), headers.get("age", ""))
    if told is None:
        return ClockReading(host, words=f"{host} does not tell the time")
    return ClockReading(host, ahead=told - (asked + (answered - asked) / 2))


async def _ask(site: str, seconds: float) -> httpx2.Headers:
    # httpx2's own timeouts begin anew with each byte
    async with (
        asyncio.timeout(seconds),
        httpx2.AsyncClient(timeout=seconds, follow_redirects=False, trust_env=False) as client,
    ):
        return (await client.head(site, headers={"User-Agent": f"nurture/{__version__}"})).headers


def _told(date: str, age: str) -> datetime | None:
    """Date, and how long a cache has kept the answer since (RFC 9111 5.1)."""
    try:
        told = parsedate_to_datetime(date[:60])
        told = told.replace(tzinfo=UTC) if told.tzinfo is None else told
        return told + timedelta(seconds=int(age) if age.isdecimal() and len(age) < 9 else 0)
    except (ValueError, OverflowError):
        return None
