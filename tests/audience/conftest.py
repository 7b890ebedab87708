"""People for the tests of this part."""

import csv
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from nurture.address import address_hash
from nurture.audience.imports import ImportDiff, ImportResult, apply_import, diff_import, import_order
from nurture.store import Connection, Store
from nurture.store.contacts import PersonRow, stream_people
from nurture.store.organizations import add_organizations, name_key
from nurture.store.schema import contact, contact_category, contact_tag, delivery, edition, event
from nurture.workspace.workspace import Workspace, load_workspace

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SECRET = b"only for tests"

AddContact = Callable[..., int]


@pytest.fixture
def add_person() -> AddContact:
    """Writes one contact straight into the tables and returns its id."""

    def add(
        connection: Connection,
        address: str,
        *,
        categories: Iterable[str] = (),
        tags: Iterable[str] = (),
        organization: Mapping[str, Any] | None = None,
        **columns: Any,
    ) -> int:
        organization_id = None
        if organization is not None:
            found = add_organizations(connection, [organization], now=NOW)
            organization_id = found[name_key(organization["name"])]
        values = {
            "address": address,
            "address_key": address.casefold(),
            "address_hash": address_hash(address.casefold(), SECRET),
            "domain": address.rpartition("@")[2].casefold(),
            "attributes": {},
            "organization_id": organization_id,
            "created_at": NOW,
            "updated_at": NOW,
            **columns,
        }
        identifier = connection.execute(sa.insert(contact).values(values).returning(contact.c.id)).scalar_one()
        if categories:
            connection.execute(
                sa.insert(contact_category), [{"contact_id": identifier, "category": name} for name in categories]
            )
        if tags:
            connection.execute(sa.insert(contact_tag), [{"contact_id": identifier, "tag": tag} for tag in tags])
        return identifier

    return add


@pytest.fixture
def add_delivery() -> Callable[..., int]:
    """Writes one delivery (and its edition) of a contact, with events, and returns its id."""

    def add(
        connection: Connection,
        contact_id: int,
        *,
        campaign: str = "partner-news",
        state: str = "sent",
        mode: str = "sandbox",
        at: datetime = NOW,
        events: Iterable[str] = (),
        visitor: str = "person",
        **columns: Any,
    ) -> int:
        number = connection.scalar(sa.select(sa.func.count()).select_from(edition))
        edition_id = connection.execute(
            sa.insert(edition)
            .values(
                mode=mode,
                campaign=campaign,
                occurrence=str(number),
                kind="newsletter",
                topic="news",
                sender="clinic",
                state="finished",
                due_at=at,
                expires_at=at,
                campaign_digest="",
                created_at=at,
            )
            .returning(edition.c.id)
        ).scalar_one()
        values = {
            "mode": mode,
            "edition_id": edition_id,
            "campaign": campaign,
            "contact_id": contact_id,
            "recipient_key": f"{contact_id}",
            "variant": "school",
            "state": state,
            "consent_mask": 0,
            "not_before": at,
            "not_after": at,
            "next_attempt_at": at,
            "created_at": at,
            "settled_at": at,
            **columns,
        }
        identifier = connection.execute(sa.insert(delivery).values(values).returning(delivery.c.id)).scalar_one()
        for kind in events:
            data = {"visitor": visitor} if kind in ("opened", "clicked") else {}
            connection.execute(sa.insert(event).values(kind=kind, at=at, delivery_id=identifier, data=data))
        return identifier

    return add


SETTINGS = """
clinic:
  name: Harbor Physical Therapy
  phone: 503-555-0100
  site: https://harbor.example
  address: {street: 1 Pier Street, city: Salem, region: OR, postal_code: "97301", country: US}
  time_zone: America/Los_Angeles
senders:
  clinic: {name: Harbor PT, address: hello@harbor.example}
"""


@pytest.fixture
def make_workspace(tmp_path: Path) -> Callable[..., Workspace]:
    """A workspace with these saved imports (name to YAML) and more settings."""

    def make(imports: Mapping[str, str] | None = None, settings: str = "") -> Workspace:
        root = tmp_path / "clinic"
        (root / "imports").mkdir(parents=True, exist_ok=True)
        (root / "nurture.yaml").write_text(SETTINGS + settings)
        for name, text in (imports or {}).items():
            (root / "imports" / f"{name}.yaml").write_text(text)
        return load_workspace(root)

    return make


class Desk:
    """Imports texts as files into one clinic's store."""

    def __init__(self, store: Store, workspace: Workspace, folder: Path) -> None:
        self.store, self.workspace, self.file = store, workspace, folder / "list.csv"

    def diff(self, content: str | bytes, *, now: datetime = NOW, **options: Any) -> ImportDiff:
        self.file.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.order = import_order(self.workspace, self.file, **options)
        return diff_import(self.store, self.workspace, self.order, now=now)

    def bring(self, content: str | bytes, *, now: datetime = NOW, **options: Any) -> ImportResult:
        diff = self.diff(content, now=now, **options)
        return apply_import(self.store, self.order, diff, now=now)

    def people(self) -> list[PersonRow]:
        with self.store.read() as connection:
            return list(stream_people(connection, sa.true(), archived=True))

    def person(self, address: str) -> PersonRow:
        return next(person for person in self.people() if person.address == address)

    @property
    def rejected(self) -> list[list[str]]:
        with Path(f"{self.file}.rejected.csv").open(encoding="utf-8-sig", newline="") as file:
            return list(csv.reader(file))


@pytest.fixture
def desk(sqlite_store: Store, make_workspace: Callable[..., Workspace], tmp_path: Path) -> Desk:
    """An empty clinic on SQLite."""
    return Desk(sqlite_store, make_workspace(), tmp_path)


@pytest.fixture
def desk_on(tmp_path: Path) -> Callable[[Store, Workspace], Desk]:
    """A desk for this store and workspace."""
    return lambda store, workspace: Desk(store, workspace, tmp_path)
