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


class Transition:
    """One kind of move, its statement built once: building costs more than running it.

    ``where`` may hold bind parameters; ``values`` are further columns to set,
    by an expression or by the bind parameter that is named for them. Raises
    ``ValueError`` for a pair that is not in ``vocabulary.TRANSITIONS``.
    """

    def __init__(
        self,
        expected: DeliveryState,
        new: DeliveryState,
        *,
        where: sa.ColumnElement[bool],
        values: Mapping[str, Any] | None = None,
    ) -> None:
        if new not in TRANSITIONS[expected]:
            raise ValueError(f"a delivery never goes from {expected} to {new}")
        self._is_final = new in FINAL_STATES
        self._event = EVENT_OF.get(new)
        settled: dict[str, Any] = {"settled_at": sa.bindparam("now_settled") if self._is_final else None}
        # a row that others call uncertain keeps its owner: whose answer may still come
        if new not in (DeliveryState.SENDING, DeliveryState.UNCERTAIN):
            settled |= {"owner": None}
        if new is DeliveryState.UNCERTAIN:
            settled |= {"decided_at": None}  # each time anew
        self._statement = (
            sa.update(delivery)
            .where(delivery.c.state == expected, where)
            .values({**settled, "state": new, **(values or {})})
            .returning(delivery.c.id, delivery.c.edition_id, delivery.c.contact_id)
        )

    def run(
        self,
        connection: sa.Connection,
        now: datetime,
        parameters: Mapping[str, Any] | None = None,
        *,
        event: EventKind | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> list[DeliveryKey]:
        """Move the deliveries that are in the expected state and fit; returns them: none, if others were faster.

        ``event`` is recorded for each (by default the one named after the new
        state, none for queued and sending) with ``data``.
        """
        bound = dict(parameters or {})
        if self._is_final:
            bound["now_settled"] = now
        moved = [DeliveryKey(*row) for row in connection.execute(self._statement, bound)]
        kind = event or self._event
        if kind is not None:
            events.record_many(connection, kind, now, moved, data=data)
        return moved


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
    """A `Transition` that is not asked for again: made and run at once."""
    return Transition(expected, new, where=where, values=values).run(connection, now, event=event, data=data)
