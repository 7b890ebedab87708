"""Is this database a restored or copied one whose original went further? Pure.

The last number that the database itself knows is compared with the one that
this machine keeps outside the folder. What nobody wrote down here cannot be
noticed; docs/going-live.md says what that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from nurture.store.lineage import HighWater

PACE = timedelta(minutes=1)  # the number rises at most so often, so mails may have left that long after it rose


class Doubt(StrEnum):
    """Why a database must not send before somebody confirms it."""

    BEHIND = "behind"  # it was further: a restored backup, or another copy went on
    PARTED = "parted"  # another copy went just as far
    COPIED = "copied"  # another copy lies where this one was
    MOVED = "moved"  # it was last used on another machine


@dataclass(frozen=True, slots=True)
class Place:
    """Where a database is used: the machine and the SQLite file. PostgreSQL has no ``file``: machines share it."""

    host: str
    file: str | None


@dataclass(frozen=True, slots=True)
class Outside:
    """What this machine remembers of a database."""

    water: HighWater
    file: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """A doubt. From ``known_until`` to ``sent_until`` (UTC; None: now) mails may have left from the original."""

    doubt: Doubt
    known_until: datetime
    sent_until: datetime | None
    where: str = ""

    def seen(self, zone: ZoneInfo) -> str:
        """What was seen, with times in ``zone``."""
        ends = _time(self.known_until, zone)
        match self.doubt:
            case Doubt.BEHIND:
                sent = _time(self.sent_until or self.known_until, zone)
                return f"the database ends at {ends}, but mails were sent until {sent}: it is an older copy"
            case Doubt.PARTED:
                return f"two copies of the database went on apart after {ends}, and this machine used the other one"
            case Doubt.COPIED:
                return f"the database is a copy of {self.where}, which is still there"
            case Doubt.MOVED:
                return f"the database was last used on {self.where} ({ends}), not on this machine"

    def words(self, zone: ZoneInfo) -> str:
        """What was seen and what to do, with times in ``zone``."""
        return (
            f"{self.seen(zone)}. No mail leaves, because what was sent by the other one would go out twice. "
            "If this is the one to go on with, and no other is in use: nurture db confirm-restored"
        )

    def lost_until(self, now: datetime) -> datetime:
        """Until when the original may have sent."""
        return now if self.sent_until is None else min(self.sent_until + PACE, now)


def _time(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%a %b %d %H:%M}"


def judge(
    inside: HighWater | None, outside: Outside | None, here: Place, *, known_until: datetime, copy_of: str | None
) -> Finding | None:
    """What speaks against sending from this database here; None: nothing.

    ``known_until`` is the last thing that the database knows of; ``copy_of``
    another file that is there and had this database's name.
    """
    if inside is None:
        return None
    if outside is not None:
        if outside.water.number > inside.number:
            return Finding(Doubt.BEHIND, known_until, outside.water.at)
        if outside.water.number == inside.number and outside.water.token != inside.token:
            return Finding(Doubt.PARTED, known_until, outside.water.at)
    if here.file is None:
        return None
    if copy_of is not None:
        return Finding(Doubt.COPIED, known_until, None, copy_of)
    last_used_here = outside is not None and outside.water.token == inside.token
    if inside.host != here.host and not last_used_here:
        return Finding(Doubt.MOVED, known_until, None, inside.host)
    return None
