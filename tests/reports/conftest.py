"""A small clinic's history, written row by row as the house would."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from nurture.store import Store
from nurture.store.schema import attempt, contact, contact_category, contact_tag, delivery, edition, event, organization
from nurture.vocabulary import (
    AttemptOutcome,
    AttemptPhase,
    CampaignKind,
    Category,
    DeliveryState,
    EditionState,
    EventKind,
    Mode,
    SkipReason,
)
from nurture.workspace.workspace import Workspace, load_workspace

NOW = datetime(2026, 12, 1, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
S = DeliveryState


class History:
    """Writes contacts, editions, deliveries, attempts and events."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._numbers = count(1)

    def _insert(self, table: sa.Table, **values: Any) -> int:
        with self.store.write() as connection:
            return int(connection.execute(sa.insert(table).values(values)).inserted_primary_key[0])

    def contact(self, address: str, **values: Any) -> int:
        return self._insert(
            contact,
            address=address,
            address_key=address.casefold(),
            address_hash=f"hash of {address}",
            domain=address.partition("@")[2],
            attributes={},
            **{"created_at": NOW - timedelta(days=90), "updated_at": NOW, **values},
        )

    def partner(
        self, address: str = "dr.lee@club.example", *, city: str = "Salem", tag: str = "", **values: Any
    ) -> int:
        """A sports club's contact who is meant by `partner-news`, unless the values say otherwise."""
        stamps = {"created_at": NOW, "updated_at": NOW}
        club = self._insert(
            organization, name=address, name_key=f"club {next(self._numbers)}", city=city, attributes={}, **stamps
        )
        made = self.contact(address, **{"organization_id": club, "country": "US", **values})
        with self.store.write() as connection:
            connection.execute(contact_category.insert().values(contact_id=made, category=Category.SPORTS_CLUB))
            if tag:
                connection.execute(contact_tag.insert().values(contact_id=made, tag=tag))
        return made

    def edition(self, campaign: str = "partner-news", occurrence: str = "2026-12-01T09:30", **values: Any) -> int:
        return self._insert(
            edition,
            **{
                "mode": Mode.SANDBOX,
                "campaign": campaign,
                "occurrence": occurrence,
                "kind": CampaignKind.NEWSLETTER,
                "topic": campaign,
                "sender": "clinic",
                "state": EditionState.READY,
                "planned": 0,
                "due_at": NOW,
                "expires_at": NOW + timedelta(days=3),
                "campaign_digest": "digest",
                "created_at": NOW - MINUTE,
                **values,
            },
        )

    def delivery(self, edition_id: int, state: str = S.QUEUED, **values: Any) -> int:
        number = next(self._numbers)
        with self.store.read() as connection:
            campaign = connection.scalar(sa.select(edition.c.campaign).where(edition.c.id == edition_id))
            mode = connection.scalar(sa.select(edition.c.mode).where(edition.c.id == edition_id))
        found = self._insert(
            delivery,
            **{
                "mode": mode,
                "edition_id": edition_id,
                "campaign": campaign,
                "recipient_key": f"recipient {number}",
                "address": f"person{number}@club.example",
                "domain": "club.example",
                "variant": Category.SPORTS_CLUB,
                "state": state,
                "reason": SkipReason.NO_NEWS if state == S.SKIPPED else None,
                "consent_mask": 0,
                "message_id": f"<{number}@clinic.example>" if state in (S.SENT, S.UNCERTAIN, S.FAILED) else None,
                "not_before": NOW,
                "not_after": NOW + timedelta(days=1),
                "next_attempt_at": NOW,
                "created_at": NOW - MINUTE,
                **values,
            },
        )
        with self.store.write() as connection:
            connection.execute(edition.update().where(edition.c.id == edition_id).values(planned=edition.c.planned + 1))
        answers = {
            S.SENT: (AttemptOutcome.SENT, 250, "2.0.0", "queued as 4711"),
            S.UNCERTAIN: (AttemptOutcome.UNCERTAIN, None, None, None),
            S.FAILED: (AttemptOutcome.FAILED, 550, "5.1.1", "no such user"),
        }
        if state in answers:
            self.attempt(found, *answers[S(state)])
        return found

    def attempt(
        self,
        delivery_id: int,
        outcome: AttemptOutcome | None,
        code: int | None = None,
        enhanced: str | None = None,
        answer: str | None = None,
        *,
        number: int = 1,
    ) -> int:
        return self._insert(
            attempt,
            delivery_id=delivery_id,
            number=number,
            claim=number,
            owner="worker",
            sender="clinic",
            server="127.0.0.1:25",
            phase=AttemptPhase.BODY,
            outcome=outcome,
            code=code,
            enhanced=enhanced,
            answer=answer,
            started_at=NOW + number * MINUTE,
            ended_at=None if outcome is None else NOW + number * MINUTE,
        )

    def event(self, kind: EventKind, delivery_id: int | None = None, **values: Any) -> int:
        return self._insert(event, **{"kind": kind, "at": NOW, "delivery_id": delivery_id, "data": {}, **values})

    def change(self, table: sa.Table, row: int, **values: Any) -> None:
        with self.store.write() as connection:
            assert connection.execute(table.update().where(table.c.id == row).values(values)).rowcount == 1

    def remove(self, table: sa.Table, where: sa.ColumnElement[bool]) -> None:
        with self.store.write() as connection:
            assert connection.execute(table.delete().where(where)).rowcount == 1


@pytest.fixture
def history(store: Store) -> History:
    return History(store)


@pytest.fixture
def sqlite_history(sqlite_store: Store) -> History:
    return History(sqlite_store)


@pytest.fixture
def every_state(history: History) -> Callable[[], tuple[int, dict[str, int]]]:
    """Makes an edition with one delivery in each state; gives its id and theirs."""

    def make() -> tuple[int, dict[str, int]]:
        edition_id = history.edition()
        return edition_id, {state: history.delivery(edition_id, state) for state in DeliveryState}

    return make


FILES = {
    "nurture.yaml": """
clinic:
  name: Riverside Physical Therapy
  phone: 503-555-0100
  address: {street: 12 River Street, city: Salem, region: OR, postal_code: "97301"}
  site: https://riverside.example
  time_zone: America/New_York
senders:
  clinic: {name: Riverside, address: hello@riverside.example}
consent_required: {past_patient: [written], other: []}
""",
    "campaigns/partner-news.yaml": """
kind: newsletter
topic: partner-news
to: {all: [{category: [private_business, sports_club]}, {org.city: Salem}, {not: {tag: vip}}, near]}
schedule: first tuesday at 09:30
subject: News
template: note
body: Hello
intent: give
""",
    "segments/near.yaml": "any: [{country: US}, {country: CA}]",
    "templates/emails/note.mjml": "<mjml><mj-body></mj-body></mjml>",
}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A clinic's files: one newsletter on the first Tuesdays, to partners near Salem."""
    root = tmp_path / "clinic"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return load_workspace(root)
