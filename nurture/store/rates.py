"""What came back of editions, counted by mail: who read, followed a link, answered, as far as anybody can know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.schema import delivery, event
from nurture.store.visits import VISITOR, by_reader
from nurture.vocabulary import DeliveryState, EventKind, Tracked, Visitor


@dataclass(frozen=True, slots=True)
class Mails:
    """Mails of an edition that a server took; ``tracked`` tell who opened them, ``shared`` only that somebody did."""

    sent: int
    tracked: int
    shared: int


@dataclass(frozen=True, slots=True)
class TouchedMails:
    """How many mails of an edition were touched alike: surely by the reader, or perhaps (by a program for it)."""

    edition_id: int
    opened: bool
    may_be_opened: bool
    clicked: bool
    may_be_clicked: bool
    replied: bool
    count: int


def mails_of(connection: Connection, edition_ids: Sequence[int]) -> dict[int, Mails]:
    """The mails of these editions."""
    what = delivery.c["values"]["tracked"].as_string()
    query = (
        sa.select(
            delivery.c.edition_id,
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(sa.case((what == Tracked.PERSON.value, 1), else_=0)), 0),
            sa.func.coalesce(sa.func.sum(sa.case((what == Tracked.EDITION.value, 1), else_=0)), 0),
        )
        .where(delivery.c.edition_id.in_(list(edition_ids)), delivery.c.state == DeliveryState.SENT)
        .group_by(delivery.c.edition_id)
    )
    return {row[0]: Mails(row[1], int(row[2]), int(row[3])) for row in connection.execute(query)}


def touched(connection: Connection, edition_ids: Sequence[int]) -> tuple[TouchedMails, ...]:
    """Mails of these editions that anything came back of."""
    possible = sa.or_(
        VISITOR.in_([Visitor.MAIL_PROXY, Visitor.PRIVACY_RELAY]),
        sa.and_(VISITOR == Visitor.SCANNER, sa.not_(event.c.data["sure"].as_boolean())),
    )
    opened, clicked = event.c.kind == EventKind.OPENED, event.c.kind == EventKind.CLICKED
    flags = {
        "opened": sa.and_(opened, by_reader(EventKind.OPENED)),
        "may_be_opened": sa.and_(opened, possible),
        "clicked": sa.and_(clicked, by_reader(EventKind.CLICKED)),
        "may_be_clicked": sa.and_(clicked, possible),
        "replied": event.c.kind == EventKind.REPLIED,
    }
    each = (
        sa.select(
            event.c.edition_id,
            *(sa.func.max(sa.case((condition, 1), else_=0)).label(name) for name, condition in flags.items()),
        )
        .where(
            event.c.edition_id.in_(list(edition_ids)),
            event.c.kind.in_([EventKind.OPENED, EventKind.CLICKED, EventKind.REPLIED]),
            event.c.delivery_id.is_not(None),
        )
        .group_by(event.c.edition_id, event.c.delivery_id)
        .subquery()
    )
    query = sa.select(*each.c, sa.func.count()).group_by(*each.c)
    return tuple(
        TouchedMails(row[0], bool(row[1]), bool(row[2]), bool(row[3]), bool(row[4]), bool(row[5]), row[6])
        for row in connection.execute(query)
    )


def shared_opens(connection: Connection, edition_ids: Sequence[int]) -> dict[int, int]:
    """How many different visitors, scanners and the clinic's own aside, opened mails with the pixel that all share."""
    query = (
        sa.select(event.c.edition_id, sa.func.count())
        .where(
            event.c.edition_id.in_(list(edition_ids)),
            event.c.kind == EventKind.OPENED,
            event.c.delivery_id.is_(None),
            VISITOR.not_in([Visitor.SCANNER, Visitor.OWN_OFFICE]),
        )
        .group_by(event.c.edition_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}
