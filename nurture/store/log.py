"""The delivery log: pages of deliveries, one delivery in full, what happened since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store import news
from nurture.store.log_pages import Filter, Position, conditions, newest_ids
from nurture.store.schema import attempt, delivery, edition, event
from nurture.vocabulary import AttemptOutcome, AttemptPhase, Category, DeliveryState, EventKind, Mode


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One try, with the server's words as they came. Instants are UTC."""

    number: int
    started_at: datetime
    ended_at: datetime | None
    sender: str
    server: str | None
    phase: AttemptPhase | None
    outcome: AttemptOutcome | None
    code: int | None
    enhanced: str | None
    answer: str | None

    @property
    def said(self) -> str:
        """What the server said: ``550 5.1.1 no such user``; empty without an answer."""
        return " ".join(str(part) for part in (self.code, self.enhanced, self.answer) if part)


@dataclass(frozen=True, slots=True)
class EventRow:
    """One thing that happened."""

    id: int
    kind: EventKind
    at: datetime
    delivery_id: int | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One delivery as the log shows it. Instants are UTC; ``time`` is what pages go by.

    ``resends``: how often it went again after no answer; ``decided_at``: when
    somebody decided to leave it uncertain.
    """

    id: int
    mode: Mode
    campaign: str
    occurrence: str
    edition_id: int
    contact_id: int | None
    address: str | None
    variant: Category
    state: DeliveryState
    reason: str | None
    attempts: int
    message_id: str | None
    time: datetime
    not_before: datetime
    not_after: datetime
    created_at: datetime
    settled_at: datetime | None
    resends: int
    decided_at: datetime | None
    last_attempt: AttemptRow | None

    @property
    def edition(self) -> str:
        """How people name the edition: ``partner-news@2026-12-01T09:30``."""
        return f"{self.campaign}@{self.occurrence}"


@dataclass(frozen=True, slots=True)
class DeliveryHistory:
    """One delivery with all that happened to it, oldest first."""

    delivery: DeliveryRow
    recipient_key: str
    message_date: datetime | None
    values: Mapping[str, Any] | None
    news_ids: tuple[str, ...]
    attempts: tuple[AttemptRow, ...]
    events: tuple[EventRow, ...]


_DELIVERIES = sa.select(delivery, edition.c.occurrence).join_from(
    delivery, edition, delivery.c.edition_id == edition.c.id
)
_ATTEMPT_COLUMNS = [column for column in attempt.c if column.name not in ("id", "claim", "owner")]


def editions_of(
    connection: Connection, *, mode: Mode, campaign: str, occurrence: str | None = None, limit: int = 5
) -> tuple[tuple[int, str], ...]:
    """Id and occurrence of a campaign's editions, the latest first; at most one with ``occurrence``."""
    query = sa.select(edition.c.id, edition.c.occurrence).where(edition.c.mode == mode, edition.c.campaign == campaign)
    if occurrence is not None:
        query = query.where(edition.c.occurrence == occurrence)
    rows = connection.execute(query.order_by(edition.c.due_at.desc(), edition.c.id.desc()).limit(limit))
    return tuple((row.id, row.occurrence) for row in rows)


def campaigns(connection: Connection, *, mode: Mode) -> tuple[str, ...]:
    """The campaigns that have editions, by name."""
    return tuple(
        connection.scalars(
            sa.select(edition.c.campaign).where(edition.c.mode == mode).distinct().order_by(edition.c.campaign)
        )
    )


def page(
    connection: Connection, which: Filter, *, after: Position | None = None, limit: int = 50
) -> tuple[DeliveryRow, ...]:
    """Up to ``limit`` deliveries, newest first, that come after the position ``after``."""
    ids = newest_ids(which, after=after, limit=limit)
    query = _DELIVERIES.where(delivery.c.id.in_(ids))
    rows = connection.execute(query.order_by(delivery.c.next_attempt_at.desc(), delivery.c.id.desc())).mappings().all()
    return _with_last_attempts(connection, rows)


