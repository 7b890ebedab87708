"""This machine: who can read what is private, room on the disk, copies, the clock (pure)."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from nurture.doctor.checks import Check, Judge, shown

OLD_COPY = timedelta(days=7)
LITTLE_ROOM, NO_ROOM = 1_000_000_000, 200_000_000  # octets
CLOCK_WARN, CLOCK_FAIL = timedelta(minutes=1), timedelta(minutes=10)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class PrivateFile:
    """A file that only its owner may read, and its mode; None where it is not there."""

    path: Path
    mode: int | None


@dataclass(frozen=True, slots=True)
class ClockReading:
    """How far another clock is ahead of ours, and whose it is; ``words`` say why there is none."""

    source: str
    ahead: timedelta | None = None
    words: str = ""


def judge_private(files: tuple[PrivateFile, ...] | None) -> Check:
    """Whether others can read secrets or the database; None where files have no such modes (Windows)."""
    judge = Judge("permissions", "secrets and database")
    if files is None:
        return judge.unknown("this system keeps rights otherwise than POSIX", "See that only you can open data/.")
    there = [file for file in files if file.mode is not None]
    opened = [file for file in there if file.mode is not None and file.mode & _OTHERS]
    if opened:
        names = ", ".join(f"{shown(str(file.path), 120)} ({stat.S_IMODE(file.mode or 0):04o})" for file in opened[:4])
        paths = " ".join(f"'{shown(str(file.path), 120)}'" for file in opened[:4])
        return judge.fail(f"others can read {names}", f"Close them: chmod 600 {paths}")
    count = len(there)
    return judge.ok(f"{count} {'file' if count == 1 else 'files'}, none of which others can read")


def judge_disk(place: Path, *, free: int) -> Check:
    """Whether there is room for the database; ``free`` in octets."""
    judge = Judge("disk", shown(str(place), 120))
    seen = f"{free / 1_000_000_000:.1f} GB free"
    if free < NO_ROOM:
        return judge.fail(seen, "Make room: without it no mail leaves.")
    if free < LITTLE_ROOM:
        return judge.warn(seen, "Make room for the history of your mails, 1 GB or more.")
    return judge.ok(seen)


def judge_copies(last: datetime | None, *, by_others: bool, now: datetime) -> Check:
    """How old the last backup is; a PostgreSQL database may also be copied by others (``by_others``)."""
    judge = Judge("backup", "database")
    mend = "Make one every day, on another disk: nurture db backup FOLDER --keep 14"
    if last is None and by_others:
        return judge.unknown("nurture db backup was never run; PostgreSQL's own programs may make copies", mend)
    if last is None:
        return judge.warn("nurture db backup has never made a copy", mend)
    seen = f"last copy {last:%Y-%m-%d %H:%M} UTC, {_days(now - last)}"
    return judge.warn(seen, mend) if now - last > OLD_COPY else judge.ok(seen)


def judge_clock(reading: ClockReading) -> Check:
    """Whether our clock is right; mails carry its time, and TLS and login tokens depend on it."""
    judge = Judge("clock", "this machine")
    if reading.ahead is None:
        return judge.unknown(shown(reading.words), "See that the system sets its clock by itself (NTP).")
    seconds = abs(reading.ahead).total_seconds()
    if seconds <= CLOCK_WARN.total_seconds():
        return judge.ok(f"agrees with {reading.source} to {CLOCK_WARN.total_seconds():g} seconds")
    seen = f"{seconds:.0f} seconds {'behind' if reading.ahead > timedelta(0) else 'ahead of'} {reading.source}"
    mend = "Let the system set its clock by itself (NTP)."
    return judge.fail(seen, mend) if abs(reading.ahead) > CLOCK_FAIL else judge.warn(seen, mend)


def _days(age: timedelta) -> str:
    return "today" if age.days < 1 else f"{age.days} {'day' if age.days == 1 else 'days'} ago"
