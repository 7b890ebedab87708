"""When to try again. Pure; all instants are aware and in UTC.

RFC 5321 4.5.4.1 asks for growing pauses over 4 to 5 days. News that is days
old helps nobody, so a delivery is retried only as long as its edition may be
late: until the later of its own window's end (``not_after``) and the
edition's end (due + ``late``), never longer than five days, and only in the
reader's open hours.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta

FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=6)
GIVE_UP = timedelta(days=5)
JITTER = 0.25  # a pause is stretched by up to this share, so that mails spread out

LONGEST_STOP = timedelta(hours=6)
LONGEST_OUTAGE = timedelta(minutes=30)
OUTAGE_PAUSE = timedelta(minutes=1)

LONGEST_ADVICE = timedelta(days=1)
_ADVICE = re.compile(
    r"(?:try|retry|again|wait|come back|greylist\w*|deferred)\b[^0-9]{0,40}?"
    r"(?:(?P<clock>\d{1,2}:\d{2}:\d{2})|(?P<number>\d{1,6})\s*(?P<unit>s|sec|second|m|min|minute|h|hour)s?\b)",
    re.IGNORECASE,
)
_UNITS = {"s": 1, "m": 60, "h": 3600}


def advised_pause(text: str) -> timedelta | None:
    """The pause that a server asks for, "try again in 300 seconds", "retry in 00:04:30"; at most a day."""
    found = _ADVICE.search(text)
    if not found:
        return None
    if found["clock"]:
        hours, minutes, seconds = map(int, found["clock"].split(":"))
        pause = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    else:
        pause = timedelta(seconds=int(found["number"]) * _UNITS[found["unit"][0].lower()])
    return min(pause, LONGEST_ADVICE)


def jitter(*parts: object) -> float:
    """A number from 0 up to 1, the same for the same parts: spread without chance, so decisions can be repeated."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def _doubled(first: timedelta, times: int, longest: timedelta) -> timedelta:
    factor: int = 1 << min(times - 1, 20)
    return min(first * factor, longest)


def backoff(tries: int, *, spread: float, text: str = "") -> timedelta:
    """The pause after so many counted tries (1 or more): 5, 10, 20 … minutes, at most 6 hours, stretched a little.

    ``spread`` is from 0 to 1 (`jitter`). What the server's words ask for is the least.
    """
    pause = _doubled(FIRST_PAUSE, tries, LONGEST_PAUSE) * (1 + JITTER * spread)
    advised = advised_pause(text)
    # servers count from their own clock: a little more than they ask
    return max(pause, advised + timedelta(seconds=10)) if advised is not None else pause


def next_attempt(
    *,
    tries: int,
    now: datetime,
    not_before: datetime,
    not_after: datetime,
    expires_at: datetime,
    spread: float,
    text: str = "",
    opens: Callable[[datetime], datetime] = lambda instant: instant,
) -> datetime | None:
    """When to try a refused delivery again; None: its time is used up.

    ``tries`` counts the one that just ended. ``opens`` gives the first instant
    from another on in which the reader may be mailed.
    """
    when = opens(now + backoff(tries, spread=spread, text=text))
    return when if when <= min(max(not_after, expires_at), not_before + GIVE_UP) else None


def sender_pause(stops: int, *, outage: bool, text: str = "") -> timedelta:
    """How long a sender does not dial after so many stops in a row (1 or more).

    A refusal pauses 5, 10, 20 … minutes up to 6 hours; an ``outage`` (nobody
    answers, the network is down) 1, 2, 4 … up to 30 minutes, because it often
    ends by itself.
    """
    first, longest = (OUTAGE_PAUSE, LONGEST_OUTAGE) if outage else (FIRST_PAUSE, LONGEST_STOP)
    pause = _doubled(first, stops, longest)
    return max(pause, advised_pause(text) or timedelta())
