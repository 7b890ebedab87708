"""One line: a kept connection of one sender and the deliveries that go over it, one after the other.

While the server thinks about one mail the next is composed. Where it takes
PIPELINING (RFC 2920), the body of one and the envelope of the next go out in one
write; the next one's body waits until the answer to the first is written down.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from nurture.clock import monotonic
from nurture.composing.dkim import Signer
from nurture.delivery.connection import BrokenConnectionError, SmtpConnection
from nurture.delivery.dialing import DialError, dial
from nurture.delivery.experience import Experience
from nurture.delivery.kept import KeptAnswer
from nurture.delivery.opening import opens
from nurture.delivery.routes import Route
from nurture.delivery.settling import SenderStop, Settlement, back_at, keep, put_back
from nurture.delivery.shift import Shift
from nurture.delivery.stock import Stock
from nurture.delivery.supply import Composed, Supply
from nurture.delivery.traffic import LONG
from nurture.delivery.transaction import Ending, Transaction, broken
from nurture.delivery.turn import Turn, Written
from nurture.errors import StoreError
from nurture.store.attempts import Attempt, AttemptEnd
from nurture.store.groups import Beginning, Marking
from nurture.store.senders import StoppedSender
from nurture.vocabulary import AttemptOutcome, AttemptPhase, DeliveryState, Verdict
from nurture.workspace.settings import Pipelining

log = logging.getLogger("nurture.delivery")


@dataclass(frozen=True, slots=True)
class _Writing:
    transaction: Transaction
    ending: Ending
    written: asyncio.Future[DeliveryState]


@dataclass
class Post:
    """What the lines of one sender share."""

    sender: str
    route: Route
    signer: Signer
    stock: Stock
    experience: Experience
    lines: list[Line] = field(default_factory=list)

    def connected(self) -> int:
        """How many lines have a session with the mail server."""
        return sum(line.is_connected for line in self.lines)

    def crowd(self, now: datetime) -> None:
        """The mail server takes no more connections than it has."""
        self.experience.traffic.crowd(self.connected(), now)


class Line:
    """Delivers what is due for one sender until nothing is left, the sender stops, or the worker does."""

    def __init__(self, shift: Shift, post: Post, number: int) -> None:
        self._shift = shift
        self.post = post
        self._dismissed = False
        self._sender = post.sender
        self._route = post.route
        self._stock = post.stock
        self._supply = Supply(shift, post.sender, post.signer, post.stock, line=number)
        self._connection: SmtpConnection | None = None
        self._begun: list[Transaction] = []  # tries that were begun and are not settled, the oldest first
        self._out: Transaction | None = None  # its body is out, its answer not read
        self._writing: _Writing | None = None  # its answer is read, and on its way into the database
        self._seen: _Writing | None = None  # what was on its way when `keep_late_answer` last looked
        self._ahead: Composed | None = None  # composed, not begun
        self._let_go: Transaction | None = None  # begun, and given to others while this line waited
        self._waits: tuple[Transaction, float] | None = None  # for an answer to it, since (monotonic)

    @property
    def is_connected(self) -> bool:
        """It has a session with the mail server."""
        return self._connection is not None and self._connection.is_open

    def waits_for(self) -> tuple[str, float] | None:
        """The provider of the mail whose answer is awaited now, and for how many seconds."""
        if self._waits is None:
            return None
        transaction, since = self._waits
        return self.post.experience.providers.of(transaction.claimed.address), transaction.waited + monotonic() - since

    async def unburden(self) -> None:
        """It waits long: what else it has in its hands goes to the other lines. Raises `StoreError`."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            self._stock.put_back(ahead.taken)
        waiting = self._waits[0] if self._waits else None
        for transaction in self._begun:
            if transaction is not waiting and transaction.phase is not AttemptPhase.BODY:
                self._let_go = transaction
                self._forget(transaction)
                ending = transaction.given_up("another mail over this connection got no answer for long")
                # if this fails, its row is found in this worker's name and goes back before the next round
                await self._shift.ledger.write(self._settlement(transaction, ending))
                self._stock.requeued()
                return

    @property
    def awaits_answer(self) -> bool:
        """The body is out, or its answer is being written: worth waiting for."""
        return self._out is not None or self._writing is not None

    async def run(self) -> None:
        """Claim and deliver; raises `StoreError` if the database fails between two mails."""
        try:
            current = await self._next()
            while current is not None:
                current = await self._deliver(current)
            if self._connection is not None:
                await self._connection.quit()
        except BaseException:
            self._write_at_once()
            raise
        finally:
            if self._connection is not None:
                self._connection.close()

    def keep_late_answer(self) -> None:
        """Asked again and again: an answer that was on its way the last time, too, goes to the journal."""
        if self._writing is not None and self._writing is self._seen:
            self._shift.ledger.keep(self._settlement(self._writing.transaction, self._writing.ending).kept())
        self._seen = self._writing

    # -- one mail after the other

    async def _deliver(self, current: Transaction) -> Transaction | None:
        """Bring a begun mail to its body's last byte; the one that comes next, begun."""
        self._ahead = await self._supply.next_ahead()
        await self._read_answer(current)
        if current is self._let_go:
            self._hang_up()  # its envelope is on the wire
            return await self._next()
        if not current.offered:
            await self._write_answer()
        if not self._shift.may_go_on(self._sender):
            await self._put_off(current)
            return None
        ending = await self._envelope(current)
        if ending is not None:
            return await self._after_refusal(current, ending)
        if not self._shift.may_go_on(self._sender):
            await self._put_off(current)
            return None
        following, self._ahead = self._ahead, None
        marking = self._submit(mark=current, begin=following)
        try:
            in_time = await self._write_answer()
            written = await marking
        except StoreError as error:
            await self._after_failure(current, following, str(error))
            return await self._next()
        upcoming = self._begin(following, written)
        if written.refusal is not None:
            # after an accepted RCPT only a closed connection means "no mail"
            self._hang_up()
            self._forget(current)
            self._shift.count(written.refusal.state)
        elif self._shift.stopping or not in_time:
            # nothing of the body has left
            self._hang_up()
            words = "the worker stopped" if in_time else "the answer to the mail before waited for the database"
            await self._settle(current, current.given_up(words))
        elif not self.is_connected:
            words = "the server closed the connection before the body"
            await self._settle(current, broken(AttemptPhase.DATA, words))
        else:
            self._send_body(current, upcoming)
        return upcoming or await self._next()

    def _send_body(self, current: Transaction, upcoming: Transaction | None) -> None:
        connection = self._connection
        assert connection is not None
        current.phase = AttemptPhase.BODY
        self._out = current
        ahead = connection.pipelines and self._pipelining() is Pipelining.AUTO
        if upcoming is not None and ahead and not self._is_used_up(connection, under_way=1):
            upcoming.offer(connection, current.wire)
        else:
            connection.send(current.wire)

    async def _next(self) -> Transaction | None:
        """The next mail that may begin; the answer to the last one is read and written first."""
        await self._read_answer()
        await self._write_answer()
        while (composed := await self._taken()) is not None:
            begun = self._begin(composed, await self._submit(begin=composed))
            if begun is not None:
                return begun
        return None

    async def _taken(self) -> Composed | None:
        """What is at hand already, or the next from the stock."""
        ahead, self._ahead = self._ahead, None
        if self._dismissed or not self._shift.may_go_on(self._sender):
            if ahead is not None:
                await self._supply.give_back(ahead.claimed)
            return None
        if ahead is not None and self.post.experience.is_put_off(ahead.taken.provider):
            await self._supply.give_back(ahead.claimed)
            ahead = None
        return ahead or await self._supply.next()

    async def _read_answer(self, current: Transaction | None = None) -> None:
        """The answer to the body that is out; it is on its way into the database when this returns."""
        if self._out is None:
            return
        assert self._connection is not None
        out = self._out
        with self._waiting(out):
            ending = await out.answered(self._connection)
        if ending.end.outcome is AttemptOutcome.UNCERTAIN and current is not None and current.offered:
            self._shift.lost_step(self._sender)
        if ending.end.outcome is AttemptOutcome.STOPPED:
            self._out = None
            await self._settle(out, ending)
        else:
            self._writing = _Writing(out, ending, self._shift.ledger.submit(self._settlement(out, ending)))
            self._out = None

    async def _write_answer(self) -> bool:
        """Wait until the answer that was read is in the database, however long that takes.

        False: it did not work at once, so the connection was closed meanwhile.
        """
        if self._writing is None:
            return True
        transaction, ending = self._writing.transaction, self._writing.ending
        in_time = True
        try:
            state = await self._writing.written
        except StoreError as error:
            in_time = False
            self._hang_up()
            settlement = self._settlement(transaction, ending)
            state = await self._shift.ledger.write_answer(settlement, settlement.kept, error)
        self._shift.ledger.written(transaction.attempt.id)
        self._writing = None
        self._count(transaction, ending, state)
        return in_time

    async def _envelope(self, current: Transaction) -> Ending | None:
        """Bring it to its 354; over a new connection if the kept one turns out to be dead, or has carried enough."""
        ending: Ending | None = None
        for _ in range(2):
            try:
                connection = await self._connected(current)
            except DialError as error:
                return _not_dialed(current, error)
            fresh = connection.carried == 0
            at_once = connection.pipelines and self._pipelining() is not Pipelining.OFF
            try:
                with self._waiting(current):
                    ending = await current.accept(connection, at_once=at_once)
            except BrokenConnectionError as error:
                ending = broken(current.phase, str(error))
            if ending is None or fresh:
                return ending
            if ending.renews:
                await connection.quit()
            if connection.is_open or not (ending.renews or _is_stale(ending, current.waited)):
                return ending
        return ending

    async def _connected(self, current: Transaction) -> SmtpConnection:
        if self._connection is not None and not current.offered and self._is_used_up(self._connection):
            await self._connection.quit()
        if self._connection is None or not self._connection.is_open:
            current.offered = False
            await self._write_answer()  # dialing may take minutes
            self._connection = await dial(self._route, self._shift.timeouts)
        return self._connection

    @contextmanager
    def _waiting(self, transaction: Transaction) -> Iterator[None]:
        since = monotonic()
        self._waits = transaction, since
        try:
            yield
        finally:
            self._waits = None
            transaction.waited += monotonic() - since

    async def _after_refusal(self, current: Transaction, ending: Ending) -> Transaction | None:
        await self._write_answer()
        await self._settle(current, ending)
        return await self._next()

    async def _after_failure(self, current: Transaction, following: Composed | None, words: str) -> None:
        """The database failed at the mark: nothing of the body has left, also if its COMMIT did arrive."""
        self._hang_up()
        await self._settle(current, current.given_up(words))
        if following is not None:
            await self._supply.give_back(following.claimed)

    async def _put_off(self, current: Transaction) -> None:
        """The worker stops, or must not send: what was begun goes back."""
        self._hang_up()
        await self._write_answer()
        self._forget(current)
        await self._supply.give_back(current.claimed)
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            await self._supply.give_back(ahead.claimed)

    def _pipelining(self) -> Pipelining:
        return Pipelining.OFF if self._shift.in_lockstep(self._sender) else self._route.pipelining

    def _is_used_up(self, connection: SmtpConnection, *, under_way: int = 0) -> bool:
        """Whether it has carried as many mails as the clinic allows."""
        most = self._route.messages_per_connection
        return most is not None and connection.carried + under_way >= most

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()

    # -- what is written

    def _submit(self, *, mark: Transaction | None = None, begin: Composed | None = None) -> asyncio.Future[Written]:
        """One turn: the mark of this mail, the beginning of the next. `StoreError`: nothing of it is written."""
        shift = self._shift
        turn = Turn(
            owner=shift.owner,
            now=shift.clock.now(),
            today=shift.today(),
            mark=Marking(mark.claimed, mark.attempt, mark.message.values) if mark else None,
            begin=self._beginning(begin) if begin else None,
        )
        return shift.ledger.submit(turn)

    def _beginning(self, composed: Composed) -> Beginning:
        message = composed.message
        message_id, date = (message.message_id, message.date) if message else ("", self._shift.clock.now())
        return Beginning(composed.claimed, self._route.server, message_id, date)

    def _begin(self, composed: Composed | None, written: Written) -> Transaction | None:
        """The transaction of a try that was begun; None if it was not."""
        if composed is None:
            return None
        if not isinstance(written.begun, Attempt):
            assert written.begun is not None
            self._stock.left(composed.claimed.id)
            self._shift.count(written.begun.state)
            return None
        assert composed.person is not None, "the gate is shut for a contact without an address"
        assert composed.message is not None
        window = partial(opens, self._shift.workspace, composed.claimed.campaign, composed.person)
        transaction = Transaction(composed.claimed, written.begun, composed.message, window)
        self._begun.append(transaction)
        return transaction

    async def _settle(self, transaction: Transaction, ending: Ending) -> None:
        """Write how a try ended, however long the database takes."""
        if ending.end.outcome is AttemptOutcome.STOPPED:
            unanswered = ending.end.phase is AttemptPhase.CONNECT and ending.verdict is Verdict.RETRY
            if unanswered and self.post.connected():
                await self._leave(transaction)
                return
            self.post.experience.answered(transaction, ending)
            await self._stop(transaction, ending)
            self._forget(transaction)
            return
        settlement = self._settlement(transaction, ending)
        state = await self._shift.ledger.write_answer(settlement, settlement.kept)
        self._count(transaction, ending, state)

    def _count(self, transaction: Transaction, ending: Ending, state: DeliveryState) -> None:
        self._forget(transaction)
        self.post.experience.answered(transaction, ending)
        self._shift.retried += state is DeliveryState.QUEUED and ending.end.outcome is AttemptOutcome.RETRY
        self._shift.count(state)

    def _settlement(self, transaction: Transaction, ending: Ending) -> Settlement:
        now = self._shift.clock.now()
        return Settlement(transaction.claimed, transaction.attempt, ending, now, transaction.opens)

    def _forget(self, transaction: Transaction) -> None:
        self._begun.remove(transaction)
        self._stock.left(transaction.claimed.id)

    def _write_at_once(self) -> None:
        """On the way out. If that fails, recovery finds the marks (or none) and knows enough."""
        known = {self._writing.transaction: self._writing.ending} if self._writing else {}
        for transaction in list(self._begun):
            ending = known.get(transaction) or transaction.given_up("the worker stopped")
            settlement = self._settlement(transaction, ending)
            try:
                state = self._shift.ledger.write_now(settlement.write)
            except Exception as error:  # noqa: BLE001 - the others are still to be written; `run` raises what failed first
                log.error("delivery %s could not be settled while stopping: %s", transaction.claimed.id, error)
                if transaction in known:
                    self._shift.ledger.keep(settlement.kept())
            else:
                self._shift.ledger.written(transaction.attempt.id)
                self._shift.count(state)

    async def _leave(self, transaction: Transaction) -> None:
        """The mail server works, but takes no more connections at once: the other lines go on without this one."""
        self._dismissed = True
        self.post.crowd(self._shift.clock.now())
        self._forget(transaction)
        await self._supply.give_back(transaction.claimed)
        self._stock.requeued()

    async def _stop(self, transaction: Transaction, ending: Ending) -> None:
        """The server refuses us, or cannot be reached: no more dialing for a while, and nobody is blamed."""
        shift, sender = self._shift, self._sender
        claimed, attempt = transaction.claimed, transaction.attempt

        def kept() -> KeptAnswer:
            until, now = shift.stopped[sender].until, shift.clock.now()
            return keep(claimed, attempt, ending, now=now, again_at=back_at(claimed, attempt, until))

        if sender not in shift.stopped:
            # set before the first await: two lines that fail together stop once
            words = _stop_words(self._route.server, ending.end, recipient=transaction.message.envelope_to)
            stop = SenderStop(shift.mode, sender, words, outage=ending.verdict is Verdict.RETRY, now=shift.clock.now())
            shift.stopped[sender] = StoppedSender(sender, stop.now, 0, words)
            shift.stopped[sender] = await shift.ledger.write_answer(stop.write, kept)
        until, now = shift.stopped[sender].until, shift.clock.now()
        await shift.ledger.write_answer(
            lambda connection: put_back(connection, claimed, attempt, ending, until=until, now=now), kept
        )


