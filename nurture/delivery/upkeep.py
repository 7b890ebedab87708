"""What is put in order before each round: dead workers' rows, late ones, drained editions."""

from __future__ import annotations

from datetime import datetime, timedelta

from nurture.clock import Clock
from nurture.delivery import uncertain
from nurture.delivery.ledger import Ledger
from nurture.delivery.ownership import dead_owners, forget
from nurture.store import Store, deliveries, editions, workers
from nurture.store.engine import Connection
from nurture.vocabulary import Mode

# What is too late is not sent in any case; finding it means to look at every mail that waits.
LATE_EVERY = timedelta(seconds=30)


class Upkeep:
    """One worker's. It is asked while nothing is in that worker's hands."""

    def __init__(self, store: Store, ledger: Ledger, owner: str, clock: Clock) -> None:
        self._store = store
        self._ledger = ledger
        self._owner = owner
        self._clock = clock
        self._looked: datetime | None = None  # for late ones

    async def run(self, mode: Mode) -> int:
        """Put in order what is not; how many deliveries have expired. Raises `StoreError`."""
        now = self._clock.now()
        looks = self._looked is None or not self._looked <= now < self._looked + LATE_EVERY

        def look(connection: Connection) -> tuple[tuple[str, ...], bool]:
            dead = dead_owners(connection, self._store, but=self._owner)
            # a row in our own name is left over from an earlier failure
            left = self._owner in deliveries.owners_in_hand(connection)
            due = looks and deliveries.upkeep_due(connection, mode=mode, now=now)
            return (*dead, self._owner) if left else dead, due or editions.has_drained(connection, mode=mode)

        gone, due = await self._ledger.read(look)
        expired = (
            await self._ledger.write(lambda connection: self._work(connection, gone, mode, now)) if gone or due else 0
        )
        if looks and not due:
            self._looked = now
        for owner in gone:
            if owner != self._owner:
                forget(self._store, owner)
        return expired

    def _work(self, connection: Connection, gone: tuple[str, ...], mode: Mode, now: datetime) -> int:
        if deliveries.recover(connection, gone, now, own=self._owner).uncertain:
            uncertain.tell(connection, mode, now)
        for owner in gone:
            if owner != self._owner:
                workers.end(connection, owner, now)
        deliveries.cancel_leftovers(connection, mode=mode, now=now)
        expired = deliveries.expire(connection, mode=mode, now=now)
        editions.finish_drained(connection, mode=mode, now=now)
        return expired
