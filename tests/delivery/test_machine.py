"""The store's steps in any order, by several workers, against a model in plain Python.

Every delivery is in exactly the state that the model says, at every step; a
yes that was settled stays; nobody gets two mails unless somebody retried or
sent again by hand.
"""

import os
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import ClassVar

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nurture.delivery import control
from nurture.errors import InputError
from nurture.reports.accounts import accounts
from nurture.store import Store, attempts, deliveries, editions, groups, meta, open_store, suppressions, uncertain
from nurture.store.attempts import Attempt, AttemptEnd, ClaimedDelivery
from nurture.store.deliveries import BY_HAND_WINDOW
from nurture.store.erasure import erase_contact
from nurture.store.gate import Refusal
from nurture.store.groups import Beginning, Marking
from nurture.store.schema import delivery
from nurture.vocabulary import (
    AttemptOutcome,
    AttemptPhase,
    DeliveryState,
    Mode,
    SuppressionReason,
    SuppressionScope,
)
from tests.delivery.outbox import NOW, fill_outbox

S = DeliveryState
PEOPLE = 6
ANSWERS = {
    "yes": AttemptEnd(AttemptOutcome.SENT, AttemptPhase.BODY, 250, "2.0.0", "taken"),
    "later": AttemptEnd(AttemptOutcome.RETRY, AttemptPhase.BODY, 451, "4.3.0", "later"),
    "no": AttemptEnd(AttemptOutcome.FAILED, AttemptPhase.BODY, 554, "5.6.0", "no"),
    "silence": AttemptEnd(AttemptOutcome.UNCERTAIN, AttemptPhase.BODY, answer="the connection was lost"),
}
AFTER = {"yes": S.SENT, "later": S.QUEUED, "no": S.FAILED, "silence": S.UNCERTAIN}
RETRY_IN = timedelta(minutes=5)


@dataclass
class Row:
    """What the model knows of a delivery."""

    state: DeliveryState = S.QUEUED
    owner: str = ""
    claim: int = 0
    marked: bool = False
    tries: int = 0  # counted ones
    due: datetime = NOW
    not_after: datetime = NOW + timedelta(hours=8)
    suppressed: bool = False
    erased: bool = False
    arrived: int = 0  # how often a server took it
    by_hand: int = 0
    resends: int = 0
    left: bool = False  # somebody decided to leave it uncertain
    settled_yes: bool = False
    said_arrived: bool = False  # by somebody, no server

    @property
    def shut(self) -> DeliveryState | None:
        """What the gate makes of it, the edition apart."""
        if self.erased:
            return S.CANCELED
        return S.SKIPPED if self.suppressed else None


@dataclass
class Hand:
    """A delivery in a worker's hands, as far as that worker knows."""

    owner: str
    claimed: ClaimedDelivery
    attempt: Attempt | None = None
    marked: bool = False
    answer: str = ""  # the body is out, and this came back
    settled: bool = False
    recovered: bool = False  # others took the try away: its end was written as uncertain or abandoned
    hearsay: bool = False  # somebody said that it arrived: only a yes replaces that


@dataclass
class Model:
    rows: dict[int, Row]
    ready: bool = True
    canceled: bool = False
    paused: bool = False
    hands: list[Hand] = field(default_factory=list)

    def shut(self, row: Row) -> DeliveryState | None:
        return S.CANCELED if self.canceled else row.shut

    def ours(self, hand: Hand) -> bool:
        row = self.rows[hand.claimed.id]
        return row.state is S.SENDING and row.owner == hand.owner and row.claim == hand.claimed.claim and not row.marked


def apart(hands: list[Hand]) -> list[list[Hand]]:
    """One group, unless a worker that seemed dead claimed anew what it still holds: then each alone, as the ledger does."""
    once = len({hand.claimed.id for hand in hands}) == len(hands)
    return [hands] if once else [[hand] for hand in hands]


