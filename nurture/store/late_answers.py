"""A yes that comes when its try was given up already: the mail is in the world, so its delivery is sent.

That takes a worker that was cut off from the database for long, while others
took it for dead and its mail was queued again or settled by hand.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from nurture.store.schema import attempt, delivery
from nurture.store.transitions import move
from nurture.vocabulary import AttemptOutcome, DeliveryState

_SAID_YES = attempt.c.outcome == AttemptOutcome.SENT
_ASKED = sa.select(attempt.c.id).where(attempt.c.delivery_id == sa.bindparam("asked_id"), _SAID_YES).limit(1)

# A mail of another worker that is marked is under way; whatever its answer, `attempts.settle` then looks here.
_OPEN = (delivery.c.state != DeliveryState.SENDING) | delivery.c.marked_at.is_(None)
_OVERRULED = (
    DeliveryState.QUEUED,
    DeliveryState.HELD,
    DeliveryState.SENDING,
    DeliveryState.UNCERTAIN,
    DeliveryState.FAILED,
    DeliveryState.SKIPPED,
    DeliveryState.CANCELED,
    DeliveryState.EXPIRED,
)


def has_yes(connection: sa.Connection, delivery_id: int) -> bool:
    """Whether a server took the mail in any of its tries."""
    return connection.execute(_ASKED, {"asked_id": delivery_id}).first() is not None


def win(connection: sa.Connection, delivery_id: int, now: datetime, *, data: Mapping[str, Any]) -> bool:
    """Make a delivery with a yes sent, whatever became of it; False: it is sent, or on its way once more."""
    values = {"reason": None, "attempts": delivery.c.attempts + 1}
    return any(
        move(
            connection,
            state,
            DeliveryState.SENT,
            now,
            where=(delivery.c.id == delivery_id) & _OPEN,
            values=values,
            data=data,
        )
        for state in _OVERRULED
    )


def win_uncertain(connection: sa.Connection, delivery_ids: Collection[int], now: datetime) -> set[int]:
    """Those of these uncertain deliveries that an earlier try makes sent; their ids."""
    yes = sa.exists().where(attempt.c.delivery_id == delivery.c.id, _SAID_YES)
    where = delivery.c.id.in_(list(delivery_ids)) & yes
    data = {"reason": "an earlier try was answered with yes"}
    moved = move(
        connection, DeliveryState.UNCERTAIN, DeliveryState.SENT, now, where=where, values={"reason": None}, data=data
    )
    return {row.id for row in moved}