def _not_dialed(current: Transaction, error: DialError) -> Ending:
    current.phase = AttemptPhase.CONNECT
    reply = error.reply
    end = AttemptEnd(
        AttemptOutcome.STOPPED,
        AttemptPhase.CONNECT,
        reply.code if reply else None,
        reply.enhanced if reply else None,
        error.words,
    )
    return Ending(end, Verdict.STOP_SENDER if error.refused else Verdict.RETRY)


def _is_stale(ending: Ending, waited: float) -> bool:
    """A server ends a session between two mails: nobody's fault, and no try.

    Silence after RCPT is none: MAIL was answered, so the session lived.
    """
    end = ending.end
    silent = end.phase is AttemptPhase.RCPT and end.code is None and waited >= LONG
    return end.phase in (AttemptPhase.MAIL, AttemptPhase.RCPT) and end.code in (None, 421) and not silent


def _stop_words(server: str, end: AttemptEnd, *, recipient: str) -> str:
    """Without the recipient, whom servers like to name: an alert outlives the person's erasure."""
    if end.phase is AttemptPhase.CONNECT:
        return end.answer or f"{server} cannot be used"
    said = " ".join(filter(None, (str(end.code or ""), end.enhanced, end.answer)))
    said = re.sub(re.escape(recipient), "the recipient", said, flags=re.IGNORECASE)
    return f"{server} refuses our mail: {said}"
