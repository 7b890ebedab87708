"""People as the planner sees them: few columns of many, with what the gates ask answered by the database."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.consents import consent_bits
from nurture.store.contacts import ACTIVE
from nurture.store.expressions import one_of_parameter
from nurture.store.schema import UtcDateTime, contact, contact_category, organization
from nurture.store.suppressions import suppressed


class Reader(NamedTuple):
    """One person who may get a mail.

    ``categories`` are joined by commas, in any order: a key for what is the same
    for all who have them. ``consents`` are the bits of those that hold.
    ``addressee`` stands for all who have the address, archived and erased ones
    too; mostly it is the person itself.
    """

    id: int
    addressee: int
    organization_id: int | None
    time_zone: str | None
    organization_time_zone: str | None
    categories: str | None
    consents: int | None
    suppressed: int


def meant_ids(connection: Connection, where: sa.ColumnElement[bool], *, after_id: int, limit: int) -> array[int]:
    """The next ids of those who match, neither archived nor erased, ascending; eight bytes each."""
    query = sa.select(contact.c.id).where(ACTIVE, where, contact.c.id > after_id).order_by(contact.c.id).limit(limit)
    # a server-side cursor on PostgreSQL; SQLite streams by itself
    return array("q", connection.scalars(query.execution_options(stream_results=True, max_row_buffer=1000)))


def everybody(connection: Connection, *, after_id: int, limit: int) -> array[int]:
    """The next ids of all who are neither archived nor erased, ascending."""
    return meant_ids(connection, sa.true(), after_id=after_id, limit=limit)


def readers_of(
    connection: Connection,
    ids: Sequence[int],
    *,
    on: date,
    topic: str,
    plan_began: datetime | None = None,
    archived: bool = False,
) -> list[Reader]:
    """These people, by ascending id, as they are now; erased ones are left out, archived ones without ``archived``.

    ``on`` is the day on which consents must hold, ``topic`` the mail's, which
    some have left. With ``plan_began``, in the plan's write transactions, they stay so until the end of this one; on
    PostgreSQL an erasure waits, and then finds the rows that were written
    meanwhile. A few thousand ids at most.
    """
    question = _question(connection.dialect.name, archived=archived, held=plan_began is not None)
    asked = {"ids": ids, "day": on, "topic": topic, "began": plan_began or datetime.min.replace(tzinfo=UTC)}
    return list(map(Reader._make, connection.execute(question, asked)))


def _addressee() -> sa.ColumnElement[int]:
    """Who stands for an address throughout a plan: who had it alone or first before it began, else the smallest id.

    Households count from 0 within an address. So most contacts need no look for
    others, and whoever comes to an address meanwhile finds the same one.
    """
    same = contact.alias()
    before = sa.bindparam("began", type_=UtcDateTime())
    mates = same.c.address_hash == contact.c.address_hash
    # of those who are not erased, one at most is number 0
    first = sa.select(same.c.id).where(
        mates, same.c.household == 0, same.c.updated_at < before, same.c.erased_at.is_(None)
    )
    smallest = sa.select(sa.func.min(same.c.id)).where(mates)
    return sa.case(
        ((contact.c.household == 0) & (contact.c.updated_at < before), contact.c.id),
        else_=sa.func.coalesce(first.scalar_subquery(), smallest.scalar_subquery()),
    )


# Built once: asking about a thousand people takes milliseconds, and so does building.
@cache
def _question(dialect: str, *, archived: bool, held: bool) -> sa.Select[Any]:
    categories = (
        sa.select(sa.func.aggregate_strings(contact_category.c.category, ","))
        .where(contact_category.c.contact_id == contact.c.id)
        .scalar_subquery()
    )
    question = (
        sa.select(
            contact.c.id,
            _addressee(),
            contact.c.organization_id,
            contact.c.time_zone,
            organization.c.time_zone,
            categories,
            consent_bits(contact.c.id, on=sa.bindparam("day", type_=sa.Date())),
            suppressed(
                contact.c.address_hash,
                contact.c.domain,
                contact.c.organization_id,
                topic=sa.bindparam("topic", type_=sa.Text()),
            ),
        )
        .join_from(contact, organization, contact.c.organization_id == organization.c.id, isouter=True)
        .where(
            one_of_parameter(dialect, contact.c.id, "ids"),
            contact.c.erased_at.is_(None) if archived else ACTIVE,
        )
        .order_by(contact.c.id)
    )
    return question.with_for_update(read=True, of=contact) if held else question
