"""People for the tests of this part."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from nurture.address import address_hash
from nurture.store import Connection
from nurture.store.organizations import add_organizations, name_key
from nurture.store.schema import contact, contact_category, contact_tag, delivery, edition, event

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
TODAY = date(2026, 11, 25)
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
            connection.execute(sa.insert(event).values(kind=kind, at=at, delivery_id=identifier, data={}))
        return identifier

    return add
