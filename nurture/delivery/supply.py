"""What a line sends next: taken from the stock, in the reader's window, composed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nurture.composing.dkim import Signer
from nurture.delivery.claiming import Taken
from nurture.delivery.messages import OutgoingMessage
from nurture.delivery.opening import opens
from nurture.delivery.shift import Shift
from nurture.delivery.stock import Stock
from nurture.errors import ComposeError, StoreError
from nurture.store import attempts
from nurture.store.attempts import ClaimedDelivery
from nurture.store.brakes import tally
from nurture.store.contacts import PersonRow
from nurture.vocabulary import DeliveryState, Mode


@dataclass(frozen=True, slots=True)
class Composed:
    """A claimed delivery and its mail; no mail for a contact who is gone: the gate will say so."""

    taken: Taken
    message: OutgoingMessage | None

    @property
    def claimed(self) -> ClaimedDelivery:
        """The delivery."""
        return self.taken.claimed

    @property
    def person(self) -> PersonRow | None:
        """Who it is for."""
        return self.taken.person


class Supply:
    """One line's deliveries: what it gave out is the line's."""

    def __init__(self, shift: Shift, sender: str, signer: Signer, stock: Stock, *, line: int) -> None:
        self._line = line
        self._shift = shift
        self._sender = sender
        self._signer = signer
        self._stock = stock

    async def next(self, *, patient: bool = True) -> Composed | None:
        """The next claimed delivery that can be composed and may be read now.

        ``patient``: it may wait a moment for the sender's limit.
        """
        shift = self._shift
        while (taken := await self._stock.take(self._line, patient=patient)) is not None:
            claimed, person = taken.claimed, taken.person
            if person is None or person.address is None or claimed.address is None:
                return Composed(Taken(claimed, None, taken.provider), None)
            now = shift.clock.now()
            open_from = opens(shift.workspace, claimed.campaign, person, now)
            if open_from > now:
                await self.give_back(claimed, open_from)
                continue
            try:
                return Composed(taken, await self._compose(claimed, person, now))
            except ComposeError as error:
                await self._skip(claimed, str(error), now)
        return None

    async def next_ahead(self) -> Composed | None:
        """The same while an answer is awaited: a database that fails now is told by `next`, once that is written."""
        try:
            return await self.next(patient=False)
        except StoreError:
            return None

    async def _compose(self, claimed: ClaimedDelivery, person: PersonRow, now: datetime) -> OutgoingMessage:
        composers, brakes, edition = self._shift.composers, self._shift.brakes, claimed.edition_id
        if composers.missing(edition):
            await self._shift.ledger.read(lambda connection: composers.load(connection, edition))
        if claimed.mode is Mode.LIVE and brakes.missing(edition):
            brakes.begin(edition, *await self._shift.ledger.read(lambda connection: tally(connection, edition)))
        return composers.compose(claimed, person, signer=self._signer, now=now)

    async def _skip(self, claimed: ClaimedDelivery, words: str, now: datetime) -> None:
        shift = self._shift
        await shift.ledger.write(
            lambda connection: attempts.skip_unrendered(connection, claimed, owner=shift.owner, words=words, now=now)
        )
        shift.count(DeliveryState.SKIPPED)
        self._stock.left(claimed.id)
        self._stock.unused()

    async def give_back(self, claimed: ClaimedDelivery, until: datetime | None = None) -> None:
        """Back to the queue, uncounted, due at once or at ``until``; a try that was begun is abandoned."""
        shift, now = self._shift, self._shift.clock.now()
        await shift.ledger.write(
            lambda connection: attempts.requeue(connection, claimed, owner=shift.owner, now=now, until=until)
        )
        self._stock.left(claimed.id)
        self._stock.unused()
