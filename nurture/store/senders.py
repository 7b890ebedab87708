"""Senders that a server refused: no dialing until a time, longer each time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from nurture.store.inserting import insert
from nurture.store.schema import attempt, delivery, sender_state
from nurture.vocabulary import AttemptOutcome, DeliveryState, Mode

_LATER = attempt.alias()
# of a delivery: its last try ended with a stop of the sender
_MET_A_STOP = sa.select(attempt.c.id).where(
    attempt.c.delivery_id == delivery.c.id,
    attempt.c.outcome == AttemptOutcome.STOPPED,
    ~sa.exists().where(_LATER.c.delivery_id == attempt.c.delivery_id, _LATER.c.number > attempt.c.number),
)


@dataclass(frozen=True, slots=True)
class StoppedSender:
    """A sender that must not dial before ``until``."""

    sender: str
    until: datetime
    stops: int  # in a row, without a success between
    reason: str


def stops_in_a_row(connection: sa.Connection, mode: Mode, sender: str) -> int:
    """How often the sender was stopped since its last success."""
    return (
        connection.execute(
            sa.select(sender_state.c.stops).where(sender_state.c.mode == mode, sender_state.c.sender == sender)
        ).scalar_one_or_none()
        or 0
    )


def stop(connection: sa.Connection, mode: Mode, sender: str, *, until: datetime, stops: int, reason: str) -> None:
    """Stop a sender until then; ``stops`` counts this one."""
    values = {"stopped_until": until, "stops": stops, "reason": reason}
    connection.execute(
        insert(connection, sender_state)
        .values(mode=mode, sender=sender, **values)
        .on_conflict_do_update(index_elements=["mode", "sender"], set_=values)
    )


_CLEAR = sa.delete(sender_state).where(
    sender_state.c.mode == sa.bindparam("stopped_mode"),
    sender_state.c.sender == sa.bindparam("stopped_sender"),
    sa.or_(sender_state.c.stopped_until.is_(None), sender_state.c.stopped_until <= sa.bindparam("present")),
)


def clear(connection: sa.Connection, mode: Mode, sender: str, now: datetime) -> bool:
    """The server took a mail again; True if the sender had been stopped.

    A stop that is in force stays: the mail was on its way when it came.
    """
    parameters = {"stopped_mode": mode, "stopped_sender": sender, "present": now}
    return connection.execute(_CLEAR, parameters).rowcount > 0


def stopped(connection: sa.Connection, mode: Mode, now: datetime) -> tuple[StoppedSender, ...]:
    """The senders that must not dial now, by name."""
    rows = connection.execute(
        sa.select(sender_state)
        .where(sender_state.c.mode == mode, sender_state.c.stopped_until > now)
        .order_by(sender_state.c.sender)
    )
    return tuple(StoppedSender(row.sender, row.stopped_until, row.stops, row.reason or "") for row in rows)


def wake(connection: sa.Connection, sender: str | None = None, *, now: datetime) -> int:
    """Let a stopped sender (or all) dial at once, after somebody mended the cause; how many.

    The mails that met the stop waited for its end; they are due ``now``.
    """
    waiting = sa.update(sender_state).where(sender_state.c.stopped_until.is_not(None))
    met = _MET_A_STOP
    if sender is not None:
        waiting = waiting.where(sender_state.c.sender == sender)
        met = met.where(attempt.c.sender == sender)
    woken = connection.execute(waiting.values(stopped_until=None)).rowcount
    if woken:
        connection.execute(
            sa.update(delivery)
            .where(
                delivery.c.mode.in_(list(Mode)),  # for the index
                delivery.c.state == DeliveryState.QUEUED,
                delivery.c.next_attempt_at > now,
                delivery.c.not_before <= now,
                met.exists(),
            )
            .values(next_attempt_at=now)
        )
    return woken
