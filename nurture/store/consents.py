"""Consents: what a person allowed, how we know it, until when."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.contact_changes import insert_for_contacts
from nurture.store.expressions import one_of
from nurture.store.schema import consent, contact, organization
from nurture.vocabulary import CONSENT_BITS, ConsentKind

_KIND_OF_BIT = {bit: kind for kind, bit in CONSENT_BITS.items()}


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """One recorded consent; ``expires_on`` is its last day. ``withdrawn_at`` and ``recorded_at`` are UTC instants."""

    contact_id: int
    kind: ConsentKind
    source: str
    obtained_on: date
    expires_on: date | None
    withdrawn_at: datetime | None
    recorded_at: datetime
    until: date | None = None  # the last day that was agreed; `expires_on` is the day that counts

    def holds(self, on: date) -> bool:
        """Whether it still allows mail on that day; the day of expiry is the last one."""
        return self.withdrawn_at is None and (self.expires_on is None or self.expires_on >= on)


def consent_holds(
    contact_id: sa.ColumnElement[int], mask: sa.ColumnElement[int], *, on: date
) -> sa.ColumnElement[bool]:
    """For WHERE: no consent is needed (``mask`` 0), or one of those in ``mask`` holds on that day."""
    held = sa.exists().where(consent.c.contact_id == contact_id, consent.c.kind_bit.bitwise_and(mask) != 0, _holds(on))
    return sa.or_(mask == 0, held)


def consent_bits(contact_id: sa.ColumnElement[int], *, on: sa.BindParameter[date]) -> sa.ScalarSelect[int]:
    """For SELECT: the bits of all of a contact's consents that hold on that day; null if none does."""
    # every kind is a bit of its own, so a sum of different ones is their union
    return (
        sa.select(sa.func.sum(consent.c.kind_bit.distinct()))
        .where(consent.c.contact_id == contact_id, _holds(on))
        .scalar_subquery()
    )


def _holds(on: date | sa.BindParameter[date]) -> sa.ColumnElement[bool]:
    return consent.c.withdrawn_at.is_(None) & (consent.c.expires_on.is_(None) | (consent.c.expires_on >= on))


def consents_of(connection: Connection, contact_ids: Sequence[int]) -> dict[int, tuple[ConsentRow, ...]]:
    """Every consent ever recorded, oldest first, by contact; who has none is left out."""
    query = (
        sa.select(consent)
        .where(one_of(connection, consent.c.contact_id, contact_ids))
        .order_by(consent.c.contact_id, consent.c.obtained_on, consent.c.id)
    )
    found: dict[int, list[ConsentRow]] = {}
    for row in connection.execute(query):
        found.setdefault(row.contact_id, []).append(
            ConsentRow(
                contact_id=row.contact_id,
                kind=_KIND_OF_BIT[row.kind_bit],
                source=row.source,
                obtained_on=row.obtained_on,
                expires_on=row.expires_on,
                withdrawn_at=row.withdrawn_at,
                recorded_at=row.recorded_at,
                until=row.until,
            )
        )
    return {contact_id: tuple(rows) for contact_id, rows in found.items()}


def record_consents(connection: Connection, rows: Sequence[ConsentRow]) -> None:
    """Write consents; those whose (contact, kind, source, day) is recorded already stay as they are."""
    owners: dict[tuple[Any, ...], list[int]] = {}
    for row in rows:
        values = (row.kind, row.source, row.obtained_on, row.expires_on, row.withdrawn_at, row.recorded_at, row.until)
        owners.setdefault(values, []).append(row.contact_id)
    names = ("kind_bit", "source", "obtained_on", "expires_on", "withdrawn_at", "recorded_at", "until")
    insert_for_contacts(
        connection,
        consent,
        [(dict(zip(names, (CONSENT_BITS[kind], *rest), strict=True)), ids) for (kind, *rest), ids in owners.items()],
    )


def renew_ends(
    connection: Connection,
    last_day: Callable[[ConsentKind, date, str | None, date | None], date | None],
    *,
    countries: Collection[str] | None,
    contact_ids: Sequence[int] | None = None,
    organization_ids: Sequence[int] = (),
) -> int:
    """Set the last day of consents anew; how many changed.

    ``last_day`` says it by kind, day, the person's country (or its organization's) and what was agreed. ``countries``
    are those for which it may say another day than what was agreed; None: all. With ``contact_ids`` only theirs, and
    those of the people of ``organization_ids``.
    """
    country = sa.func.coalesce(contact.c.country, organization.c.country)
    may_differ = sa.true() if countries is None else country.in_(list(countries))
    query = (
        sa.select(consent.c.id, consent.c.kind_bit, consent.c.obtained_on, consent.c.until, consent.c.expires_on)
        .add_columns(country.label("country"))
        .join_from(consent, contact, consent.c.contact_id == contact.c.id)
        .join(organization, contact.c.organization_id == organization.c.id, isouter=True)
        .where(may_differ | consent.c.expires_on.is_distinct_from(consent.c.until))
    )
    if contact_ids is not None:
        theirs = one_of(connection, consent.c.contact_id, contact_ids)
        members = sa.select(contact.c.id).where(one_of(connection, contact.c.organization_id, organization_ids))
        query = query.where(theirs | consent.c.contact_id.in_(members) if organization_ids else theirs)
    changed = []
    for row in connection.execute(query):
        day = last_day(_KIND_OF_BIT[row.kind_bit], row.obtained_on, row.country, row.until)
        if day != row.expires_on:
            changed.append({"consent_id_": row.id, "day_": day})
    if changed:
        one = sa.update(consent).where(consent.c.id == sa.bindparam("consent_id_"))
        connection.execute(one.values(expires_on=sa.bindparam("day_", type_=sa.Date())), changed)
    return len(changed)


def withdraw_consents(connection: Connection, contact_id: int, now: datetime) -> int:
    """Withdraw all that hold; how many they were."""
    return connection.execute(
        sa.update(consent)
        .where(consent.c.contact_id == contact_id, consent.c.withdrawn_at.is_(None))
        .values(withdrawn_at=now)
    ).rowcount
