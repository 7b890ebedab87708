"""Counting every mail from three sides: what was planned, what the rows say, what servers answered."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.schema import attempt, delivery, edition
from nurture.vocabulary import AttemptOutcome, DeliveryState, Mode

# RFC 5321 4.2.1: 2yz is a positive completion, here the one after the body. Or somebody found out.
_ACCEPTED = sa.or_(
    sa.and_(attempt.c.outcome == AttemptOutcome.SENT, attempt.c.code.between(200, 299)),
    attempt.c.outcome == AttemptOutcome.ARRIVED,
)
_UNANSWERED = sa.or_(attempt.c.outcome.is_(None), attempt.c.outcome == AttemptOutcome.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class EditionRow:
    """An edition, and the number that was stored when it was planned (None: not planned completely)."""

    id: int
    campaign: str
    occurrence: str
    state: str  # an EditionState, unless the row is damaged
    reason: str | None
    due_at: datetime
    planned: int | None
    held: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryGroup:
    """How many deliveries of an edition are alike, and the first of them.

    ``accepts`` counts each one's attempts that were answered with a 2xx after
    the body, ``resends`` how often it went again after no answer. The flags
    tell what should never be: ``misfiled`` rows carry another mode or campaign
    than their edition, ``unexplained`` ones are skipped without a reason,
    ``nameless`` ones are sent without a Message-ID.
    """

    edition_id: int
    state: str  # a DeliveryState, unless the row is damaged
    accepts: int
    resends: int
    misfiled: bool
    unexplained: bool
    nameless: bool
    count: int
    first_id: int


@dataclass(frozen=True, slots=True)
class MailBounds:
    """How many mails a delivery put into the world: at least ``accepted``, with ``unanswered`` ones perhaps more."""

    message_id: str
    delivery_id: int
    edition_id: int
    accepted: int
    unanswered: int


def editions(connection: Connection, *, mode: Mode, edition_id: int | None = None) -> tuple[EditionRow, ...]:
    """The editions of a mode, or one of them, the latest first."""
    query = sa.select(edition).where(edition.c.mode == mode).order_by(edition.c.due_at.desc(), edition.c.id.desc())
    if edition_id is not None:
        query = query.where(edition.c.id == edition_id)
    return tuple(
        EditionRow(
            id=row.id,
            campaign=row.campaign,
            occurrence=row.occurrence,
            state=row.state,
            reason=row.reason,
            due_at=row.due_at,
            planned=row.planned,
            held=row.held_at is not None,
        )
        for row in connection.execute(query)
    )


def _attempts_where(condition: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    """How many of a delivery's attempts fit."""
    counted = sa.select(sa.func.count()).select_from(attempt).where(attempt.c.delivery_id == delivery.c.id, condition)
    return counted.correlate(delivery).scalar_subquery()


def delivery_groups(connection: Connection, *, mode: Mode, edition_id: int | None = None) -> tuple[DeliveryGroup, ...]:
    """Every delivery of these editions, counted once, in groups of like ones."""
    rows = (
        sa.select(
            delivery.c.id,
            delivery.c.edition_id,
            delivery.c.state,
            _attempts_where(_ACCEPTED).label("accepts"),
            delivery.c.resends,
            sa.or_(delivery.c.mode != edition.c.mode, delivery.c.campaign != edition.c.campaign).label("misfiled"),
            sa.and_(delivery.c.state == DeliveryState.SKIPPED, delivery.c.reason.is_(None)).label("unexplained"),
            sa.and_(delivery.c.state == DeliveryState.SENT, delivery.c.message_id.is_(None)).label("nameless"),
        )
        .join_from(delivery, edition, delivery.c.edition_id == edition.c.id)
        .where(edition.c.mode == mode)
    )
    if edition_id is not None:
        rows = rows.where(edition.c.id == edition_id)
    each = rows.subquery()
    keys = tuple(column for column in each.c if column.name != "id")
    query = sa.select(*keys, sa.func.count().label("deliveries"), sa.func.min(each.c.id).label("first_id")).group_by(
        *keys
    )
    return tuple(
        DeliveryGroup(
            edition_id=row.edition_id,
            state=row.state,
            accepts=row.accepts,
            resends=row.resends,
            misfiled=bool(row.misfiled),
            unexplained=bool(row.unexplained),
            nameless=bool(row.nameless),
            count=row.deliveries,
            first_id=row.first_id,
        )
        for row in connection.execute(query)
    )


def mail_bounds(connection: Connection, *, mode: Mode, edition_id: int | None = None) -> Iterator[MailBounds]:
    """For every delivery that was ever tried: how many mails there may be, from its attempts. Flat memory."""
    # two look-ups for each delivery; a join with GROUP BY would sort them all
    query = sa.select(
        delivery.c.message_id,
        delivery.c.id,
        delivery.c.edition_id,
        _attempts_where(_ACCEPTED).label("accepted"),
        _attempts_where(_UNANSWERED).label("unanswered"),
    ).where(delivery.c.mode == mode, delivery.c.message_id.is_not(None))
    if edition_id is not None:
        query = query.where(delivery.c.edition_id == edition_id)
    for row in connection.execute(query.execution_options(yield_per=1000)):
        yield MailBounds(row.message_id, row.id, row.edition_id, row.accepted, row.unanswered)


def state_counts(connection: Connection, *, mode: Mode, states: Collection[DeliveryState]) -> dict[DeliveryState, int]:
    """How many deliveries are in each of these states; those without any are left out.

    Only they are counted, so it does not grow with what was sent long ago.
    """
    query = sa.select(delivery.c.state, sa.func.count()).where(delivery.c.mode == mode, delivery.c.state.in_(states))
    return {DeliveryState(row[0]): row[1] for row in connection.execute(query.group_by(delivery.c.state))}
