"""What readers have got so far, asked for many at once: the planner's questions.

All of it is about one mode. Lists of ids may have a few thousand entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.contacts import PersonRow
from nurture.store.schema import contact, delivery, edition
from nurture.vocabulary import WAITING_STATES, DeliveryState, Intent, Mode

_ARRIVED = (DeliveryState.SENT, DeliveryState.UNCERTAIN)


def present_people(connection: Connection, people: Sequence[PersonRow]) -> list[PersonRow]:
    """Those of the people who are still neither archived nor erased, with the address they have now.

    Inside a write transaction they stay so until its end: on PostgreSQL an
    erasure waits, and then finds the rows that were written meanwhile.
    """
    query = sa.select(contact.c.id, contact.c.address, contact.c.address_hash, contact.c.domain).where(
        contact.c.id.in_([person.id for person in people]),
        contact.c.archived_at.is_(None),
        contact.c.erased_at.is_(None),
    )
    now = {row[0]: row for row in connection.execute(query.with_for_update(read=True))}
    return [
        person
        if now[person.id].address_hash == person.address_hash
        else replace(
            person,
            address=now[person.id].address,
            address_hash=now[person.id].address_hash,
            domain=now[person.id].domain,
        )
        for person in people
        if person.id in now
    ]


def addresses_taken(connection: Connection, edition_id: int, address_hashes: Sequence[str]) -> set[str]:
    """Those of the address hashes that get this edition already."""
    query = sa.select(delivery.c.recipient_key).where(
        delivery.c.edition_id == edition_id, delivery.c.recipient_key.in_(address_hashes)
    )
    return set(connection.execute(query).scalars())


def last_received(
    connection: Connection, contact_ids: Sequence[int], *, mode: Mode, since: datetime, now: datetime, but: int | None
) -> dict[int, datetime]:
    """When each contact's last mail left, not before ``since``; who had none is left out.

    A mail that still waits counts as leaving at its time, at the earliest now.
    The edition ``but`` does not count.
    """
    settled = delivery.c.settled_at
    query = sa.select(delivery.c.contact_id, settled, delivery.c.not_before).where(
        delivery.c.contact_id.in_(contact_ids),
        delivery.c.mode == mode,
        sa.or_(
            sa.and_(settled >= since, delivery.c.state.in_(_ARRIVED)),
            sa.and_(
                settled.is_(None),
                delivery.c.state.in_(WAITING_STATES),
                # one whose time went by will expire
                sa.or_(delivery.c.not_after >= now, delivery.c.state == DeliveryState.SENDING),
            ),
        ),
    )
    if but is not None:
        query = query.where(delivery.c.edition_id != but)
    found: dict[int, datetime] = {}
    for contact_id, settled_at, not_before in connection.execute(query):
        at = settled_at or max(not_before, now)
        found[contact_id] = max(at, found.get(contact_id, at))
    return found


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
