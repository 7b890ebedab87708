"""What happened, one row each; an input applied twice equals once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from nurture.store.inserting import insert
from nurture.store.schema import event
from nurture.vocabulary import EventKind


class DeliveryKey(NamedTuple):
    """What an event needs to know of a delivery."""

    id: int
    edition_id: int
    contact_id: int | None


def record(
    connection: sa.Connection,
    kind: EventKind,
    now: datetime,
    *,
    delivery_id: int | None = None,
    edition_id: int | None = None,
    contact_id: int | None = None,
    data: Mapping[str, Any] | None = None,
    dedupe_key: str | None = None,
) -> bool:
    """Write one event; False if one with this ``dedupe_key`` is there already."""
    statement = (
        insert(connection, event)
        .values(
            kind=kind,
            at=now,
            delivery_id=delivery_id,
            edition_id=edition_id,
            contact_id=contact_id,
            data=dict(data or {}),
            dedupe_key=dedupe_key,
        )
        .on_conflict_do_nothing(index_elements=["dedupe_key"])
        .returning(event.c.id)  # on PostgreSQL rowcount tells nothing for an INSERT
    )
    return connection.execute(statement).first() is not None


_INSERT = sa.insert(event)


def record_many(
    connection: sa.Connection,
    kind: EventKind,
    now: datetime,
    deliveries: Iterable[DeliveryKey],
    *,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write the same event for many deliveries in one go."""
    record_each(connection, kind, now, [(delivery, data or {}) for delivery in deliveries])


def record_each(
    connection: sa.Connection,
    kind: EventKind,
    now: datetime,
    deliveries: Iterable[tuple[DeliveryKey, Mapping[str, Any]]],
) -> None:
    """Write one event for each of many deliveries, each with its own data."""
    rows = [
        {
            "kind": kind,
            "at": now,
            "delivery_id": delivery.id,
            "edition_id": delivery.edition_id,
            "contact_id": delivery.contact_id,
            "data": dict(data),
        }
        for delivery, data in deliveries
    ]
    if rows:
        connection.execute(_INSERT, rows)
