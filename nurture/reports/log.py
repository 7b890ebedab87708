"""The delivery log for people: what was asked for, in pages, as it goes on, or as a sheet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO

from nurture.errors import InputError, NotFoundError
from nurture.reports.sheets import write_sheet
from nurture.store import Connection, Store, meta
from nurture.store import log as store_log
from nurture.store.contacts import people_by_address
from nurture.store.log import DeliveryHistory, DeliveryRow, EventRow
from nurture.store.log_pages import Filter, Position
from nurture.vocabulary import DeliveryState, Mode

SHEET_HEADER = (
    "delivery", "campaign", "edition", "address", "variant", "state", "reason", "attempts", "time", "settled",
    "server", "code", "enhanced", "answer", "message_id",
)  # fmt: skip
_SHEET_PAGE = 1000
# How many numbers back the follower looks again: on PostgreSQL a transaction
# that began earlier may commit its (smaller) event numbers later.
_LOOK_BACK = 1000


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What of the log is wanted, as it was typed; all that is given must hold.

    ``edition`` is ``partner-news@2026-12-01T09:30``, ``contact`` an address;
    ``since`` and ``until`` (aware) bound the time a delivery is or was due.
    ``mode`` None is the mode the clinic is in.
    """

    campaign: str | None = None
    edition: str | None = None
    contact: str | None = None
    states: tuple[DeliveryState, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    mode: Mode | None = None


@dataclass(frozen=True, slots=True)
class LogPage:
    """Some deliveries, newest first; ``next`` begins the next page, None after the last."""

    deliveries: tuple[DeliveryRow, ...]
    next: Position | None


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that just happened to a delivery, and the delivery as it is now."""

    event: EventRow
    delivery: DeliveryRow


def log_page(store: Store, query: LogQuery, *, after: Position | None = None, limit: int = 50) -> LogPage:
    """One page of the log.

    Raises `NotFoundError` for an unknown campaign, edition or address, and
    `InputError` for times the wrong way round.
    """
    with store.read() as connection:
        return _page(connection, resolve(connection, query), after=after, limit=limit)


def _page(connection: Connection, which: Filter, *, after: Position | None, limit: int) -> LogPage:
    rows = store_log.page(connection, which, after=after, limit=limit + 1)
    shown = rows[:limit]
    last = Position(shown[-1].time, shown[-1].id) if len(rows) > limit else None
    return LogPage(shown, last)


def delivery_history(store: Store, delivery_id: int) -> DeliveryHistory:
    """One delivery with every attempt and event; `NotFoundError` if there is none."""
    with store.read() as connection:
        found = store_log.history(connection, delivery_id)
    if found is None:
        raise NotFoundError(f"there is no delivery {delivery_id}; `nurture log` lists them")
    return found


class Follower:
    """Gives what happened since the last look; begins at the present end of the log."""

    def __init__(self, store: Store, query: LogQuery) -> None:
        """Raises as `log_page`."""
        self._store = store
        self._seen: set[int] = set()
        with store.read() as connection:
            self._which = resolve(connection, query)
            self._end = store_log.last_event_id(connection)
            self._unseen(connection)

    def news(self) -> tuple[Happening, ...]:
        """What happened since the last call, oldest first; empty if nothing did."""
        with self._store.read() as connection:
            end = store_log.last_event_id(connection)
            found = self._unseen(connection)
        self._end = end
        self._seen = {number for number in self._seen if number > end - _LOOK_BACK}
        return tuple(found)

    def _unseen(self, connection: Connection) -> list[Happening]:
        found: list[Happening] = []
        position = self._end - _LOOK_BACK
        while rows := store_log.happened_after(connection, self._which, event_id=position, limit=_LOOK_BACK):
            found += [Happening(event, row) for event, row in rows if event.id not in self._seen]
            self._seen |= {event.id for event, _ in rows}
            position = rows[-1][0].id
        return found


def write_log_sheet(store: Store, query: LogQuery, file: TextIO) -> int:
    """Write all matching deliveries as CSV, newest first, from one snapshot; how many.

    Open ``file`` with ``newline=""``. Raises as `log_page`.
    """
    with store.read() as connection:
        which = resolve(connection, query)
        return write_sheet(file, SHEET_HEADER, map(_cells, _all(connection, which)))


def _all(connection: Connection, which: Filter) -> Iterator[DeliveryRow]:
    after: Position | None = None
    while True:
        page = _page(connection, which, after=after, limit=_SHEET_PAGE)
        yield from page.deliveries
        if page.next is None:
            return
        after = page.next


def _cells(row: DeliveryRow) -> tuple[object, ...]:
    last = row.last_attempt
    answer = (last.server, last.code, last.enhanced, last.answer) if last else (None, None, None, None)
    return (
        row.id, row.campaign, row.edition, row.address, row.variant, row.state, row.reason, row.attempts, row.time,
        row.settled_at, *answer, row.message_id,
    )  # fmt: skip


def resolve(connection: Connection, query: LogQuery) -> Filter:
    """What was typed, as ids. Raises as `log_page`."""
    if query.since is not None and query.until is not None and query.since >= query.until:
        raise InputError("--since must be earlier than --until")
    mode = query.mode or meta.get_mode(connection)
    if query.campaign is not None and not store_log.editions_of(connection, mode=mode, campaign=query.campaign):
        raise NotFoundError(_no_campaign(connection, mode, query.campaign))
    return Filter(
        mode=mode,
        campaign=query.campaign,
        edition_id=None if query.edition is None else edition_id(connection, query.edition, mode=mode),
        contact_ids=None if query.contact is None else _contacts(connection, query.contact),
        states=query.states,
        since=query.since,
        until=query.until,
    )


def edition_id(connection: Connection, name: str, *, mode: Mode) -> int:
    """The edition called ``CAMPAIGN@OCCURRENCE``; `NotFoundError` names the last ones of the campaign."""
    campaign, _, occurrence = name.partition("@")
    for found, _ in store_log.editions_of(connection, mode=mode, campaign=campaign, occurrence=occurrence):
        return found
    near = store_log.editions_of(connection, mode=mode, campaign=campaign)
    if not near:
        raise NotFoundError(_no_campaign(connection, mode, campaign))
    names = ", ".join(f"{campaign}@{other}" for _, other in near)
    raise NotFoundError(f"there is no edition {name}; the last ones are {names}")


def _no_campaign(connection: Connection, mode: Mode, campaign: str) -> str:
    names = ", ".join(store_log.campaigns(connection, mode=mode))
    if not names:
        return f"there is no edition yet, neither of {campaign} nor of another campaign"
    return f"there is no edition of {campaign} yet; there are editions of {names}"


def _contacts(connection: Connection, address: str) -> tuple[int, ...]:
    found = people_by_address(connection, [address.strip().casefold()])
    if not found:
        raise NotFoundError(f"there is no contact with the address {address}; `nurture contacts list` shows them all")
    return tuple(found)
