"""Opt-outs of an earlier mail system become suppressions, never contacts: first shown, then written as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from enum import Enum, auto
from itertools import islice
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from nurture.address import address_hash
from nurture.audience.address_key import load_address_key
from nurture.audience.opt_out_files import OptOut, OptOuts, read_opt_outs
from nurture.audience.opt_out_rows import STRENGTH
from nurture.store import Connection, Store
from nurture.store.contact_changes import record_contact_events
from nurture.store.contacts import people_by_address
from nurture.store.meta import PreviousList, record_previous_list
from nurture.store.opt_outs import (
    AddressSuppression,
    PastSuppression,
    active_suppressions,
    lifted_suppressions,
    strengthen,
    suppress_addresses,
)
from nurture.vocabulary import EventKind, SuppressionReason
from nurture.workspace.workspace import Workspace

_CHUNK: Final = 1000


class Fate(Enum):
    """What becomes of one person who left."""

    NEW = auto()  # becomes suppressed
    STRONGER = auto()  # was suppressed for less, or longer ago
    KNOWN = auto()  # stays as it is
    RETURNED = auto()  # left before the clinic lifted a suppression that was as strong


@dataclass(slots=True)
class OptOutChanges:
    """What an import changes, in addresses: ``new`` by reason, the others as in `Fate`.

    ``contacts`` counts the contacts that get no mail from now on.
    """

    new: dict[SuppressionReason, int] = field(default_factory=dict)
    stronger: int = 0
    known: int = 0
    returned: int = 0
    contacts: int = 0


@dataclass(frozen=True, slots=True)
class OptOutImport:
    """What files say, read once; ``changes`` is what it would change now. ``key`` hashes addresses."""

    found: OptOuts
    changes: OptOutChanges
    key: bytes
    zone: ZoneInfo


def read_opt_out_files(
    store: Store, workspace: Workspace, paths: Sequence[Path], *, all_unsubscribed: bool = False, now: datetime
) -> OptOutImport:
    """Read exports and say what they would change; writes nothing (but the address key, on first use).

    ``all_unsubscribed``: everybody left whose row does not say otherwise.
    Raises `InputError` for a file that cannot be read or does not say who left.
    """
    settings = workspace.settings
    found = read_opt_outs(
        paths,
        all_unsubscribed=all_unsubscribed,
        day_first=settings.clinic.address.country != "US",
        today=settings.today(now),
    )
    wanted = OptOutImport(found, OptOutChanges(), load_address_key(store, workspace.root / "data"), settings.zone)
    with store.read() as connection:
        for chunk in _decide(connection, wanted, now=now):
            contacts = people_by_address(connection, [row.shown.casefold() for row in chunk.new])
            _count(wanted.changes, chunk, len(contacts))
    return wanted


def import_opt_outs(store: Store, wanted: OptOutImport, *, now: datetime) -> OptOutChanges:
    """Write the suppressions in one transaction and remember the files; gives back what changed.

    What the database says is looked at again: a second import changes nothing.
    """
    changes = OptOutChanges()
    with store.write() as connection:
        for chunk in _decide(connection, wanted, now=now):
            suppress_addresses(connection, chunk.new)
            strengthen(connection, chunk.stronger)
            _count(changes, chunk, _record_events(connection, chunk, now=now))
        taken = [file for file in wanted.found.files if file.tells_leaving and (file.opt_outs or not file.unread_count)]
        record_previous_list(connection, [PreviousList(file.file, now, file.opt_outs) for file in taken])
    return changes


def judge(
    reason: SuppressionReason,
    left_at: datetime | None,
    active: PastSuppression | None,
    lifted: Iterable[PastSuppression],
    *,
    now: datetime,
) -> tuple[Fate, datetime]:
    """What becomes of a person who left for ``reason``, and since when the suppression counts.

    ``left_at`` is None where the file has no date: then the import's moment
    counts. Of two dates the later one does, because a consent only brings
    somebody back if it is dated after the leaving.
    """
    since = left_at or now
    if active is None:
        returned = left_at is not None and any(
            one.lifted_at is not None and one.lifted_at > left_at and STRENGTH[one.reason] >= STRENGTH[reason]
            for one in lifted
        )
        return (Fate.RETURNED if returned else Fate.NEW), since
    if STRENGTH[reason] > STRENGTH[active.reason]:
        return Fate.STRONGER, max(since, active.since)
    if reason is active.reason and left_at is not None and left_at > active.since:
        return Fate.STRONGER, left_at
    return Fate.KNOWN, active.since


@dataclass(slots=True)
class _Chunk:
    """What is decided about some of the people."""

    new: list[AddressSuppression] = field(default_factory=list)
    stronger: list[AddressSuppression] = field(default_factory=list)
    known: int = 0
    returned: int = 0


def _decide(connection: Connection, wanted: OptOutImport, *, now: datetime) -> Iterator[_Chunk]:
    lifted = lifted_suppressions(connection)
    everybody = iter(wanted.found.people.values())
    while people := tuple(islice(everybody, _CHUNK)):
        by_hash = {address_hash(person.address.key, wanted.key): person for person in people}
        active = active_suppressions(connection, list(by_hash))
        chunk = _Chunk()
        for hashed, person in by_hash.items():
            left_at = _start_of(person, wanted.zone)
            fate, since = judge(person.reason, left_at, active.get(hashed), lifted.get(hashed, ()), now=now)
            row = AddressSuppression(hashed, person.address.text, person.reason, f"import: {person.source}", since)
            if fate is Fate.NEW:
                chunk.new.append(row)
            elif fate is Fate.STRONGER:
                chunk.stronger.append(row)
            chunk.known += fate is Fate.KNOWN
            chunk.returned += fate is Fate.RETURNED
        yield chunk


def _start_of(person: OptOut, zone: ZoneInfo) -> datetime | None:
    """The beginning of the day on which the person left, where the clinic is."""
    return None if person.on is None else datetime.combine(person.on, time.min, zone).astimezone(UTC)


def _record_events(connection: Connection, chunk: _Chunk, *, now: datetime) -> int:
    """Write it into the history of those who are contacts; how many of them were not suppressed before."""
    rows = {row.shown.casefold(): row for row in (*chunk.new, *chunk.stronger)}
    people = people_by_address(connection, list(rows))
    ids: dict[tuple[SuppressionReason, str], list[int]] = {}
    for person in people.values():
        row = rows[str(person.address).casefold()]
        ids.setdefault((row.reason, row.source), []).append(person.id)
    events = [({"reason": reason, "source": source}, owners) for (reason, source), owners in ids.items()]
    record_contact_events(connection, EventKind.SUPPRESSED, now, events)
    new = {row.shown.casefold() for row in chunk.new}
    return sum(str(person.address).casefold() in new for person in people.values())


def _count(changes: OptOutChanges, chunk: _Chunk, contacts: int) -> None:
    for row in chunk.new:
        changes.new[row.reason] = changes.new.get(row.reason, 0) + 1
    changes.stronger += len(chunk.stronger)
    changes.known += chunk.known
    changes.returned += chunk.returned
    changes.contacts += contacts
