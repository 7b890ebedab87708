"""What is written of a line's tries: begun, marked, settled; a stop of the sender."""

from __future__ import annotations

import asyncio
import logging
import re
from functools import partial

from nurture.delivery.kept import KeptAnswer
from nurture.delivery.opening import opens
from nurture.delivery.post import Post
from nurture.delivery.settling import SenderStop, Settlement, back_at, keep, put_back
from nurture.delivery.shift import Shift
from nurture.delivery.supply import Composed
from nurture.delivery.transaction import Ending, Transaction
from nurture.delivery.turn import Turn, Written
from nurture.store.attempts import Attempt, AttemptEnd
from nurture.store.groups import Beginning, Marking
from nurture.store.senders import StoppedSender
from nurture.vocabulary import AttemptOutcome, AttemptPhase, DeliveryState, Mode, Verdict

log = logging.getLogger("nurture.delivery")


class Tries:
    """One line's tries. ``open`` are those that were begun and are not settled, the oldest first."""

    def __init__(self, shift: Shift, post: Post) -> None:
        self._shift = shift
        self._post = post
        self.open: list[Transaction] = []

    def submit(self, *, mark: Transaction | None = None, begin: Composed | None = None) -> asyncio.Future[Written]:
        """One turn: the mark of this mail, the beginning of the next. `StoreError`: nothing of it is written."""
        shift = self._shift
        turn = Turn(
            owner=shift.owner,
            mode=shift.mode,
            now=shift.clock.now(),
            today=shift.today(),
            mark=Marking(mark.claimed, mark.attempt, mark.message.values) if mark else None,
            begin=self._beginning(begin) if begin else None,
        )
        return shift.ledger.submit(turn)

    def _beginning(self, composed: Composed) -> Beginning:
        message = composed.message
        message_id, date = (message.message_id, message.date) if message else ("", self._shift.clock.now())
        return Beginning(composed.claimed, self._post.route.server, message_id, date)

    def begin(self, composed: Composed | None, written: Written) -> Transaction | None:
        """The transaction of a try that was begun; None if it was not."""
        if composed is None:
            return None
        if not isinstance(written.begun, Attempt):
            assert written.begun is not None
            self._post.stock.left(composed.claimed.id)
            self._shift.count(written.begun.state)
            return None
        assert composed.person is not None, "the gate is shut for a contact without an address"
        assert composed.message is not None
        window = partial(opens, self._shift.workspace, composed.claimed.campaign, composed.person)
        transaction = Transaction(composed.claimed, written.begun, composed.message, window)
        self.open.append(transaction)
        return transaction

    async def settle(self, transaction: Transaction, ending: Ending) -> None:
        """Write how a try ended, however long the database takes; a stop stops the sender."""
        if ending.end.outcome is AttemptOutcome.STOPPED:
            self._post.experience.answered(transaction, ending)
            await self._stop(transaction, ending)
            self.forget(transaction)
            return
        settlement = self.settlement(transaction, ending)
        state = await self._shift.ledger.write_answer(settlement, settlement.kept)
        self.count(transaction, ending, state)

    def count(self, transaction: Transaction, ending: Ending, state: DeliveryState) -> None:
        """An ending is in the database."""
        self.forget(transaction)
        self._post.experience.answered(transaction, ending)
        self._shift.retried += state is DeliveryState.QUEUED and ending.end.outcome is AttemptOutcome.RETRY
        self._shift.count(state)

    def settlement(self, transaction: Transaction, ending: Ending) -> Settlement:
        """What is to be written of an ending."""
        now = self._shift.clock.now()
        self._count_for_brake(transaction, ending)
        return Settlement(
            transaction.claimed, transaction.attempt, ending, now, transaction.opens, brake=transaction.brake
        )

    def _count_for_brake(self, transaction: Transaction, ending: Ending) -> None:
        answered = ending.end.outcome in (AttemptOutcome.SENT, AttemptOutcome.FAILED)
        if transaction.is_counted or not answered or transaction.claimed.mode is not Mode.LIVE:
            return
        transaction.is_counted = True  # an ending is written again where the database fails
        transaction.brake = self._shift.brakes.answered(
            transaction.claimed.edition_id,
            dead=ending.verdict is Verdict.FAIL_ADDRESS,
            rule=self._shift.workspace.settings.brakes.dead_addresses,
        )

    def forget(self, transaction: Transaction) -> None:
        """It is in this line's hands no more."""
        self.open.remove(transaction)
        self._post.stock.left(transaction.claimed.id)

    def write_at_once(self, answered: tuple[Transaction, Ending] | None) -> None:
        """On the way out; ``answered`` has an answer. Where it fails, recovery finds the marks and knows enough."""
        known = dict([answered]) if answered else {}
        for transaction in list(self.open):
            ending = known.get(transaction) or transaction.given_up("the worker stopped")
            settlement = self.settlement(transaction, ending)
            try:
                state = self._shift.ledger.write_now(settlement.write)
            except Exception as error:  # noqa: BLE001 - the others are still to be written; `run` raises what failed first
                log.error("delivery %s could not be settled while stopping: %s", transaction.claimed.id, error)
                if transaction in known:
                    self._shift.ledger.keep(settlement.kept())
            else:
                self._shift.ledger.written(transaction.attempt.id)
                self._shift.count(state)

    async def _stop(self, transaction: Transaction, ending: Ending) -> None:
        """The server refuses us, or cannot be reached: no more dialing for a while, and nobody is blamed."""
        shift, sender = self._shift, self._post.sender
        claimed, attempt = transaction.claimed, transaction.attempt

        def kept() -> KeptAnswer:
            until, now = shift.stopped[sender].until, shift.clock.now()
            return keep(claimed, attempt, ending, now=now, again_at=back_at(claimed, attempt, until))

        if sender not in shift.stopped:
            # set before the first await: two lines that fail together stop once
            words = _stop_words(self._post.route.server, ending.end, recipient=transaction.message.envelope_to)
            stop = SenderStop(shift.mode, sender, words, outage=ending.verdict is Verdict.RETRY, now=shift.clock.now())
            shift.stopped[sender] = StoppedSender(sender, stop.now, 0, words)
            shift.stopped[sender] = await shift.ledger.write_answer(stop.write, kept)
        until, now = shift.stopped[sender].until, shift.clock.now()
        await shift.ledger.write_answer(
            lambda connection: put_back(connection, claimed, attempt, ending, until=until, now=now), kept
        )


def _stop_words(server: str, end: AttemptEnd, *, recipient: str) -> str:
    """Without the recipient, whom servers like to name: an alert outlives the person's erasure."""
    if end.phase is AttemptPhase.CONNECT:
        return end.answer or f"{server} cannot be used"
    said = " ".join(filter(None, (str(end.code or ""), end.enhanced, end.answer)))
    said = re.sub(re.escape(recipient), "the recipient", said, flags=re.IGNORECASE)
    return f"{server} refuses our mail: {said}"
