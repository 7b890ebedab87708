"""Reading contacts: one frozen row per person, with organization, categories and tags."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.expressions import one_of
from nurture.store.organizations import OrganizationRow
from nurture.store.schema import contact, contact_category, contact_tag, organization
from nurture.vocabulary import Category

CHUNK = 1000  # people per query for categories and tags; flat memory, few round trips


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A contact with all that decisions and templates need. Instants are UTC.

    ``address``, ``address_key`` and ``domain`` are None only after erasure.
    """

    id: int
    external_id: str | None
    address: str | None
    address_key: str | None
    address_hash: str
    domain: str | None
    household: int
    title: str | None
    first_name: str | None
    last_name: str | None
    role: str | None
    phone: str | None
    language: str | None
    time_zone: str | None
    country: str | None
    discharged_on: date | None
    mail_gap: int | None
    paused_until: date | None
    may_track: bool | None
    organization_id: int | None
    organization: OrganizationRow | None
    attributes: Mapping[str, Any]
    categories: frozenset[Category]
    tags: tuple[str, ...]
    imported_from: str | None
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    erased_at: datetime | None

    @property
    def full_name(self) -> str:
        """The name with its title, as far as it is known; else empty."""
        return " ".join(filter(None, (self.title, self.first_name, self.last_name)))


ACTIVE = sa.and_(contact.c.archived_at.is_(None), contact.c.erased_at.is_(None))

_ORGANIZATION = [column.label(f"organization_{column.name}") for column in organization.c if column.name != "id"]
_PEOPLE = sa.select(*contact.c, *_ORGANIZATION).join_from(
    contact, organization, contact.c.organization_id == organization.c.id, isouter=True
)
_BY_ID = _PEOPLE.where(contact.c.id.in_(sa.bindparam("ids", expanding=True))).order_by(contact.c.id)
_CONTACT_NAMES = tuple(contact.c.keys())
_ORGANIZATION_NAMES = tuple(column.name for column in organization.c if column.name != "id")


def stream_people(
    connection: Connection,
    where: sa.ColumnElement[bool],
    *,
    after_id: int = 0,
    limit: int | None = None,
    archived: bool = False,
) -> Iterator[PersonRow]:
    """The people that match, by ascending id, in flat memory.

    ``where`` is an expression over ``store.schema.contact``. Erased people never
    come, archived ones only with ``archived``. To go on where one stopped, pass
    the last id as ``after_id``. Use it inside ``with store.read()`` and write
    through another connection.
    """
    alive = contact.c.erased_at.is_(None) if archived else ACTIVE
    query = _PEOPLE.where(alive, where).order_by(contact.c.id)
    if after_id:
        query = query.where(contact.c.id > after_id)
    if limit is not None:
        query = query.limit(limit)
    # a server-side cursor on PostgreSQL; SQLite streams by itself
    rows = iter(connection.execute(query.execution_options(stream_results=True, max_row_buffer=CHUNK)))
    while chunk := list(islice(rows, CHUNK)):
        yield from _people(connection, chunk)


def count_people(connection: Connection, where: sa.ColumnElement[bool]) -> int:
    """How many people match: not archived, not erased."""
    return connection.scalar(sa.select(sa.func.count()).select_from(contact).where(ACTIVE, where)) or 0


def count_at_domains(connection: Connection, *, within: Collection[str]) -> int:
    """How many people, not archived, have addresses at these domains or below them."""
    below = [contact.c.domain.endswith(f".{domain}", autoescape=True) for domain in within]
    return count_people(connection, sa.or_(contact.c.domain.in_(list(within)), *below))


def categories_of(connection: Connection, where: sa.ColumnElement[bool]) -> frozenset[Category]:
    """All categories that anybody has who matches: not archived, not erased."""
    query = (
        sa.select(contact_category.c.category)
        .distinct()
        .join(contact, contact.c.id == contact_category.c.contact_id)
        .where(ACTIVE, where)
    )
    return frozenset(map(Category, connection.scalars(query)))


def matches(connection: Connection, contact_id: int, where: sa.ColumnElement[bool]) -> bool:
    """Whether the condition holds for one contact, archived or not."""
    return (
        connection.scalar(sa.select(sa.literal(1)).select_from(contact).where(contact.c.id == contact_id, where))
        is not None
    )


def people_by_id(connection: Connection, ids: Sequence[int]) -> dict[int, PersonRow]:
    """The contacts with these ids, archived and erased ones too. At most a few thousand at once."""
    rows = connection.execute(_BY_ID, {"ids": list(ids)}).all()
    return {person.id: person for person in _people(connection, rows)}


def people_by_address(connection: Connection, address_keys: Sequence[str]) -> dict[int, PersonRow]:
    """Everybody who has one of these addresses (households have several), by contact id."""
    return _find(connection, one_of(connection, contact.c.address_key, address_keys))


def people_by_external_id(connection: Connection, external_ids: Sequence[str]) -> dict[int, PersonRow]:
    """Everybody who has one of the clinic's own numbers, by contact id."""
    return _find(connection, one_of(connection, contact.c.external_id, external_ids))


def attribute_names(connection: Connection) -> list[str]:
    """All custom attributes that any contact has, by name."""
    if connection.dialect.name == "sqlite":
        query = "SELECT DISTINCT key FROM contact, json_each(contact.attributes)"
    else:
        query = "SELECT DISTINCT jsonb_object_keys(attributes) FROM contact"
    return sorted(connection.scalars(sa.text(query)))


def _find(connection: Connection, where: sa.ColumnElement[bool]) -> dict[int, PersonRow]:
    rows = connection.execute(_PEOPLE.where(where).order_by(contact.c.id)).all()
    return {person.id: person for person in _people(connection, rows)}


def _people(connection: Connection, rows: Sequence[sa.Row[Any]]) -> Iterator[PersonRow]:
    if not rows:
        return
    ids = [row.id for row in rows]
    categories = _grouped(connection, contact_category.c.contact_id, contact_category.c.category, ids)
    tags = _grouped(connection, contact_tag.c.contact_id, contact_tag.c.tag, ids)
    for row in rows:
        own, organization_values = row[: len(contact.c)], row[len(contact.c) :]
        yield PersonRow(
            **dict(zip(_CONTACT_NAMES, own, strict=True)),
            organization=_organization(row.organization_id, organization_values),
            categories=frozenset(map(Category, categories.get(row.id, ()))),
            tags=tuple(sorted(tags.get(row.id, ()))),
        )


def _organization(identifier: int | None, values: Sequence[Any]) -> OrganizationRow | None:
    if identifier is None:
        return None
    return OrganizationRow(id=identifier, **dict(zip(_ORGANIZATION_NAMES, values, strict=True)))


def _grouped(
    connection: Connection, owner: sa.Column[int], value: sa.Column[str], ids: Sequence[int]
) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for identifier, text in connection.execute(sa.select(owner, value).where(one_of(connection, owner, ids))):
        found.setdefault(identifier, []).append(text)
    return found
