"""Uncertain deliveries: the body went out, no answer came. Found, left, queued again, settled by hand."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from nurture.store import editions, events
from nurture.store.events import DeliveryKey
from nurture.store.schema import attempt, delivery, edition
from nurture.store.transitions import move
from nurture.vocabulary import AttemptOutcome, DeliveryState, EditionState, EventKind, Mode

_ROWS = 1000  # ids in one statement at most


@dataclass(frozen=True, slots=True)
class Choice:
    """Which uncertain deliveries of a mode; all that is given must hold."""

    mode: Mode
    ids: tuple[int, ...] | None = None
    campaign: str | None = None
    edition_id: int | None = None
    senders: tuple[str, ...] | None = None
    undecided: bool = False  # only those that nobody has decided to leave
    resends_below: int | None = None  # only those that went again less often


@dataclass(frozen=True, slots=True)
class UncertainRow:
    """What a decision needs to know. ``owner`` None: its worker said itself that no answer came."""

    id: int
    edition_id: int
    edition_state: EditionState
    expires_at: datetime
    contact_id: int | None
    owner: str | None

    @property
    def key(self) -> DeliveryKey:
        """What an event needs to know."""
        return DeliveryKey(self.id, self.edition_id, self.contact_id)


def find(connection: sa.Connection, choice: Choice) -> tuple[UncertainRow, ...]:
    """The chosen deliveries, the oldest first. Up to a few thousand ``ids``."""
    query = (
        sa.select(
            delivery.c.id,
            delivery.c.edition_id,
            edition.c.state,
            edition.c.expires_at,
            delivery.c.contact_id,
            delivery.c.owner,
        )
        .join_from(delivery, edition, delivery.c.edition_id == edition.c.id)
        .where(*_conditions(choice))
        .order_by(delivery.c.id)
    )
    return tuple(
        UncertainRow(row.id, row.edition_id, EditionState(row.state), row.expires_at, row.contact_id, row.owner)
        for row in connection.execute(query)
    )


def _conditions(choice: Choice) -> Iterable[sa.ColumnElement[bool]]:
    yield delivery.c.mode == choice.mode
    yield delivery.c.state == DeliveryState.UNCERTAIN
    if choice.ids is not None:
        yield delivery.c.id.in_(choice.ids)
    if choice.campaign is not None:
        yield delivery.c.campaign == choice.campaign
    if choice.edition_id is not None:
        yield delivery.c.edition_id == choice.edition_id
    if choice.senders is not None:
        yield edition.c.sender.in_(choice.senders)
    if choice.undecided:
        yield delivery.c.decided_at.is_(None)
    if choice.resends_below is not None:
        yield delivery.c.resends < choice.resends_below


def undecided_count(connection: sa.Connection, *, mode: Mode) -> int:
    """How many deliveries somebody must decide about."""
    query = sa.select(sa.func.count()).select_from(delivery)
    return connection.execute(query.where(*_conditions(Choice(mode, undecided=True)))).scalar_one()


def leave(connection: sa.Connection, rows: Collection[UncertainRow], now: datetime, *, by: str) -> int:
    """Somebody decided to leave them uncertain; how many of them nobody had left before."""
    left = set()
    for ids in _pages(rows):
        undecided = _still_uncertain(ids) & delivery.c.decided_at.is_(None)
        statement = sa.update(delivery).where(undecided).values(decided_at=now).returning(delivery.c.id)
        left |= set(connection.execute(statement).scalars())
    keys = [row.key for row in rows if row.id in left]
    events.record_many(connection, EventKind.LEFT_UNCERTAIN, now, keys, data={"by": by})
    return len(left)


def queue_again(
    connection: sa.Connection,
    rows: Collection[UncertainRow],
    now: datetime,
    *,
    when: datetime,
    until: datetime | None = None,
    data: Mapping[str, Any],
) -> int:
    """Queue them anew under the same Message-ID and Date (RFC 5322 3.6.4), due at ``when``; how many.

    ``until`` gives them a fresh window from now; without it they have the time
    that their edition still has. Rows of an edition that was canceled stay.
    """
    open_editions = {each for each in {row.edition_id for row in rows} if editions.wait_again(connection, each)}
    values: dict[str, Any] = {
        "next_attempt_at": when,
        "marked_at": None,
        "reason": None,
        "resends": delivery.c.resends + 1,
        # it was tried, also where its worker could not count that: so the edition's end is its end
        "attempts": sa.case((delivery.c.attempts == 0, 1), else_=delivery.c.attempts),
    }
    if until is not None:
        values |= {"not_before": now, "not_after": until}
    return sum(
        len(
            move(
                connection,
                DeliveryState.UNCERTAIN,
                DeliveryState.QUEUED,
                now,
                where=delivery.c.id.in_(ids),
                values=values,
                event=EventKind.REQUEUED,
                data=data,
            )
        )
        for ids in _pages([row for row in rows if row.edition_id in open_editions])
    )


def went_again(connection: sa.Connection, *, mode: Mode) -> int:
    """Count all uncertain deliveries as sent again: a copy of this database may have done that; how many."""
    statement = sa.update(delivery).where(*_conditions(Choice(mode))).values(resends=delivery.c.resends + 1)
    return connection.execute(statement).rowcount


def settle(connection: sa.Connection, rows: Collection[UncertainRow], now: datetime, *, arrived: bool, by: str) -> int:
    """Somebody found out what became of them; how many were still uncertain."""
    new = DeliveryState.SENT if arrived else DeliveryState.FAILED
    words = "found out by hand: it arrived" if arrived else "found out by hand: it did not arrive"
    count = 0
    for ids in _pages(rows):
        values = {"reason": None if arrived else words}
        data = {"reason": words, "by": by}
        where = delivery.c.id.in_(ids)
        moved = move(connection, DeliveryState.UNCERTAIN, new, now, where=where, values=values, data=data)
        if arrived:
            _note_arrival(connection, [row.id for row in moved], words)
        count += len(moved)
    return count


def _note_arrival(connection: sa.Connection, ids: Collection[int], words: str) -> None:
    """Say so at the last try: the accounts count what was proven, not what a row calls itself."""
    last = sa.select(sa.func.max(attempt.c.id)).where(attempt.c.delivery_id.in_(ids)).group_by(attempt.c.delivery_id)
    found = connection.execute(last).scalars().all()
    values = {"outcome": AttemptOutcome.ARRIVED, "answer": words}
    connection.execute(sa.update(attempt).where(attempt.c.id.in_(found)).values(values))


def _still_uncertain(ids: Collection[int]) -> sa.ColumnElement[bool]:
    return (delivery.c.state == DeliveryState.UNCERTAIN) & delivery.c.id.in_(list(ids))


def _pages(rows: Collection[UncertainRow]) -> Iterable[list[int]]:
    ids = [row.id for row in rows]
    return [ids[start : start + _ROWS] for start in range(0, len(ids), _ROWS)]
