"""A small clinic in a folder and a database: files written, people entered, days driven."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from nurture.news.item import NewsItem
from nurture.planning.editions import PlanReport, plan_due, plan_now
from nurture.planning.occurrences import Occurrence
from nurture.store import Store, editions, meta, news
from nurture.store.editions import EditionId, EditionRow
from nurture.store.schema import consent as consent_table
from nurture.store.schema import contact, contact_category, delivery, edition, organization
from nurture.vocabulary import CONSENT_BITS, Category, ConsentKind, DeliveryState, Mode
from nurture.workspace.workspace import Workspace, load_workspace

SETTINGS = """
clinic:
  name: Riverside Physical Therapy
  phone: 503-555-0100
  address: {street: 12 River Street, city: Salem, region: OR, postal_code: "97301"}
  site: https://riverside.example
  time_zone: America/New_York
senders:
  clinic: {name: Riverside, address: hello@riverside.example}
consent_required: {past_patient: [written], other: []}
"""
_numbers = count(1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def snapshot(campaign: str, news: Sequence[NewsItem], occurrence: Occurrence) -> dict[str, Any]:
    """What the tests' editions keep."""
    return {"campaign": campaign, "news": [item.id for item in news], "at": occurrence.nominal}


@dataclass
class Clinic:
    """The folder and the database of one test. ``now`` is moved by the test."""

    root: Path
    store: Store
    now: datetime = field(default_factory=lambda: utc("2026-11-25T12:00"))

    def write(self, path: str, text: str, *, changed: datetime | None = None) -> None:
        """Write a file as if it had been saved at ``changed``, by default a day before now."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        moment = (changed or self.now - timedelta(days=1)).timestamp()
        os.utime(target, (moment, moment))

    def campaign(self, name: str, *, changed: datetime | None = None, **more: Any) -> None:
        """Write a campaign's file: a monthly newsletter to private businesses, unless ``more`` says otherwise."""
        values = {
            "kind": "newsletter",
            "topic": "partner-news",
            "to": "{category: private_business}",
            "schedule": "first tuesday at 09:30",
            "subject": "News",
            "template": "note",
            "body": "Hello",
            "intent": "give",
        } | more
        lines = [f"{key}: {value}" for key, value in values.items() if value is not None]
        self.write(f"campaigns/{name}.yaml", "\n".join(lines), changed=changed)

    def news(self, name: str, *, day: str = "2026-11-20", pin: bool = False) -> None:
        """Write a news item."""
        pinned = "pin: true\n" if pin else ""
        self.write(f"news/{name}.md", f"---\ntitle: {name}\nsummary: What is new\ndate: {day}\n{pinned}---\nText.\n")

    @property
    def workspace(self) -> Workspace:
        return load_workspace(self.root)

    def plan(self, at: str | None = None, **more: Any) -> PlanReport:
        """Move the clock, if told to, and plan what is due."""
        if at is not None:
            self.now = utc(at)
        return plan_due(self.store, self.workspace, now=self.now, snapshot=more.get("snapshot", snapshot))

    def send_now(self, name: str, at: str | None = None) -> EditionId:
        if at is not None:
            self.now = utc(at)
        return plan_now(self.store, self.workspace, name, now=self.now, snapshot=snapshot)

    def organization(self, name: str, **more: Any) -> int:
        with self.store.write() as connection:
            values = {"name": name, "name_key": name.casefold(), "attributes": {}}
            stamps = {"created_at": self.now, "updated_at": self.now}
            return connection.execute(
                sa.insert(organization).values(**values, **stamps, **more).returning(organization.c.id)
            ).scalar_one()

    def people(
        self,
        number: int = 1,
        *categories: Category,
        consent: ConsentKind | None = None,
        given: date = date(2026, 1, 1),
        **more: Any,
    ) -> list[int]:
        """Enter contacts; by default of private businesses, each with an own address."""
        ids = []
        with self.store.write() as connection:
            for _ in range(number):
                ids.append(_add_person(connection, categories or (Category.PRIVATE_BUSINESS,), more))
                if consent is not None:
                    row = {"contact_id": ids[-1], "kind_bit": CONSENT_BITS[consent], "source": "form"}
                    dates = {"obtained_on": given, "recorded_at": utc("2026-01-01T00:00")}
                    connection.execute(sa.insert(consent_table).values(**row, **dates))
        return ids

    def deliver(self, at: datetime | None = None) -> None:
        """Settle all that is queued as sent; the planner only looks at the result."""
        with self.store.write() as connection:
            connection.execute(
                sa.update(delivery)
                .where(delivery.c.state == DeliveryState.QUEUED)
                .values(state=DeliveryState.SENT, settled_at=at or self.now)
            )

    def edition(self, name: str, *, mode: Mode = Mode.SANDBOX) -> EditionRow:
        with self.store.read() as connection:
            found = editions.find(connection, EditionId.parse(name), mode=mode)
        assert found is not None, f"no edition {name}"
        return found

    def names(self) -> dict[str, str]:
        """Every edition and its state."""
        with self.store.read() as connection:
            rows = connection.execute(sa.select(edition).order_by(edition.c.due_at, edition.c.id))
            return {f"{row.campaign}@{row.occurrence}": row.state for row in rows}

    def rows(self, name: str) -> dict[int, tuple[str, str | None]]:
        """State and reason of an edition's deliveries, by contact."""
        with self.store.read() as connection:
            found = connection.execute(sa.select(delivery).where(delivery.c.edition_id == self.edition(name).id))
            return {row.contact_id: (row.state, row.reason) for row in found}

    def carried(self, name: str) -> dict[int, list[str]]:
        """The news in an edition's mails, in order, by contact."""
        query = sa.select(delivery.c.contact_id, delivery.c.news_list_id).where(
            delivery.c.edition_id == self.edition(name).id, delivery.c.news_list_id.is_not(None)
        )
        with self.store.read() as connection:
            rows = connection.execute(query).all()
            lists = news.lists(connection, {row.news_list_id for row in rows})
        return {row.contact_id: list(lists[row.news_list_id]) for row in rows}


