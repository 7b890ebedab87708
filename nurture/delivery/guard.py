"""The number that tells a restored copy from its original, kept in a live database and outside the folder.

The outside is always read before the database and written after it. So it is
never ahead of the database that it came from, whoever else raises the number.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from nurture.clock import Clock, monotonic
from nurture.delivery import uncertain
from nurture.delivery.copies import PACE, Finding, Outside, Place, judge
from nurture.delivery.outside import OutsideFile
from nurture.delivery.ownership import dead_owners
from nurture.errors import CopyError
from nurture.store import Connection, Store, alerts, deliveries, lineage, meta
from nurture.store.uncertain import went_again
from nurture.vocabulary import AlertKind, Mode

log = logging.getLogger("nurture.delivery")


def look(store: Store) -> Finding | None:
    """What speaks against sending from this database here; changes nothing. Nothing does in the sandbox."""
    with store.read() as connection:
        name = lineage.name(connection)
        live = meta.get_mode(connection) is Mode.LIVE
    if name is None or not live:
        return None
    outside = OutsideFile(name).read()
    with store.read() as connection:
        return _judge(connection, store, lineage.high_water(connection), outside)


def refuse_copy(store: Store, zone: ZoneInfo) -> None:
    """Raise `CopyError` if somebody must confirm this database first; times in the message are in ``zone``."""
    finding = look(store)
    if finding is not None:
        raise CopyError(finding.words(zone))


class Watermark:
    """One worker's part: raises the number before it sends, once a minute while it does, and at its end."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._risen: float | None = None  # monotonic seconds
        self._sent = False  # mail may have left since it rose
        self._trouble: str | None = None

    async def before_sending(self, zone: ZoneInfo) -> None:
        """Mail leaves from now on. Raises `CopyError` if another copy went further."""
        if self._is_due():
            await self._rise(zone)
        self._sent = True

    async def keep_up(self, zone: ZoneInfo, *, sending: bool) -> None:
        """Asked again and again: rises if mail left since it last did and a minute is over. Raises `CopyError`."""
        if self._sent and self._is_due():
            await self._rise(zone)
            self._sent = sending

    async def end(self, zone: ZoneInfo) -> None:
        """No more mail leaves. Raises `CopyError`."""
        if self._sent:
            await self._rise(zone)
            self._sent = False

    def _is_due(self) -> bool:
        return self._risen is None or monotonic() - self._risen >= PACE.total_seconds()

    async def _rise(self, zone: ZoneInfo) -> None:
        trouble = await asyncio.to_thread(rise, self._store, zone, self._clock.now())
        if trouble != self._trouble or self._risen is None:
            await asyncio.to_thread(self._tell, trouble)
        self._risen, self._trouble = monotonic(), trouble

    def _tell(self, trouble: str | None) -> None:
        now, host = self._clock.now(), socket.gethostname()
        with self._store.write() as connection:
            if trouble is None:
                alerts.resolve_alert(connection, AlertKind.COPY_UNNOTICED, host, now)
                return
            words = f"a restored copy of the database would not be noticed here: {trouble}"
            log.warning("%s", words)
            alerts.raise_alert(connection, AlertKind.COPY_UNNOTICED, host, words, now)


def rise(store: Store, zone: ZoneInfo, now: datetime) -> str | None:
    """Raise the number in the database, then outside; what is wrong with the file outside, if something is.

    Raises `CopyError` instead if another copy went further.
    """
    file = OutsideFile(_name(store))
    with file.alone():
        outside = file.read()
        with store.write() as connection:
            inside = lineage.high_water(connection, to_raise=True)
            finding = _judge(connection, store, inside, outside)
            if finding is not None:
                raise CopyError(finding.words(zone))
            here = _here(store)
            above = inside.number if inside else 0
            risen = lineage.raise_high_water(connection, above=above, host=here.host, now=now)
        file.write(Outside(risen, here.file))
    return file.trouble


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A confirmed database: what was doubted, when the lost time ended (None: nothing was lost), how many are held."""

    finding: Finding
    lost_until: datetime | None
    held: int


def confirm(store: Store, *, nothing_lost: bool, now: datetime) -> Confirmed | None:
    """From now on this database is the one; None if nothing speaks against it.

    Mails that were due in the lost time are held, editions that were due in it
    are not made, unless ``nothing_lost``. Any other copy is refused from now on.
    """
    if look(store) is None:
        return None
    file = OutsideFile(_name(store))
    with file.alone():
        outside = file.read()
        with store.write() as connection:
            inside = lineage.high_water(connection, to_raise=True)
            finding = _judge(connection, store, inside, outside)
            if finding is None:
                return None
            lost_until, held = None, 0
            if not nothing_lost:
                lost_until = finding.lost_until(now)
                # what workers of the original had in hand when the copy was made comes back to the queue first
                deliveries.recover(connection, dead_owners(connection, store, but=""), now)
                # the original may have sent them again in the lost time, so no rule does that here
                went_again(connection, mode=Mode.LIVE)
                uncertain.tell(connection, Mode.LIVE, now)
                held = lineage.hold_due(connection, lost_until, now)
                lineage.set_restored_until(connection, lost_until)
            here = _here(store)
            above = max(water.number for water in (inside, outside and outside.water) if water)
            risen = lineage.raise_high_water(connection, above=above, host=here.host, now=now)
        file.write(Outside(risen, here.file))
    return Confirmed(finding, lost_until, held)


def _name(store: Store) -> str:
    with store.read() as connection:
        name = lineage.name(connection)
    if name is None:
        with store.write() as connection:
            name = lineage.ensure_name(connection)
    return name


def _here(store: Store) -> Place:
    return Place(socket.gethostname(), str(store.path.resolve()) if store.path is not None else None)


def _judge(
    connection: Connection, store: Store, inside: lineage.HighWater | None, outside: Outside | None
) -> Finding | None:
    if inside is None:
        return None
    tried_at = lineage.last_try_at(connection)
    return judge(
        inside,
        outside,
        _here(store),
        known_until=max(tried_at, inside.at) if tried_at else inside.at,
        copy_of=_other_file(store.path, outside),
    )


def _other_file(path: Path | None, outside: Outside | None) -> str | None:
    """The file that this machine knows by the database's name, if it is there and not this one."""
    if path is None or outside is None or outside.file is None:
        return None
    try:
        return None if os.path.samefile(path, outside.file) else outside.file
    except OSError:  # it was moved away, or removed
        return None
