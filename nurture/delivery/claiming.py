"""One claim of a sender's due deliveries, with the tokens that they need: one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from nurture.delivery.shift import Shift
from nurture.delivery.tokens import Dry, Tap
from nurture.store import attempts, contacts, deliveries
from nurture.store.attempts import ClaimedDelivery
from nurture.store.contacts import PersonRow
from nurture.store.deliveries import Position
from nurture.store.engine import Connection
from nurture.workspace.providers import Providers


@dataclass(frozen=True, slots=True)
class Taken:
    """A claimed delivery in this worker's hands, who it is for, and whose mailbox that is."""

    claimed: ClaimedDelivery
    person: PersonRow | None
    provider: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim brought. ``dry``: the sender's limit is reached; ``dry_providers``: theirs are."""

    batch: list[Taken] = field(default_factory=list)
    dry: Dry | None = None
    dry_providers: Mapping[str, Dry] = field(default_factory=dict)
    through: Position | None = None  # the last row that was looked at


@dataclass(frozen=True, slots=True)
class Claim:
    """What shall be claimed.

    ``spare`` tokens of the sender are there already. ``taps`` are the buckets
    of providers that have one. Providers ``left_out`` get nothing now; the rest
    is looked for behind ``after``.
    """

    shift: Shift
    sender: str
    size: int
    spare: int
    tap: Tap | None
    taps: Mapping[str, Tap]
    providers: Providers
    left_out: frozenset[str]
    after: Position | None

    def write(self, connection: Connection) -> Claimed:
        """Take tokens, claim rows, and give back what there are no tokens or no rows for."""
        now = self.shift.clock.now()
        granted, dry = self.size, None
        if self.tap is not None:
            granted, dry = self.tap.take(connection, self.size - self.spare, now=now)
            granted += self.spare
        found = self._rows(connection, granted, now) if granted else []
        batch, dry_providers = self._with_tokens(connection, found, now)
        if self.tap is not None and len(batch) < granted:
            self.tap.give_back(connection, granted - len(batch), now=now)
        if len(found) < granted:
            dry = None  # there is no more to send than may go
        last = found[-1].claimed if found else None
        return Claimed(batch, dry, dry_providers, Position(last.due_at, last.id) if last else None)

    def _rows(self, connection: Connection, limit: int, now: datetime) -> list[Taken]:
        batch = deliveries.claim(
            connection,
            mode=self.shift.mode,
            sender=self.sender,
            owner=self.shift.owner,
            now=now,
            limit=limit,
            but=[domain for provider in sorted(self.left_out) for domain in self.providers.domains(provider)],
            after=self.after,
        )
        ids = [claimed.contact_id for claimed in batch if claimed.contact_id is not None]
        people = contacts.people_by_id(connection, ids)
        return [
            Taken(claimed, people.get(claimed.contact_id or 0), self.providers.of(claimed.address)) for claimed in batch
        ]

    def _with_tokens(
        self, connection: Connection, found: list[Taken], now: datetime
    ) -> tuple[list[Taken], dict[str, Dry]]:
        """Those that their providers have tokens for; the others go back to the queue."""
        wanted = Counter(taken.provider for taken in found if taken.provider in self.taps)
        if not wanted:
            return found, {}
        granted: dict[str, int] = {}
        dry_providers: dict[str, Dry] = {}
        for provider, count in sorted(wanted.items()):
            granted[provider], dry = self.taps[provider].take(connection, count, now=now)
            if dry is not None:
                dry_providers[provider] = dry
        batch = []
        for taken in found:
            if taken.provider not in granted or granted[taken.provider] > 0:
                batch.append(taken)
                if taken.provider in granted:
                    granted[taken.provider] -= 1
            else:
                attempts.requeue(connection, taken.claimed, owner=self.shift.owner, now=now)
        return batch, dry_providers