def _add_person(connection: sa.Connection, categories: Iterable[Category], more: dict[str, Any]) -> int:
    address = f"person{next(_numbers)}@example.com"
    values = {"address": address, "address_key": address, "address_hash": f"hash of {address}", "domain": "example.com"}
    stamps = {"created_at": utc("2026-01-01T00:00"), "updated_at": utc("2026-01-01T00:00"), "attributes": {}}
    new = sa.insert(contact).values({**values, **stamps, **more})
    made: int = connection.execute(new.returning(contact.c.id)).scalar_one()
    rows = [{"contact_id": made, "category": category} for category in categories]
    connection.execute(sa.insert(contact_category), rows)
    return made


@pytest.fixture
def new_clinic(tmp_path: Path) -> Callable[[Store], Clinic]:
    """Makes a clinic on a database."""

    def make(store: Store) -> Clinic:
        clinic = Clinic(tmp_path / "clinic", store)
        clinic.write("nurture.yaml", SETTINGS)
        clinic.write("templates/emails/note.mjml", "<mjml><mj-body></mj-body></mjml>")
        return clinic

    return make


@pytest.fixture
def clinic(new_clinic: Callable[[Store], Clinic], sqlite_store: Store) -> Clinic:
    """A clinic on SQLite, for what does not hang on the database."""
    return new_clinic(sqlite_store)


@pytest.fixture
def any_clinic(new_clinic: Callable[[Store], Clinic], store: Store) -> Clinic:
    """A clinic on either database; the test runs once on each."""
    return new_clinic(store)


@pytest.fixture
def live(any_clinic: Clinic) -> Clinic:
    """A clinic that is live for a week when its first newsletter comes."""
    any_clinic.people(3)
    any_clinic.campaign("partner-news")
    any_clinic.now = utc("2026-11-25T12:00")
    with any_clinic.store.write() as connection:
        meta.set_mode(connection, Mode.LIVE, any_clinic.now)
    any_clinic.plan()
    return any_clinic
