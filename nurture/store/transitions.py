"""The one way a delivery changes its state: ``UPDATE … WHERE state = expected``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from nurture.store import events
from nurture.store.events import DeliveryKey
from nurture.store.schema import delivery
from nurture.vocabulary import FINAL_STATES, TRANSITIONS, DeliveryState, EventKind

EVENT_OF = {
    DeliveryState.SENT: EventKind.SENT,
    DeliveryState.FAILED: EventKind.FAILED,
    DeliveryState.UNCERTAIN: EventKind.UNCERTAIN,
    DeliveryState.SKIPPED: EventKind.SKIPPED,
    DeliveryState.CANCELED: EventKind.CANCELED,
    DeliveryState.EXPIRED: EventKind.EXPIRED,
    DeliveryState.HELD: EventKind.HELD,
}


def move(
    connection: sa.Connection,
    expected: DeliveryState,
    new: DeliveryState,
    now: datetime,
    *,
    where: sa.ColumnElement[bool],
    values: Mapping[str, Any] | None = None,
    event: EventKind | None = None,
    data: Mapping[str, Any] | None = None,
) -> list[DeliveryKey]:
    """Move the deliveries in state ``expected`` that fit ``where`` to state ``new``.

    ``values`` are further columns to set; ``event`` is recorded for each (by
    default the one named after the new state, none for queued and sending)
    with ``data``. Returns the rows that moved: none, if others were faster.
    Raises ``ValueError`` for a pair that is not in ``vocabulary.TRANSITIONS``.
    """
    if new not in TRANSITIONS[expected]:
        raise ValueError(f"a delivery never goes from {expected} to {new}")
    settled = {"settled_at": now if new in FINAL_STATES else None}
    # an uncertain row keeps its owner and mark: they tell whose answer is missing
    if new not in (DeliveryState.SENDING, DeliveryState.UNCERTAIN):
        settled |= {"owner": None}
    rows = connection.execute(
        sa.update(delivery)
        .where(delivery.c.state == expected, where)
        .values({**settled, "state": new, **(values or {})})
        .returning(delivery.c.id, delivery.c.edition_id, delivery.c.contact_id)
    )
    moved = [DeliveryKey(*row) for row in rows]
    kind = event or EVENT_OF.get(new)
    if kind is not None:
        events.record_many(connection, kind, now, moved, data=data)
    return moved
