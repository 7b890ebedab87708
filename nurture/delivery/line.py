"""One line: a kept connection of one sender and the deliveries that go over it, one after the other.

While the server thinks about one mail the next is composed. Where it takes
PIPELINING (RFC 2920), the body of one and the envelope of the next go out in one
write; the next one's body waits until the answer to the first is written down.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nurture.clock import monotonic
from nurture.delivery.connection import BrokenConnectionError, SmtpConnection
from nurture.delivery.dialing import DialError, dial
from nurture.delivery.post import Post
from nurture.delivery.shift import Shift
from nurture.delivery.supply import Composed, Supply
from nurture.delivery.transaction import Ending, Transaction, broken, is_stale, not_dialed
from nurture.delivery.tries import Tries
from nurture.errors import StoreError
from nurture.vocabulary import AttemptOutcome, AttemptPhase, DeliveryState, Verdict
from nurture.workspace.settings import Pipelining

log = logging.getLogger("nurture.delivery")


@dataclass(frozen=True, slots=True)
class _Writing:
    transaction: Transaction
    ending: Ending
    written: asyncio.Future[DeliveryState]

    @property
    def answer(self) -> tuple[Transaction, Ending]:
        return self.transaction, self.ending


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
        self._tries = Tries(shift, post)
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
        if self._waits is None:
            return  # it was answered meanwhile: what it has in its hands may be on its way to the mark
        waiting, _ = self._waits
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            self._stock.put_back(ahead.taken)
        for transaction in self._tries.open:
            if transaction is not waiting and transaction.phase is not AttemptPhase.BODY:
                self._let_go = transaction
                self._tries.forget(transaction)
                ending = transaction.given_up("another mail over this connection got no answer for long")
                # if this fails, its row is found in this worker's name and goes back before the next round
                await self._shift.ledger.write(self._tries.settlement(transaction, ending))
                self._stock.unused()
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
            self._tries.write_at_once(self._writing.answer if self._writing else None)
            raise
        finally:
            if self._connection is not None:
                self._connection.close()

    def keep_late_answer(self) -> None:
        """Asked again and again: an answer that was on its way the last time, too, goes to the journal."""
        if self._writing is not None and self._writing is self._seen:
            self._shift.ledger.keep(self._tries.settlement(self._writing.transaction, self._writing.ending).kept())
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
        marking = self._tries.submit(mark=current, begin=following)
        try:
            in_time = await self._write_answer()
            written = await marking
        except StoreError as error:
            await self._after_failure(current, following, str(error))
            return await self._next()
        upcoming = self._tries.begin(following, written)
        if written.refusal is not None:
            # after an accepted RCPT only a closed connection means "no mail"
            self._hang_up()
            self._tries.forget(current)
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
            begun = self._tries.begin(composed, await self._tries.submit(begin=composed))
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
            self._writing = _Writing(out, ending, self._shift.ledger.submit(self._tries.settlement(out, ending)))
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
            settlement = self._tries.settlement(transaction, ending)
            state = await self._shift.ledger.write_answer(settlement, settlement.kept, error)
        self._shift.ledger.written(transaction.attempt.id)
        self._writing = None
        self._tries.count(transaction, ending, state)
        return in_time

    async def _envelope(self, current: Transaction) -> Ending | None:
        """Bring it to its 354; over a new connection if the kept one turns out to be dead, or has carried enough."""
        ending: Ending | None = None
        for _ in range(2):
            try:
                connection = await self._connected(current)
            except DialError as error:
                return not_dialed(current, error)
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
            if connection.is_open or not (ending.renews or is_stale(ending, current.waited)):
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
        self._tries.forget(current)
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

    # -- how a try ends

    async def _settle(self, transaction: Transaction, ending: Ending) -> None:
        """Write how a try ended, however long the database takes."""
        if ending.end.outcome is AttemptOutcome.STOPPED:
            unanswered = ending.end.phase is AttemptPhase.CONNECT and ending.verdict is Verdict.RETRY
            if unanswered and self.post.connected():
                await self._leave(transaction)
                return
        await self._tries.settle(transaction, ending)

    async def _leave(self, transaction: Transaction) -> None:
        """The mail server works, but takes no more connections at once: the other lines go on without this one."""
        self._dismissed = True
        self.post.crowd(self._shift.clock.now())
        self._tries.forget(transaction)
        await self._supply.give_back(transaction.claimed)
        self._stock.requeued()
