"""What readers have got so far, asked for many at once: the planner's questions.

All of it is about one mode. Lists of ids may have a few thousand entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.expressions import one_of, one_of_parameter
from nurture.store.schema import UtcDateTime, delivery, edition
from nurture.vocabulary import WAITING_STATES, DeliveryState, EditionState, Intent, Mode

_ARRIVED = (DeliveryState.SENT, DeliveryState.UNCERTAIN)


def addressees_taken(connection: Connection, edition_id: int, addressees: Sequence[int]) -> set[int]:
    """Those of the addressees whose address gets this edition already."""
    query = sa.select(delivery.c.addressee).where(
        delivery.c.edition_id == edition_id, one_of(connection, delivery.c.addressee, addressees)
    )
    return set(connection.scalars(query)) if addressees else set()


def last_received(
    connection: Connection, contact_ids: Sequence[int], *, mode: Mode, since: datetime, now: datetime, but: int | None
) -> dict[int, datetime]:
    """When each contact's last mail left, not before ``since``; who had none is left out.

    A mail that still waits counts as leaving at its time, at the earliest now.
    The edition ``but`` does not count. Only editions that are not finished, or
    were not yet then, can have such mails; they are asked one by one.
    """
    # who had a mail in hand when his edition ended settles it a little later
    asked_editions = {"in_mode": mode, "ended_since": since - timedelta(days=1)}
    editions = [found for found in connection.scalars(_UNFINISHED, asked_editions) if found != but]
    if not editions:
        return {}
    asked = {"editions": editions, "ids": contact_ids, "since": since, "present": now}
    found: dict[int, datetime] = {}
    for contact_id, settled_at, not_before in connection.execute(_received(connection.dialect.name), asked):
        at = settled_at or max(not_before, now)
        found[contact_id] = max(at, found.get(contact_id, at))
    return found


# Asked for with every page of a plan: building them takes longer than asking.
_UNFINISHED = sa.select(edition.c.id).where(
    edition.c.mode == sa.bindparam("in_mode"),
    edition.c.state.not_in([EditionState.MISSED, EditionState.SKIPPED]),
    edition.c.finished_at.is_(None) | (edition.c.finished_at >= sa.bindparam("ended_since")),
)


@cache
def _received(dialect: str) -> sa.Select[Any]:
    settled, present = delivery.c.settled_at, sa.bindparam("present", type_=UtcDateTime)
    # one whose time went by will expire
    waits = delivery.c.state.in_(WAITING_STATES) & (
        (delivery.c.not_after >= present) | (delivery.c.state == DeliveryState.SENDING)
    )
    return sa.select(delivery.c.contact_id, settled, delivery.c.not_before).where(
        delivery.c.edition_id.in_(sa.bindparam("editions", expanding=True)),
        one_of_parameter(dialect, delivery.c.contact_id, "ids"),
        ((settled >= sa.bindparam("since")) & delivery.c.state.in_(_ARRIVED)) | (settled.is_(None) & waits),
    )


def gives_since_ask(
    connection: Connection, organization_ids: Sequence[int], *, mode: Mode, but: int | None
) -> dict[int, int]:
    """How many editions of use each organization got since the last one that asked for something.

    An ask that still waits counts, a give only when it was sent (or may have
    been). Organizations without any are left out.
    """
    mine = sa.and_(delivery.c.organization_id.in_(organization_ids), delivery.c.mode == mode)
    if but is not None:
        mine = sa.and_(mine, delivery.c.edition_id != but)
    joined = sa.join(delivery, edition, delivery.c.edition_id == edition.c.id)
    asked = (
        sa.select(delivery.c.organization_id, sa.func.max(edition.c.due_at).label("at"))
        .select_from(joined)
        .where(mine, edition.c.intent == Intent.ASK, delivery.c.state.in_([*_ARRIVED, *WAITING_STATES]))
        .group_by(delivery.c.organization_id)
        .subquery()
    )
    gives = (
        sa.select(delivery.c.organization_id, sa.func.count(edition.c.id.distinct()))
        .select_from(joined.join(asked, asked.c.organization_id == delivery.c.organization_id, isouter=True))
        .where(
            mine,
            edition.c.intent == Intent.GIVE,
            delivery.c.state.in_(_ARRIVED),
            sa.or_(asked.c.at.is_(None), edition.c.due_at > asked.c.at),
        )
        .group_by(delivery.c.organization_id)
    )
    return {row[0]: row[1] for row in connection.execute(gives)}
