"""One line: a kept connection of one sender and the deliveries that go over it, one after the other."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

from nurture.clock import Clock
from nurture.delivery.connection import DialError, SmtpConnection, Timeouts, dial
from nurture.delivery.ledger import Ledger
from nurture.delivery.messages import EditionComposers, OutgoingMessage
from nurture.delivery.opening import opens
from nurture.delivery.routes import Route
from nurture.delivery.settling import SenderStop, Settlement, put_back
from nurture.delivery.transaction import Ending, MarkRefusedError, Transaction
from nurture.errors import ComposeError, StoreError
from nurture.store import attempts, contacts, deliveries
from nurture.store.attempts import Attempt, AttemptEnd, ClaimedDelivery
from nurture.store.contacts import PersonRow
from nurture.store.engine import Connection
from nurture.store.gate import Refusal
from nurture.store.senders import StoppedSender
from nurture.vocabulary import AttemptOutcome, AttemptPhase, DeliveryState, Mode, Verdict
from nurture.workspace.workspace import Workspace

log = logging.getLogger("nurture.delivery")

BATCH = 10  # deliveries claimed at once by one line


class MarkWithheldError(Exception):
    """No body may leave now: the worker stops, or an earlier answer waits for the database."""


@dataclass
class Shift:
    """What all lines of one `Worker.deliver_due` share."""

    ledger: Ledger
    owner: str
    clock: Clock
    workspace: Workspace
    mode: Mode
    timeouts: Timeouts
    composers: EditionComposers
    limit: int | None  # how many more deliveries may be begun
    stopping: bool = False
    counts: Counter[DeliveryState] = field(default_factory=Counter)
    retried: int = 0
    stopped: dict[str, StoppedSender] = field(default_factory=dict)

    def today(self) -> date:
        """The clinic's date: consents are good through a day."""
        return self.workspace.settings.today(self.clock.now())

    def take(self) -> int:
        """How many deliveries a line may claim now; they are counted as begun."""
        size = BATCH if self.limit is None else min(BATCH, self.limit)
        if self.limit is not None:
            self.limit -= size
        return size

    def give_back(self, unused: int) -> None:
        """The other way round, for what was not there to claim."""
        if self.limit is not None:
            self.limit += unused


