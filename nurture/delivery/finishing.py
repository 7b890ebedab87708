"""When an edition will have left, by the sender's limits and the windows. Pure, and an estimate.

What other editions send meanwhile, what servers refuse for now and limits of single providers are not known before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import floor
from zoneinfo import ZoneInfo

from nurture.delivery.pacing import MINUTE, allowance
from nurture.planning.windows import Openings, next_open
from nurture.workspace.brakes import FirstEdition
from nurture.workspace.settings import Sender

_STEP = timedelta(minutes=5)
# Without a limit of ours: what one connection surely carries.
_MAILS_A_CONNECTION = 60.0  # a minute


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a sender goes: mails a minute, its limits of a day, and what of today's is used."""

    sender: Sender
    per_minute: float | None = None  # what its server taught us; None: nothing
    today: date | None = None
    used_today: int = 0

    @property
    def rate(self) -> float:
        """Mails a minute."""
        rates = [rate for rate in (self.sender.limits.per_minute, self.per_minute) if rate is not None]
        return min(rates, default=self.sender.connections * _MAILS_A_CONNECTION)

    def left_on(self, day: date) -> int | None:
        """How many mails may leave on a day; None: no limit."""
        limit = allowance(self.sender.limits, day).per_day
        if limit is None:
            return None
        return max(limit - (self.used_today if day == self.today else 0), 0)


@dataclass(frozen=True, slots=True)
class Finish:
    """When the last mail leaves (UTC; None: none does); ``too_late`` of them find no time before they expire."""

    at: datetime | None
    too_late: int = 0


def few_first(starts: Mapping[datetime, int], rule: FirstEdition) -> dict[datetime, int]:
    """When mails may leave if the first few go ahead and the others wait (`brakes.first_edition`)."""
    if sum(starts.values()) <= rule.over:
        return dict(starts)
    later = min(starts) + rule.waits
    few, found = rule.sends, dict[datetime, int]()
    for start, number in sorted(starts.items()):
        ahead = min(number, few)
        few -= ahead
        for at, part in ((start, ahead), (max(start, later), number - ahead)):
            if part:
                found[at] = found.get(at, 0) + part
    return found


def finish(
    starts: Mapping[datetime, int], pace: Pace, openings: Openings, *, zone: ZoneInfo, expires_at: datetime
) -> Finish:
    """When the last of these mails leaves. ``openings`` and ``zone`` are the clinic's, ``expires_at`` is in UTC."""
    left = dict[date, int | None]()
    last: datetime | None = None
    moment, waiting = min(starts, default=expires_at), 0
    coming = sorted(starts.items(), reverse=True)
    while (coming or waiting) and moment < expires_at:
        while coming and coming[-1][0] <= moment:
            waiting += coming.pop()[1]
        if not waiting:
            moment = coming[-1][0]
            continue
        opens = next_open(moment, window=openings.window, zone=zone, holidays=openings.holidays)
        # a reader of another zone may get mail while the clinic's window is shut
        if opens is not None and opens > moment and moment not in starts:
            moment = opens
            continue
        day = moment.astimezone(zone).date()
        today = left.setdefault(day, pace.left_on(day))
        if today == 0:
            moment = _next_day(day, zone)
            continue
        step = min(waiting, max(floor(pace.rate * (_STEP / MINUTE)), 1), waiting if today is None else today)
        waiting -= step
        if today is not None:
            left[day] = today - step
        moment += MINUTE * (step / pace.rate)
        last = moment
    return Finish(last, waiting + sum(number for _, number in coming))


def _next_day(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), zone)
