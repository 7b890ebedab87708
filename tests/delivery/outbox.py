"""Editions with deliveries, built by hand: what planning would have left in the database."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from nurture.store import Store, meta
from nurture.store.schema import attempt, contact, delivery, edition, edition_content, event
from nurture.vocabulary import DeliveryState, Mode

NOW = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)


@dataclass
class Outbox:
    """One edition in the database, and short questions to it."""

    store: Store
    edition_id: int
    delivery_ids: list[int]

    def column(self, name: str) -> list:
        with self.store.read() as connection:
            rows = connection.execute(
                sa.select(delivery.c[name]).where(delivery.c.edition_id == self.edition_id).order_by(delivery.c.id)
            )
            return list(rows.scalars())

    @property
    def states(self) -> list[str]:
        return self.column("state")

    def set(self, delivery_id: int, **values: object) -> None:
        with self.store.write() as connection:
            connection.execute(sa.update(delivery).where(delivery.c.id == delivery_id).values(**values))

    def readdress(self, number: int, address: str) -> None:
        """As if this recipient (0 is the first) had always had another address."""
        self.set(self.delivery_ids[number], address=address)
        self._change_contact(number, address=address)

    def rename(self, number: int, first_name: str) -> None:
        """Another name for this recipient (0 is the first)."""
        self._change_contact(number, first_name=first_name)

    def _change_contact(self, number: int, **values: object) -> None:
        which = contact.c.id == self.column("contact_id")[number]
        with self.store.write() as connection:
            connection.execute(sa.update(contact).where(which).values(**values))

    def attempts(self, delivery_id: int) -> list:
        with self.store.read() as connection:
            return list(
                connection.execute(
                    sa.select(attempt).where(attempt.c.delivery_id == delivery_id).order_by(attempt.c.number)
                )
            )

    def take_as(self, delivery_id: int, relay_id: str) -> None:
        """As if a server had taken a first try of it under this id."""
        with self.store.write() as connection:
            connection.execute(sa.delete(attempt).where(attempt.c.delivery_id == delivery_id))
            values = {"claim": 1, "owner": "w", "sender": "clinic", "started_at": NOW, "relay_id": relay_id}
            connection.execute(sa.insert(attempt).values(delivery_id=delivery_id, number=1, **values))

    def events(self, delivery_id: int) -> list[str]:
        with self.store.read() as connection:
            rows = connection.execute(
                sa.select(event.c.kind).where(event.c.delivery_id == delivery_id).order_by(event.c.id)
            )
            return list(rows.scalars())

    def spread_over(self, domains: Sequence[str]) -> None:
        """Move the people to these domains by turns."""
        with self.store.write() as connection:
            rows = connection.execute(
                sa.select(delivery.c.id, delivery.c.contact_id)
                .where(delivery.c.edition_id == self.edition_id)
                .order_by(delivery.c.id)
            )
            for number, (delivery_id, contact_id) in enumerate(rows.all()):
                domain = domains[number % len(domains)]
                moved = {"address": f"person{number + 1}@{domain}", "domain": domain}
                connection.execute(sa.update(delivery).where(delivery.c.id == delivery_id).values(moved))
                connection.execute(sa.update(contact).where(contact.c.id == contact_id).values(moved))


MakeOutbox = Callable[..., Outbox]


def fill_outbox(
    store: Store,
    *,
    recipients: int = 1,
    campaign: str = "partner-news",
    sender: str = "clinic",
    mode: Mode = Mode.LIVE,
    content: dict | None = None,
    first: int = 1,
    consent_mask: int = 0,
    now: datetime = NOW,
    domain: str = "clinic-partner.example",
) -> Outbox:
    """A ready edition with queued deliveries to person1@…, person2@… (from number ``first``); the clinic is in ``mode``."""
    with store.write() as connection:
        meta.set_mode(connection, mode, now)
        digest = f"digest-{campaign}"
        connection.execute(sa.insert(edition_content).values(digest=digest, content=content or {}, created_at=now))
        edition_id = connection.execute(
            sa.insert(edition)
            .values(
                mode=mode,
                campaign=campaign,
                occurrence="2026-12-01T09:30",
                kind="newsletter",
                topic="partner-news",
                intent="give",
                sender=sender,
                state="ready",
                planned=recipients,
                due_at=now,
                expires_at=now + timedelta(days=3),
                campaign_digest="0" * 64,
                content_digest=digest,
                created_at=now,
                ready_at=now,
            )
            .returning(edition.c.id)
        ).scalar_one()
        numbers = range(first, first + recipients)
        people = [
            {
                "address": f"person{number}@{domain}",
                "address_key": f"person{number}@{domain}",
                "address_hash": f"hash{number}-{domain}",
                "domain": domain,
                "first_name": f"Name{number}",
                "attributes": {},
                "created_at": now,
                "updated_at": now,
            }
            for number in numbers
        ]
        contacts = sa.insert(contact).returning(contact.c.id, sort_by_parameter_order=True)
        contact_ids = connection.execute(contacts, people).scalars()
        rows = [
            {
                "mode": mode,
                "edition_id": edition_id,
                "campaign": campaign,
                "contact_id": contact_id,
                "recipient_key": person["address_hash"],
                "address": person["address"],
                "domain": domain,
                "variant": "private_business",
                "state": DeliveryState.QUEUED,
                "consent_mask": consent_mask,
                "not_before": now,
                "not_after": now + timedelta(hours=8),
                "next_attempt_at": now,
                "created_at": now,
            }
            for person, contact_id in zip(people, contact_ids, strict=True)
        ]
        queued = sa.insert(delivery).returning(delivery.c.id, sort_by_parameter_order=True)
        ids = list(connection.execute(queued, rows).scalars())
    return Outbox(store, edition_id, ids)