class Line:
    """Delivers what is due for one sender until nothing is left, the sender stops, or the worker does."""

    def __init__(self, shift: Shift, sender: str, route: Route) -> None:
        self._shift = shift
        self._sender = sender
        self._route = route
        self._connection: SmtpConnection | None = None
        self._transaction: Transaction | None = None

    @property
    def awaits_answer(self) -> bool:
        """The body is out, or its answer is being written: worth waiting for."""
        going = self._transaction
        return going is not None and (going.phase is AttemptPhase.BODY or going.ending is not None)

    async def run(self) -> None:
        """Claim and deliver; raises `StoreError` if the database fails between two mails."""
        try:
            while self._may_go_on() and (batch := await self._claim()):
                people = await self._people(batch)
                for claimed in batch:
                    if not self._may_go_on():
                        await self._give_back(claimed)
                        continue
                    await self._deliver(claimed, people.get(claimed.contact_id or 0))
            if self._connection is not None:
                await self._connection.quit()
        finally:
            if self._connection is not None:
                self._connection.close()

    def _may_go_on(self) -> bool:
        shift = self._shift
        return not shift.stopping and self._sender not in shift.stopped and not shift.ledger.troubled

    async def _claim(self) -> tuple[ClaimedDelivery, ...]:
        shift, size = self._shift, self._shift.take()
        if not size:
            return ()
        now = shift.clock.now()
        batch = await shift.ledger.write(
            lambda connection: deliveries.claim(
                connection, mode=shift.mode, sender=self._sender, owner=shift.owner, now=now, limit=size
            )
        )
        shift.give_back(size - len(batch))
        return batch

    async def _people(self, batch: tuple[ClaimedDelivery, ...]) -> dict[int, PersonRow]:
        ids = [claimed.contact_id for claimed in batch if claimed.contact_id is not None]
        return await self._shift.ledger.read(lambda connection: contacts.people_by_id(connection, ids))

    async def _give_back(self, claimed: ClaimedDelivery, until: datetime | None = None) -> None:
        shift, now = self._shift, self._shift.clock.now()
        await shift.ledger.write(
            lambda connection: attempts.requeue(connection, claimed, owner=shift.owner, now=now, until=until)
        )

    async def _deliver(self, claimed: ClaimedDelivery, person: PersonRow | None) -> None:
        shift, now = self._shift, self._shift.clock.now()
        message = None
        if person is not None and person.address is not None and claimed.address is not None:
            open_from = opens(shift.workspace, claimed.campaign, person, now)
            if open_from > now:
                await self._give_back(claimed, open_from)
                return
            try:
                message = await self._compose(claimed, person, now)
            except ComposeError as error:
                await self._skip(claimed, str(error), now)
                return
        begun = await self._begin(claimed, message, now)
        if isinstance(begun, Refusal):
            self._count_refusal(begun)
            return
        assert message is not None, "the gate is shut for a contact without an address"
        assert person is not None
        someone = person
        settle = _Settler(
            shift,
            claimed,
            begun,
            lambda when: opens(shift.workspace, claimed.campaign, someone, when),
            server=self._route.server,
        )
        await self._transact(claimed, begun, message, settle)

    async def _compose(self, claimed: ClaimedDelivery, person: PersonRow, now: datetime) -> OutgoingMessage:
        composers = self._shift.composers
        if composers.missing(claimed.edition_id):
            await self._shift.ledger.read(lambda connection: composers.load(connection, claimed.edition_id))
        return composers.compose(claimed, person, now=now)

    async def _skip(self, claimed: ClaimedDelivery, words: str, now: datetime) -> None:
        shift = self._shift
        await shift.ledger.write(
            lambda connection: attempts.skip_unrendered(connection, claimed, owner=shift.owner, words=words, now=now)
        )
        shift.counts[DeliveryState.SKIPPED] += 1

    async def _begin(
        self, claimed: ClaimedDelivery, message: OutgoingMessage | None, now: datetime
    ) -> Attempt | Refusal:
        shift, today = self._shift, self._shift.today()
        return await shift.ledger.write(
            lambda connection: attempts.begin_attempt(
                connection,
                claimed,
                owner=shift.owner,
                server=self._route.server,
                message_id=message.message_id if message else "",
                now=now,
                today=today,
            )
        )

    def _count_refusal(self, refusal: Refusal) -> None:
        if refusal.state in (DeliveryState.SKIPPED, DeliveryState.CANCELED):
            self._shift.counts[refusal.state] += 1

    async def _transact(
        self, claimed: ClaimedDelivery, attempt: Attempt, message: OutgoingMessage, settle: _Settler
    ) -> None:
        transaction = self._transaction = Transaction(message, lambda: self._mark(claimed, attempt, message))
        try:
            await settle.ending(await self._send(transaction))
        except MarkRefusedError as error:
            self._count_refusal(error.refusal)
        except (MarkWithheldError, StoreError) as error:
            # nothing of the body has left, also if the mark's COMMIT did arrive
            await settle.ending(_given_up(transaction, str(error)))
        except BaseException:
            settle.at_once(transaction.ending or _given_up(transaction, "the worker stopped"))
            raise
        finally:
            self._transaction = None

    async def _send(self, transaction: Transaction) -> Ending:
        """Over the kept connection; once more over a new one if the kept one turns out to be dead."""
        try:
            if self._connection is None or not self._connection.is_open:
                self._connection = await dial(self._route, self._shift.timeouts)
            ending = await transaction.run(self._connection)
            if self._went_stale(ending):
                self._connection = await dial(self._route, self._shift.timeouts)
                ending = await transaction.run(self._connection)
        except DialError as error:
            reply = error.reply
            end = AttemptEnd(
                AttemptOutcome.STOPPED,
                AttemptPhase.CONNECT,
                reply.code if reply else None,
                reply.enhanced if reply else None,
                error.words,
            )
            transaction.phase = AttemptPhase.CONNECT
            ending = transaction.ending = Ending(end, Verdict.STOP_SENDER if error.refused else Verdict.RETRY)
        return ending

    def _went_stale(self, ending: Ending) -> bool:
        """A server ends a session between two mails: nobody's fault, and no try."""
        kept = self._connection
        closed = kept is not None and kept.carried > 0 and not kept.is_open
        return closed and ending.end.phase in (AttemptPhase.MAIL, AttemptPhase.RCPT) and ending.end.code in (None, 421)

    async def _mark(self, claimed: ClaimedDelivery, attempt: Attempt, message: OutgoingMessage) -> Refusal | None:
        shift = self._shift
        if shift.stopping or shift.ledger.troubled:
            raise MarkWithheldError("the worker stopped" if shift.stopping else "an answer waits for the database")
        now, today = shift.clock.now(), shift.today()

        def work(connection: Connection) -> Refusal | None:
            return attempts.mark(
                connection, claimed, attempt, owner=shift.owner, values=message.values, now=now, today=today
            )

        refusal = await shift.ledger.write(work)
        if refusal is None and shift.stopping:
            raise MarkWithheldError("the worker stopped")
        return refusal


