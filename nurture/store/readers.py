"""People as the planner sees them: few columns of many, with what the gates ask answered by the database."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.consents import consent_bits
from nurture.store.contacts import ACTIVE
from nurture.store.expressions import one_of_parameter
from nurture.store.schema import contact, contact_category, delivery, organization
from nurture.store.suppressions import suppressed


class Reader(NamedTuple):
    """One person who may get a mail.

    ``categories`` are joined by commas, in any order: a key for what is the same
    for all who have them. ``consents`` are the bits of those that hold. ``taken``:
    the address gets the edition already.
    """

    id: int
    address_hash: str
    organization_id: int | None
    time_zone: str | None
    organization_time_zone: str | None
    categories: str | None
    consents: int | None
    suppressed: int
    taken: int


def meant_ids(connection: Connection, where: sa.ColumnElement[bool], *, after_id: int, limit: int) -> array[int]:
    """The next ids of those who match, neither archived nor erased, ascending; eight bytes each."""
    query = sa.select(contact.c.id).where(ACTIVE, where, contact.c.id > after_id).order_by(contact.c.id).limit(limit)
    return array("q", connection.scalars(query))


def readers_of(
    connection: Connection, ids: Sequence[int], *, on: date, edition_id: int | None, archived: bool = False
) -> list[Reader]:
    """These people, by ascending id, as they are now; erased ones are left out, archived ones without ``archived``.

    ``on`` is the day on which consents must hold. With ``edition_id``, that is in
    a write transaction, they stay so until its end: on PostgreSQL an erasure
    waits, and then finds the rows that were written meanwhile. Without it no
    address is taken. A few thousand ids at most.
    """
    asked = {"ids": ids, "day": on, "in_edition": edition_id}
    question = _question(connection.dialect.name, archived=archived, held=edition_id is not None)
    return list(map(Reader._make, connection.execute(question, asked)))


# Built once: asking about a thousand people takes milliseconds, and so does building.
@cache
def _question(dialect: str, *, archived: bool, held: bool) -> sa.Select[Any]:
    categories = (
        sa.select(sa.func.aggregate_strings(contact_category.c.category, ","))
        .where(contact_category.c.contact_id == contact.c.id)
        .scalar_subquery()
    )
    taken = sa.exists().where(
        delivery.c.edition_id == sa.bindparam("in_edition"), delivery.c.recipient_key == contact.c.address_hash
    )
    question = (
        sa.select(
            contact.c.id,
            contact.c.address_hash,
            contact.c.organization_id,
            contact.c.time_zone,
            organization.c.time_zone,
            categories,
            consent_bits(contact.c.id, on=sa.bindparam("day", type_=sa.Date())),
            suppressed(contact.c.address_hash, contact.c.domain, contact.c.organization_id),
            taken,
        )
        .join_from(contact, organization, contact.c.organization_id == organization.c.id, isouter=True)
        .where(
            one_of_parameter(dialect, contact.c.id, "ids"),
            contact.c.erased_at.is_(None) if archived else ACTIVE,
        )
        .order_by(contact.c.id)
    )
    return question.with_for_update(read=True, of=contact) if held else question
