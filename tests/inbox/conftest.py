"""A clinic whose mails have left, and what comes back."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from nurture.composing.link_tokens import KeyRing, LinkKey, make_token, parse_token
from nurture.inbox.applying import Understood
from nurture.inbox.matching import Match, Traces, match
from nurture.store import Store
from nurture.store.alerts import open_alerts
from nurture.store.schema import delivery, edition, event, suppression
from nurture.vocabulary import DeliveryState, LinkPurpose
from nurture.workspace.settings import Settings
from tests.delivery.outbox import NOW, Outbox, fill_outbox

KEY = LinkKey("00aa", b"k" * 32)
LATER = NOW + timedelta(hours=2)


@dataclass
class Inbox:
    """Mails to person1@, person2@ … that were sent, each with its Message-ID ``m1``, ``m2`` …"""

    outbox: Outbox
    settings: Settings
    _keys: int = field(default=0)

    @property
    def store(self) -> Store:
        return self.outbox.store

    def message_id(self, number: int) -> str:
        return f"m{number}@clinic.example"

    def address(self, number: int) -> str:
        return f"person{number}@clinic-partner.example"

    def find(self, *addresses: str, message_ids: tuple[str, ...] = (), ids: tuple[int, ...] = ()) -> Match | None:
        with self.store.read() as connection:
            keys = self.outbox.column("recipient_key")
            known = dict(zip(self.outbox.delivery_ids, keys, strict=True))
            made = [make_token(KEY, LinkPurpose.LEAVE, each, known.get(each, "")) for each in ids]
            tokens = tuple((LinkPurpose.LEAVE, token) for each in made if (token := parse_token(each)) is not None)
            return match(connection, Traces(tokens, message_ids, addresses, LATER), KeyRing((KEY,)))

    def heard(
        self, number: int, *, proven: bool = True, key: str = "", now: datetime = LATER, came: datetime | None = None
    ) -> Understood:
        """A mail about the mail to this person (1 is the first); it came when it is read, unless told otherwise."""
        self._keys += 1
        ids = (self.message_id(number),) if proven else ()
        found = self.find(self.address(number), message_ids=ids)
        assert found is not None
        return Understood(key or f"mail {self._keys}", found, self.settings, came or now, now)

    def suppressed(self) -> dict[str, str]:
        with self.store.read() as connection:
            rows = connection.execute(sa.select(suppression).where(suppression.c.lifted_at.is_(None)))
            return {row.shown: row.reason for row in rows}

    def events(self, kind: str) -> list[dict[str, object]]:
        with self.store.read() as connection:
            rows = connection.execute(sa.select(event.c.data).where(event.c.kind == kind).order_by(event.c.id))
            return list(rows.scalars())

    def alerts(self) -> dict[str, str]:
        with self.store.read() as connection:
            return {str(alert.kind): alert.message for alert in open_alerts(connection)}

    def held(self) -> str | None:
        with self.store.read() as connection:
            return connection.execute(
                sa.select(edition.c.held_because).where(edition.c.id == self.outbox.edition_id)
            ).scalar_one()


def sent(store: Store, settings: Settings, recipients: int = 3, **options: object) -> Inbox:
    outbox = fill_outbox(store, recipients=recipients, **options)
    inbox = Inbox(outbox, settings)
    with store.write() as connection:
        for number, delivery_id in enumerate(outbox.delivery_ids, start=1):
            connection.execute(
                sa.update(delivery)
                .where(delivery.c.id == delivery_id)
                .values(
                    state=DeliveryState.SENT, settled_at=NOW, message_id=f"<{inbox.message_id(number)}>", attempts=1
                )
            )
    return inbox


@pytest.fixture
def settings() -> Settings:
    address = {"street": "1 Elm Street", "city": "Salem", "region": "OR", "postal_code": "97301", "country": "US"}
    clinic = {
        "name": "Hill Clinic",
        "phone": "+1 503 555 0100",
        "address": address,
        "time_zone": "America/Los_Angeles",
        "site": "https://clinic.example",
    }
    sender = {"name": "Hill Clinic", "address": "hello@clinic.example"}
    return Settings.model_validate({"clinic": clinic, "senders": {"clinic": sender}})


@pytest.fixture
def inbox(store: Store, settings: Settings) -> Inbox:
    return sent(store, settings)