def history(connection: Connection, delivery_id: int) -> DeliveryHistory | None:
    """One delivery with every attempt and every event, or None if there is none."""
    row = connection.execute(_DELIVERIES.where(delivery.c.id == delivery_id)).mappings().one_or_none()
    if row is None:
        return None
    attempts = attempts_of(connection, [delivery_id]).get(delivery_id, ())
    events = connection.execute(sa.select(event).where(event.c.delivery_id == delivery_id).order_by(event.c.id))
    list_id = row["news_list_id"]
    return DeliveryHistory(
        delivery=_delivery(row, attempts[-1] if attempts else None),
        recipient_key=row["recipient_key"],
        message_date=row["message_date"],
        values=row["values"],
        news_ids=news.lists(connection, [list_id]).get(list_id, ()),
        attempts=attempts,
        events=tuple(
            EventRow(found.id, EventKind(found.kind), found.at, found.delivery_id, found.data) for found in events
        ),
    )


def attempts_of(connection: Connection, delivery_ids: Sequence[int]) -> dict[int, tuple[AttemptRow, ...]]:
    """Every try of these deliveries, first ones first; who has none is left out. A few thousand ids at most."""
    query = (
        sa.select(*_ATTEMPT_COLUMNS)
        .where(attempt.c.delivery_id.in_(delivery_ids))
        .order_by(attempt.c.delivery_id, attempt.c.number)
    )
    found: dict[int, list[AttemptRow]] = {}
    for row in connection.execute(query):
        found.setdefault(row.delivery_id, []).append(
            AttemptRow(
                number=row.number,
                started_at=row.started_at,
                ended_at=row.ended_at,
                sender=row.sender,
                server=row.server,
                phase=None if row.phase is None else AttemptPhase(row.phase),
                outcome=None if row.outcome is None else AttemptOutcome(row.outcome),
                code=row.code,
                enhanced=row.enhanced,
                answer=row.answer,
            )
        )
    return {delivery_id: tuple(rows) for delivery_id, rows in found.items()}


def last_event_id(connection: Connection) -> int:
    """The number of the newest event; 0 if there is none."""
    return connection.scalar(sa.select(sa.func.max(event.c.id))) or 0


def happened_after(
    connection: Connection, which: Filter, *, event_id: int, limit: int = 500
) -> tuple[tuple[EventRow, DeliveryRow], ...]:
    """Events numbered above ``event_id`` of matching deliveries, oldest first, each with its delivery as it is now."""
    query = happened_after_query(which, event_id=event_id, limit=limit)
    found = connection.execute(query).mappings().all()
    rows = {row.id: row for row in _with_last_attempts(connection, found)}
    return tuple(
        (
            EventRow(row["event_id"], EventKind(row["event_kind"]), row["event_at"], row["id"], row["event_data"]),
            rows[row["id"]],
        )
        for row in found
    )


def happened_after_query(which: Filter, *, event_id: int, limit: int = 500) -> sa.Select[Any]:
    """The statement behind `happened_after`; a test looks at its plan."""
    columns = [event.c[name].label(f"event_{name}") for name in ("id", "kind", "at", "data")]
    return (
        sa.select(*columns, delivery, edition.c.occurrence)
        .join_from(event, delivery, event.c.delivery_id == delivery.c.id)
        .join(edition, delivery.c.edition_id == edition.c.id)
        .where(event.c.id > event_id, *conditions(which))
        .order_by(event.c.id)
        .limit(limit)
    )


def _with_last_attempts(connection: Connection, rows: Sequence[sa.RowMapping]) -> tuple[DeliveryRow, ...]:
    attempts = attempts_of(connection, list({row["id"] for row in rows})) if rows else {}
    return tuple(_delivery(row, attempts[row["id"]][-1] if row["id"] in attempts else None) for row in rows)


def _delivery(row: sa.RowMapping, last_attempt: AttemptRow | None) -> DeliveryRow:
    return DeliveryRow(
        id=row["id"],
        mode=Mode(row["mode"]),
        campaign=row["campaign"],
        occurrence=row["occurrence"],
        edition_id=row["edition_id"],
        contact_id=row["contact_id"],
        address=row["address"],
        variant=Category(row["variant"]),
        state=DeliveryState(row["state"]),
        reason=row["reason"],
        attempts=row["attempts"],
        message_id=row["message_id"],
        time=row["next_attempt_at"],
        not_before=row["not_before"],
        not_after=row["not_after"],
        created_at=row["created_at"],
        settled_at=row["settled_at"],
        resends=row["resends"],
        decided_at=row["decided_at"],
        last_attempt=last_attempt,
    )
