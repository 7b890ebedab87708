"""Organizations: the partners that contacts belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.expressions import one_of
from nurture.store.inserting import insert_all
from nurture.store.schema import organization


@dataclass(frozen=True, slots=True)
class OrganizationRow:
    """One organization. Instants are UTC."""

    id: int
    name: str
    name_key: str
    phone: str | None
    site: str | None
    city: str | None
    region: str | None
    postal_code: str | None
    country: str | None
    time_zone: str | None
    owner: str | None
    attributes: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


def name_key(name: str) -> str:
    """What two spellings of one name have in common: case and blanks do not count."""
    return " ".join(name.casefold().split())


def organizations_by_name(connection: Connection, name_keys: Sequence[str]) -> dict[str, OrganizationRow]:
    """The organizations with these keys (see `name_key`), by key."""
    rows = connection.execute(sa.select(organization).where(one_of(connection, organization.c.name_key, name_keys)))
    return {row["name_key"]: OrganizationRow(**row) for row in rows.mappings()}


def add_organizations(connection: Connection, rows: Iterable[Mapping[str, Any]], *, now: datetime) -> dict[str, int]:
    """Make organizations from columns by name (``name`` is needed); their ids by name key.

    One that is there already stays as it is; its id comes back.
    """
    values = {name_key(row["name"]): {"attributes": {}, **row, "name_key": name_key(row["name"])} for row in rows}
    known = organizations_by_name(connection, list(values))
    new = [columns for key, columns in values.items() if key not in known]
    if new:
        insert_all(connection, organization, new, same={"created_at": now, "updated_at": now})
    found = sa.select(organization.c.name_key, organization.c.id).where(
        one_of(connection, organization.c.name_key, values)
    )
    return {row.name_key: row.id for row in connection.execute(found)}


def change_organization(connection: Connection, identifier: int, changes: Mapping[str, Any], *, now: datetime) -> None:
    """Write new values into columns of one organization."""
    connection.execute(sa.update(organization).where(organization.c.id == identifier).values(**changes, updated_at=now))
