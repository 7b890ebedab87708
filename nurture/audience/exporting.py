"""Contacts as a CSV file that imports and spreadsheets can read."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from nurture.audience.contacts import ContactFilter, contacts_where
from nurture.audience.private_csv import private_csv
from nurture.store import Store
from nurture.store.contacts import PersonRow, attribute_names, stream_people
from nurture.workspace.workspace import Workspace

_CONTACT: Final = (
    "external_id",
    "address",
    "title",
    "first_name",
    "last_name",
    "role",
    "phone",
    "language",
    "time_zone",
    "country",
    "discharged_on",
    "may_track",
)
_ORGANIZATION: Final = ("phone", "site", "city", "region", "postal_code", "country", "time_zone", "owner")


def export_contacts(
    store: Store, workspace: Workspace, file: Path, which: ContactFilter | None = None, *, now: datetime
) -> int:
    """Write the contacts that fit into ``file`` (mode 0600, an older one is replaced); how many.

    The headers are the fields of imports. Cells that a spreadsheet would
    calculate get an apostrophe, which imports take off again. Raises
    `InputError` if the folder cannot be written.
    """
    which = which or ContactFilter()
    number = 0
    with store.read() as connection:
        where = contacts_where(connection, workspace, which, now=now)
        attributes = attribute_names(connection)
        with private_csv(file) as write:
            organization = [f"org.{name}" for name in _ORGANIZATION]
            write([*_CONTACT, "category", "tags", "organization", *organization, *attributes])
            for person in stream_people(connection, where, archived=which.archived):
                write(_cells(person, attributes))
                number += 1
    return number


def _cells(person: PersonRow, attributes: list[str]) -> list[object]:
    organization = person.organization
    return [
        *(getattr(person, name) for name in _CONTACT),
        ";".join(sorted(person.categories)),
        ";".join(person.tags),
        organization.name if organization else None,
        *(getattr(organization, name) if organization else None for name in _ORGANIZATION),
        *(person.attributes.get(name) for name in attributes),
    ]