def _given_up(transaction: Transaction, words: str) -> Ending:
    in_body = transaction.phase is AttemptPhase.BODY
    outcome = AttemptOutcome.UNCERTAIN if in_body else AttemptOutcome.ABANDONED
    return Ending(AttemptEnd(outcome, transaction.phase, answer=words))


def _stop_words(server: str, end: AttemptEnd) -> str:
    if end.phase is AttemptPhase.CONNECT:
        return end.answer or f"{server} cannot be used"
    said = " ".join(filter(None, (str(end.code or ""), end.enhanced, end.answer)))
    return f"{server} refuses our mail: {said}"


class _Settler:
    """Writes how one try ended."""

    def __init__(
        self,
        shift: Shift,
        claimed: ClaimedDelivery,
        attempt: Attempt,
        opens_at: Callable[[datetime], datetime],
        *,
        server: str,
    ) -> None:
        self._shift = shift
        self._server = server
        self._claimed = claimed
        self._attempt = attempt
        self._opens = opens_at

    async def ending(self, ending: Ending) -> None:
        """Write it, however long the database takes."""
        if ending.end.outcome is AttemptOutcome.STOPPED:
            await self._stop(ending)
            return
        state = await self._shift.ledger.write_answer(self._settlement(ending).write)
        self._count(ending, state)

    def at_once(self, ending: Ending) -> None:
        """Write it on the way out. If that fails, recovery finds the mark (or none) and knows enough."""
        try:
            self._count(ending, self._shift.ledger.write_now(self._settlement(ending).write))
        except StoreError as error:
            log.error("delivery %s could not be settled while stopping: %s", self._claimed.id, error)

    def _settlement(self, ending: Ending) -> Settlement:
        return Settlement(self._claimed, self._attempt, ending, self._shift.clock.now(), self._opens)

    def _count(self, ending: Ending, state: DeliveryState) -> None:
        if state is DeliveryState.QUEUED:
            self._shift.retried += ending.end.outcome is AttemptOutcome.RETRY
        else:
            self._shift.counts[state] += 1

    async def _stop(self, ending: Ending) -> None:
        shift, sender = self._shift, self._claimed.sender
        if sender not in shift.stopped:
            # set before the first await: two lines that fail together stop once
            outage = ending.verdict is Verdict.RETRY
            words = _stop_words(self._server, ending.end)
            stop = SenderStop(shift.mode, sender, words, outage=outage, now=shift.clock.now())
            shift.stopped[sender] = StoppedSender(sender, stop.now, 0, words)
            shift.stopped[sender] = await shift.ledger.write_answer(stop.write)
        until, now = shift.stopped[sender].until, shift.clock.now()
        await shift.ledger.write_answer(
            lambda connection: put_back(connection, self._claimed, self._attempt, ending, until=until, now=now)
        )
