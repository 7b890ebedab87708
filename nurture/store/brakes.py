"""What the brakes ask and do: dead addresses of an edition, few mails first in the first one of all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.schema import delivery, edition, event
from nurture.vocabulary import WAITS_FOR_APPROVAL, DeliveryState, EditionState, EventKind, Mode


@dataclass(frozen=True, slots=True)
class FirstMails:
    """So many mails of an edition with more than ``over`` leave first, the others not before ``until`` (UTC)."""

    over: int
    sends: int
    until: datetime


_DEAD = "hard bounce of delivery "


def dead_key(delivery_id: int) -> str:
    """The dedupe key of the event that says that a delivery's address is dead, however often and by whom we hear it."""
    return f"{_DEAD}{delivery_id}"


def tally(connection: Connection, edition_id: int) -> tuple[int, int]:
    """How many mails of an edition were answered for good since its last approval, and to how many dead addresses."""
    approved_at = connection.scalar(
        sa.select(sa.func.max(event.c.at)).where(
            event.c.edition_id == edition_id, event.c.kind == EventKind.RESUMED, event.c.delivery_id.is_(None)
        )
    )
    settled = delivery.c.state.in_([DeliveryState.SENT, DeliveryState.FAILED])
    if approved_at is not None:
        settled &= delivery.c.settled_at > approved_at
    tried = sa.select(sa.func.count()).where(delivery.c.edition_id == edition_id, settled).scalar_subquery()
    dead = (
        sa.select(sa.func.count())
        .select_from(delivery.join(event, event.c.delivery_id == delivery.c.id))
        .where(
            delivery.c.edition_id == edition_id,
            settled,
            event.c.kind == EventKind.SUPPRESSED,
            # a complaint suppresses, too; and an erasure leaves the key
            event.c.dedupe_key == sa.literal(_DEAD) + sa.cast(delivery.c.id, sa.Text),
        )
        .scalar_subquery()
    )
    row = connection.execute(sa.select(tried, dead)).one()
    return row[0], row[1]


def is_first(connection: Connection, edition_id: int, mode: Mode) -> bool:
    """Whether nothing of another edition could leave in this mode before."""
    other = sa.select(edition.c.id).where(
        edition.c.mode == mode,
        edition.c.id != edition_id,
        edition.c.state.in_([EditionState.READY, EditionState.FINISHED, EditionState.CANCELED]),
        edition.c.held_because.is_distinct_from(WAITS_FOR_APPROVAL),
    )
    return connection.execute(other.limit(1)).first() is None


def begin_anew(connection: Connection, edition_id: int, mode: Mode, first: FirstMails) -> int:
    """`begin_with_few` for an edition that waited for somebody's word, if it is the first of all; how many wait."""
    queued = sa.select(sa.func.count()).where(
        delivery.c.edition_id == edition_id, delivery.c.state == DeliveryState.QUEUED
    )
    if connection.execute(queued).scalar_one() <= first.over or not is_first(connection, edition_id, mode):
        return 0
    return begin_with_few(connection, edition_id, first)


def begin_with_few(connection: Connection, edition_id: int, first: FirstMails) -> int:
    """All but the first mails wait; how many. Their windows end when they did."""
    queued = (delivery.c.edition_id == edition_id) & (delivery.c.state == DeliveryState.QUEUED)
    # as they are claimed
    few = sa.select(delivery.c.id).where(queued).order_by(delivery.c.next_attempt_at, delivery.c.id).limit(first.sends)
    done = connection.execute(
        sa.update(delivery)
        .where(queued, delivery.c.next_attempt_at < first.until, delivery.c.id.not_in(few.cte("few").select()))
        .values(not_before=first.until, next_attempt_at=first.until)
    )
    return done.rowcount