class DeliveryMachine(RuleBasedStateMachine):
    template: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="machine"))
        shutil.copyfile(self.template, self.folder / "nurture.db")
        self.store: Store = open_store(f"sqlite:///{self.folder}/nurture.db", root=self.folder)
        with self.store.write() as connection:
            meta.set_mode(connection, Mode.LIVE, NOW)
        outbox = fill_outbox(self.store, recipients=PEOPLE)
        self.edition_id = outbox.edition_id
        self.expires_at = NOW + timedelta(days=3)
        self.model = Model({each: Row() for each in outbox.delivery_ids})
        self.contacts = dict(zip(outbox.delivery_ids, outbox.column("contact_id"), strict=True))
        self.now = NOW
        self.names = (f"worker-{number}" for number in count())
        self.workers = [next(self.names), next(self.names)]

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    # -- what workers do

    def too_late(self, row: Row) -> bool:
        return row.not_after < self.now and (row.tries == 0 or self.expires_at < self.now)

    @rule(which=st.integers(0, 1), limit=st.integers(1, 3))
    def claim(self, which: int, limit: int) -> None:
        owner = self.workers[which]
        with self.store.write() as connection:
            found = deliveries.claim(
                connection, mode=Mode.LIVE, sender="clinic", owner=owner, now=self.now, limit=limit
            )
        due = [
            (row.due, key)
            for key, row in self.model.rows.items()
            if row.state is S.QUEUED and row.due <= self.now and not self.too_late(row)
        ]
        open_ = self.model.ready and not self.model.paused
        assert [each.id for each in found] == [key for _, key in sorted(due)[:limit] if open_]
        for each in found:
            row = self.model.rows[each.id]
            row.state, row.owner, row.claim, row.marked = S.SENDING, owner, row.claim + 1, False
            assert (each.claim, each.attempts) == (row.claim, row.tries)
            self.model.hands.append(Hand(owner, each))

    def hands(self, **wanted: object) -> list[Hand]:
        return [hand for hand in self.model.hands if all(getattr(hand, key) == it for key, it in wanted.items())]

    def refused(self, hand: Hand) -> None:
        """The gate or a pause said no; what the model makes of it."""
        self.model.hands.remove(hand)
        row = self.model.rows[hand.claimed.id]
        if not self.model.ours(hand):
            return
        row.owner = ""
        if self.model.paused:
            row.state = S.QUEUED
        else:
            shut = self.model.shut(row)
            assert shut is not None
            row.state = shut

    @precondition(lambda self: self.hands(attempt=None))
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.begin_all(data.draw(st.sampled_from(sorted({hand.owner for hand in self.hands(attempt=None)}))))

    def begin_all(self, owner: str) -> None:
        for group in apart(self.hands(attempt=None, owner=owner)):
            self.begin_group(group, owner)

    def begin_group(self, group: list[Hand], owner: str) -> None:
        wanted = [
            Beginning(hand.claimed, "mx.example:25", f"<{hand.claimed.id}@clinic.example>", NOW) for hand in group
        ]
        with self.store.write() as connection:
            begun = groups.begin(
                connection, wanted, groups.paused(connection, Mode.LIVE), owner=owner, now=self.now, today=NOW.date()
            )
        for hand in group:
            result = begun[hand.claimed.id]
            may = self.model.ours(hand) and not self.model.paused and not self.model.shut(self._row(hand))
            assert isinstance(result, Attempt) == may, result
            if isinstance(result, Attempt):
                hand.attempt = result
            else:
                self.refused(hand)

    def _row(self, hand: Hand) -> Row:
        return self.model.rows[hand.claimed.id]

    def unmarked(self) -> list[Hand]:
        return [hand for hand in self.hands(marked=False) if hand.attempt is not None]

    @precondition(lambda self: self.unmarked())
    @rule(data=st.data())
    def mark(self, data: st.DataObject) -> None:
        self.mark_all(data.draw(st.sampled_from(sorted({hand.owner for hand in self.unmarked()}))))

    def mark_all(self, owner: str) -> None:
        for group in apart([hand for hand in self.unmarked() if hand.owner == owner]):
            self.mark_group(group, owner)

    def mark_group(self, group: list[Hand], owner: str) -> None:
        wanted = [Marking(hand.claimed, hand.attempt, {"n": 1}) for hand in group if hand.attempt]
        with self.store.write() as connection:
            refusals = groups.mark(
                connection, wanted, groups.paused(connection, Mode.LIVE), owner=owner, now=self.now, today=NOW.date()
            )
        for hand in group:
            may = self.model.ours(hand) and not self.model.paused and not self.model.shut(self._row(hand))
            refusal: Refusal | None = refusals.get(hand.claimed.id)
            assert (refusal is None) == may, refusal
            if may:
                hand.marked = self._row(hand).marked = True
            else:
                self.refused(hand)

    @rule(which=st.integers(0, 1), limit=st.integers(1, 3))
    def go_to_the_mark(self, which: int, limit: int) -> None:
        """Three steps without anybody between: else few mails would get that far."""
        self.claim(which, limit)
        self.begin_all(self.workers[which])
        self.mark_all(self.workers[which])

    @precondition(lambda self: self.hands(marked=True, answer=""))
    @rule(data=st.data(), answer=st.sampled_from(sorted(ANSWERS)), kept=st.booleans())
    def send(self, data: st.DataObject, answer: str, kept: bool) -> None:
        self.answer(data.draw(st.sampled_from(self.hands(marked=True, answer=""))), answer, kept=kept)

    def answer(self, hand: Hand, answer: str, *, kept: bool) -> None:
        hand.answer = answer
        self._row(hand).arrived += answer == "yes" or (answer == "silence" and kept)

    @precondition(lambda self: [hand for hand in self.model.hands if hand.answer])
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        """The first time, or again; also by a worker that everybody takes for dead."""
        self.settle_hand(data.draw(st.sampled_from([hand for hand in self.model.hands if hand.answer])))

    def settle_hand(self, hand: Hand) -> None:
        row = self._row(hand)
        lives = row.claim == hand.claimed.claim and row.state in (S.SENDING, S.UNCERTAIN)
        heard = not hand.settled and not (hand.answer == "silence" and hand.recovered)
        heard &= not hand.hearsay or hand.answer == "yes"
        under_way = row.state is S.SENDING and row.marked  # in another worker's hands
        late_yes = hand.answer == "yes" and row.state is not S.SENT and not under_way
        takes = heard and (lives or late_yes)
        again = self.now + RETRY_IN
        assert hand.attempt is not None
        with self.store.write() as connection:
            if hand.answer == "yes" and lives and row.state is S.SENDING and not hand.settled:
                done = groups.settle_sent(connection, [(hand.claimed, hand.attempt, ANSWERS["yes"])], now=self.now) == {
                    hand.claimed.id
                }
            else:
                done = attempts.settle(
                    connection,
                    hand.claimed,
                    hand.attempt,
                    ANSWERS[hand.answer],
                    now=self.now,
                    next_attempt_at=again if hand.answer == "later" else None,
                )
        assert done == takes
        hand.settled = True
        row.settled_yes |= heard and hand.answer == "yes"
        if not takes:
            return
        row.state = S.SENT if row.settled_yes else AFTER[hand.answer]
        row.tries += 1
        row.left = False
        if row.state is not S.UNCERTAIN:
            row.marked = False
        if row.state is S.QUEUED:
            row.due, row.owner, row.marked = again, "", False
            if not self.model.canceled:
                self.model.ready = True

    @precondition(lambda self: self.hands(marked=False))
    @rule(data=st.data(), renders=st.booleans())
    def give_up(self, data: st.DataObject, renders: bool) -> None:
        """Back to the queue before the mark, or not to be composed at all."""
        hand = data.draw(st.sampled_from(self.hands(marked=False)))
        renders |= hand.attempt is not None  # composed before its try begins
        with self.store.write() as connection:
            if renders:
                done = attempts.requeue(connection, hand.claimed, owner=hand.owner, now=self.now)
            else:
                done = attempts.skip_unrendered(connection, hand.claimed, owner=hand.owner, words="bad", now=self.now)
        assert done == self.model.ours(hand)
        if done:
            row = self._row(hand)
            row.state, row.owner = (S.QUEUED if renders else S.SKIPPED), ""
        self.model.hands.remove(hand)

    # -- crashes

    @rule(which=st.integers(0, 1))
    def crash(self, which: int) -> None:
        """Its memory is gone, its rows stay in its name; another one stands up."""
        dead = self.workers[which]
        self.model.hands = [hand for hand in self.model.hands if hand.owner != dead]
        self.workers[which] = next(self.names)

    @rule(taken_for_dead=st.sets(st.integers(0, 1)))
    def recover(self, taken_for_dead: set[int]) -> None:
        """Dead workers' rows, and those of living ones that seem dead: they become zombies."""
        gone = {row.owner for row in self.model.rows.values() if row.state is S.SENDING}
        gone -= {name for number, name in enumerate(self.workers) if number not in taken_for_dead}
        with self.store.write() as connection:
            deliveries.recover(connection, gone, self.now)
        for key, row in self.model.rows.items():
            if row.state is not S.SENDING or row.owner not in gone:
                continue
            for hand in self.model.hands:
                hand.recovered |= hand.claimed.id == key and hand.claimed.claim == row.claim
            if row.marked:
                row.state, row.left = (S.SENT if row.settled_yes else S.UNCERTAIN), False
            else:
                row.state, row.owner = S.QUEUED, ""

    # -- what becomes of uncertain ones

    def in_doubt(self, **wanted: object) -> list[int]:
        rows = self.model.rows.items()
        return [key for key, row in rows if row.state is S.UNCERTAIN and not (wanted and row.left)]

    def decide(self, keys: set[int]) -> tuple[uncertain.UncertainRow, ...]:
        """What the store finds of them: those that are uncertain."""
        with self.store.read() as connection:
            found = uncertain.find(connection, uncertain.Choice(Mode.LIVE, ids=tuple(keys)))
        assert {row.id for row in found} == keys & set(self.in_doubt())
        return found

    @rule(data=st.data())
    def leave_uncertain(self, data: st.DataObject) -> None:
        rows = self.decide(data.draw(st.sets(st.sampled_from(sorted(self.model.rows)))))
        new = [row.id for row in rows if not self.model.rows[row.id].left]
        with self.store.write() as connection:
            assert uncertain.leave(connection, rows, self.now, by="test") == len(new)
        for key in new:
            self.model.rows[key].left = True

    @precondition(lambda self: self.in_doubt())
    @rule(data=st.data(), pause=st.sampled_from([0, 10]))
    def resend(self, data: st.DataObject, pause: int) -> None:
        """Also while its worker only seemed dead: then its answer may still come."""
        self.queue_again(data.draw(st.sets(st.sampled_from(sorted(self.model.rows)), min_size=3)), pause)

    def queue_again(self, keys: set[int], pause: int) -> None:
        rows = self.decide(keys)
        when = self.now + timedelta(minutes=pause)
        with self.store.write() as connection:
            queued = uncertain.queue_again(connection, rows, self.now, when=when, data={"by": "test"})
        assert queued == (0 if self.model.canceled else len(rows))
        if not queued:
            return
        self.model.ready = True
        for found in rows:
            row = self.model.rows[found.id]
            row.state, row.owner, row.marked, row.due = S.QUEUED, "", False, when
            row.tries = max(row.tries, 1)
            row.resends += 1

    @rule(which=st.integers(0, 1), further=st.sampled_from(["queued", "claimed", "marked"]), late=st.booleans())
    def cut_off(self, which: int, further: str, late: bool) -> None:
        """A worker is cut off from the database and taken for dead; its mail goes again, then its yes comes."""
        self.go_to_the_mark(which, 2)
        under_way = self.hands(marked=True, answer="", owner=self.workers[which], recovered=False)
        if not under_way:
            return
        hand = under_way[-1]
        self.recover({which})
        self.queue_again({hand.claimed.id}, 0)
        if further == "claimed":
            self.claim(1 - which, 3)
        elif further == "marked":
            self.go_to_the_mark(1 - which, 3)
        if late:
            self.answer(hand, "yes", kept=True)
            self.settle_hand(hand)

    @precondition(lambda self: self.in_doubt())
    @rule(data=st.data(), arrived=st.booleans())
    def settle_by_hand(self, data: st.DataObject, arrived: bool) -> None:
        rows = self.decide({data.draw(st.sampled_from(self.in_doubt()))})
        with self.store.write() as connection:
            assert uncertain.settle(connection, rows, self.now, arrived=arrived, by="test") == len(rows)
        for found in rows:
            row = self.model.rows[found.id]
            row.state, row.marked = (S.SENT if arrived else S.FAILED), False
            row.said_arrived |= arrived
            for hand in self.model.hands:
                hand.hearsay |= arrived and hand.claimed.id == found.id and hand.claimed.claim == row.claim

    # -- what people do

    @rule(data=st.data())
    def unsubscribe(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.model.rows)))
        with self.store.write() as connection:
            suppressions.suppress(
                connection,
                SuppressionScope.ADDRESS,
                f"hash{sorted(self.model.rows).index(key) + 1}-clinic-partner.example",
                shown=None,
                reason=SuppressionReason.UNSUBSCRIBED,
                source="test",
                now=self.now,
            )
        self.model.rows[key].suppressed = True

    @precondition(lambda self: not all(row.erased for row in self.model.rows.values()))
    @rule(data=st.data())
    def erase(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(key for key, row in self.model.rows.items() if not row.erased)))
        with self.store.write() as connection:
            canceled = erase_contact(connection, self.contacts[key], now=self.now)
        row = self.model.rows[key]
        row.erased = True
        assert canceled == (row.state is S.QUEUED)
        if row.state is S.QUEUED:
            row.state = S.CANCELED

    @rule()
    def pause(self) -> None:
        assert control.pause(self.store, "partner-news", by="test", now=self.now) == (not self.model.paused)
        self.model.paused = True

    @rule()
    def resume(self) -> None:
        control.resume(self.store, "partner-news", now=self.now)
        self.model.paused = False

    @rule(sure=st.integers(0, 9))
    def cancel_edition(self, sure: int) -> None:
        if sure:  # seldom, because little happens after it
            return
        if not self.model.ready:
            with pytest.raises(InputError):
                control.cancel_edition(self.store, self.edition_id, now=self.now)
            return
        waiting = [row for row in self.model.rows.values() if row.state is S.QUEUED]
        assert control.cancel_edition(self.store, self.edition_id, now=self.now) == len(waiting)
        for row in waiting:
            row.state = S.CANCELED
        self.model.ready, self.model.canceled = False, True

    @rule()
    def retry_failed(self) -> None:
        failed = [row for row in self.model.rows.values() if row.state is S.FAILED]
        done = control.retry_failed(self.store, self.edition_id, now=self.now)
        assert done == (0 if self.model.canceled else len(failed))
        if self.model.canceled:
            return
        self.model.ready = True
        for row in failed:
            row.state, row.tries, row.due, row.marked = S.QUEUED, 0, self.now, False
            row.not_after = self.now + BY_HAND_WINDOW
            row.by_hand += 1

    # -- time

    @rule(minutes=st.sampled_from([-360, 1, 6, 60, 360, 2880]))
    def tick(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def upkeep(self) -> None:
        with self.store.write() as connection:
            deliveries.cancel_leftovers(connection, mode=Mode.LIVE, now=self.now)
            expired = deliveries.expire(connection, mode=Mode.LIVE, now=self.now)
            editions.finish_drained(connection, mode=Mode.LIVE, now=self.now)
        for row in self.model.rows.values():
            if row.state is S.QUEUED and self.model.canceled:
                row.state = S.CANCELED
            elif row.state is S.QUEUED and self.too_late(row):
                row.state = S.EXPIRED
                expired -= 1
        assert expired == 0
        if not any(row.state in (S.QUEUED, S.SENDING) for row in self.model.rows.values()):
            self.model.ready = False

    # -- what always holds

    @invariant()
    def every_delivery_is_where_the_model_says(self) -> None:
        with self.store.read() as connection:
            found = {
                row.id: (row.state, row.claim, row.attempts)
                for row in connection.execute(
                    sa.select(delivery.c.id, delivery.c.state, delivery.c.claim, delivery.c.attempts)
                )
            }
        assert found == {key: (row.state, row.claim, row.tries) for key, row in self.model.rows.items()}

    @invariant()
    def the_accounts_balance(self) -> None:
        counted = accounts(self.store, mode=Mode.LIVE)
        assert counted.balanced, [account.problems for account in counted.editions]
        (account,) = counted.editions
        states = Counter(row.state for row in self.model.rows.values())
        assert account.planned == PEOPLE == sum(states.values())
        # a late yes to a mail that is on its way once more counts at once
        late = sum(row.settled_yes and row.state is S.SENDING for row in self.model.rows.values())
        assert (account.sent, account.uncertain) == (states[S.SENT] + late, states[S.UNCERTAIN])

    @invariant()
    def who_is_asked_about(self) -> None:
        with self.store.read() as connection:
            assert uncertain.undecided_count(connection, mode=Mode.LIVE) == len(self.in_doubt(left=False))

    @invariant()
    def a_settled_yes_stays_and_nobody_gets_it_twice(self) -> None:
        for row in self.model.rows.values():
            going_again = row.state is S.SENDING and row.marked and row.resends
            assert row.state is S.SENT or going_again or not (row.settled_yes or row.said_arrived)
            assert row.arrived <= 1 + row.by_hand + row.resends


DeliveryMachine.TestCase.settings = settings(
    max_examples=int(os.environ.get("NURTURE_TEST_EXAMPLES", "30")),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


class TestDeliveryMachine(DeliveryMachine.TestCase):
    @pytest.fixture(autouse=True)
    def template(self, sqlite_template: Path) -> None:
        DeliveryMachine.template = sqlite_template
