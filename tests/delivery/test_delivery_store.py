"""The way of one delivery in the database: claimed, begun, marked, settled, recovered."""

from datetime import date, timedelta
from itertools import product
from threading import Thread

import pytest
import sqlalchemy as sa

from nurture.store import Store, attempts, deliveries, editions, groups, senders
from nurture.store.attempts import Attempt, AttemptEnd, ClaimedDelivery
from nurture.store.deliveries import Position
from nurture.store.gate import Refusal
from nurture.store.groups import Beginning, Marking
from nurture.store.schema import campaign_control, consent, contact, delivery, edition, suppression
from nurture.store.transitions import move
from nurture.vocabulary import TRANSITIONS, AttemptOutcome, AttemptPhase, DeliveryState, Mode
from tests.delivery.outbox import NOW, MakeOutbox, Outbox, fill_outbox

TODAY = NOW.date()
OK = AttemptEnd(AttemptOutcome.SENT, AttemptPhase.BODY, 250, "2.0.0", "queued as 4F2A")
GREYLISTED = AttemptEnd(AttemptOutcome.RETRY, AttemptPhase.RCPT, 450, "4.7.1", "greylisted")
REFUSED = AttemptEnd(AttemptOutcome.FAILED, AttemptPhase.RCPT, 550, "5.1.1", "no such user")
SILENCE = AttemptEnd(AttemptOutcome.UNCERTAIN, AttemptPhase.BODY, answer="connection lost")


def claim(store: Store, owner: str = "worker-a", limit: int = 10) -> tuple[ClaimedDelivery, ...]:
    with store.write() as connection:
        return deliveries.claim(connection, mode=Mode.LIVE, sender="clinic", owner=owner, now=NOW, limit=limit)


def begin(store: Store, claimed: ClaimedDelivery, owner: str = "worker-a", today: date = TODAY) -> Attempt | Refusal:
    wanted = Beginning(claimed, "mx.example:25", f"<{owner}.{claimed.id}@clinic.example>", NOW)
    with store.write() as connection:
        return groups.begin(
            connection, [wanted], groups.paused(connection, Mode.LIVE), owner=owner, now=NOW, today=today
        )[claimed.id]


def mark(store: Store, claimed: ClaimedDelivery, attempt: Attempt, owner: str = "worker-a") -> Refusal | None:
    wanted = Marking(claimed, attempt, {"a": 1})
    with store.write() as connection:
        return groups.mark(
            connection, [wanted], groups.paused(connection, Mode.LIVE), owner=owner, now=NOW, today=TODAY
        ).get(claimed.id)


def settle(store: Store, claimed: ClaimedDelivery, attempt: Attempt, end: AttemptEnd) -> bool:
    with store.write() as connection:
        return attempts.settle(connection, claimed, attempt, end, now=NOW, next_attempt_at=None)


def marked(store: Store, owner: str = "worker-a") -> tuple[ClaimedDelivery, Attempt]:
    (claimed,) = claim(store, owner, limit=1)
    attempt = begin(store, claimed, owner)
    assert isinstance(attempt, Attempt)
    assert mark(store, claimed, attempt, owner) is None
    return claimed, attempt


def test_only_the_written_transitions_happen(sqlite_store: Store) -> None:
    outbox = fill_outbox(sqlite_store)
    (delivery_id,) = outbox.delivery_ids
    for found, expected, new in product(DeliveryState, repeat=3):
        outbox.set(delivery_id, state=found)
        with sqlite_store.write() as connection:
            if new not in TRANSITIONS[expected]:
                with pytest.raises(ValueError, match="never goes from"):
                    move(connection, expected, new, NOW, where=delivery.c.id == delivery_id)
            else:
                moved = move(connection, expected, new, NOW, where=delivery.c.id == delivery_id)
                assert [row.id for row in moved] == ([delivery_id] if found is expected else [])
        happened = found is expected and new in TRANSITIONS[expected]
        assert outbox.states == [new if happened else found]


def test_the_way_to_sent(make_outbox: MakeOutbox) -> None:
    outbox = make_outbox()
    claimed, attempt = marked(outbox.store)
    assert settle(outbox.store, claimed, attempt, OK)
    assert outbox.states == ["sent"]
    assert outbox.column("attempts") == [1]
    assert outbox.column("values") == [{"a": 1}]
    assert outbox.column("message_date") == [NOW]
    (row,) = outbox.attempts(claimed.id)
    assert (row.outcome, row.phase, row.code, row.enhanced) == ("sent", "body", 250, "2.0.0")
    assert outbox.events(claimed.id) == ["sent"]


def test_settling_twice_equals_once(make_outbox: MakeOutbox) -> None:
    outbox = make_outbox()
    claimed, attempt = marked(outbox.store)
    assert settle(outbox.store, claimed, attempt, OK)
    assert not settle(outbox.store, claimed, attempt, OK)
    assert outbox.column("attempts") == [1]
    assert outbox.events(claimed.id) == ["sent"]


def test_claims_take_the_longest_due_first_and_nothing_twice(make_outbox: MakeOutbox) -> None:
    outbox = make_outbox(recipients=4)
    first, second, third, fourth = outbox.delivery_ids
    outbox.set(third, next_attempt_at=NOW - timedelta(hours=1), not_before=NOW - timedelta(hours=1))
    outbox.set(fourth, next_attempt_at=NOW + timedelta(seconds=1))
    assert [row.id for row in claim(outbox.store, "worker-a", limit=2)] == [third, first]
    assert [row.id for row in claim(outbox.store, "worker-b")] == [second]
    assert claim(outbox.store, "worker-c") == ()


@pytest.mark.parametrize("minutes", [0, 1])
def test_a_claim_leaves_domains_out_and_goes_on_behind_a_position(make_outbox: MakeOutbox, minutes: int) -> None:
    """Whether an edition's mails are due in one instant (the usual case) or one after the other."""
    outbox = make_outbox(recipients=9)
    for number, delivery_id in enumerate(outbox.delivery_ids):
        due_at = NOW - timedelta(minutes=minutes * (9 - number))
        outbox.set(delivery_id, domain="left.example" if number % 3 == 0 else "right.example", next_attempt_at=due_at)
    asked = {"mode": Mode.LIVE, "sender": "clinic", "owner": "worker-a", "now": NOW}
    with outbox.store.write() as connection:
        first = deliveries.claim(connection, limit=2, but=["left.example", "none.example"], **asked)
        behind = Position(first[-1].due_at, first[-1].id)
        second = deliveries.claim(connection, limit=3, but=["left.example"], after=behind, **asked)
        third = deliveries.claim(connection, limit=9, but=["left.example"], after=behind, **asked)
        rest = deliveries.claim(connection, limit=2, after=behind, **asked)
        front = deliveries.claim(connection, limit=9, **asked)
    ids = outbox.delivery_ids
    claimed = [[each.id for each in batch] for batch in (first, second, third, rest, front)]
    assert claimed == [[ids[1], ids[2]], [ids[4], ids[5], ids[7]], [ids[8]], [ids[3], ids[6]], [ids[0]]]


@pytest.mark.parametrize("campaign", ["partner-news", "*"])
def test_a_pause_bites_at_the_claim_and_before_the_next_attempt(make_outbox: MakeOutbox, campaign: str) -> None:
    outbox = make_outbox(recipients=2)
    (claimed,) = claim(outbox.store, limit=1)
    with outbox.store.write() as connection:
        connection.execute(sa.insert(campaign_control).values(campaign=campaign, paused_at=NOW, paused_by="test"))
    assert claim(outbox.store) == ()
    assert begin(outbox.store, claimed) == Refusal(DeliveryState.QUEUED, "the campaign is paused")
    assert outbox.states == ["queued", "queued"]
    assert outbox.attempts(claimed.id) == []


def test_message_id_and_date_are_kept_on_retries(make_outbox: MakeOutbox) -> None:
    outbox = make_outbox()
    claimed, attempt = marked(outbox.store)
    settle(outbox.store, claimed, attempt, GREYLISTED)
    (again,) = claim(outbox.store, "worker-b")
    second = begin(outbox.store, again, "worker-b")
    assert isinstance(second, Attempt)
    assert (second.number, second.message_id) == (2, attempt.message_id)
    assert again.message_id == attempt.message_id


def test_a_temporary_refusal_goes_back_to_the_queue_and_counts(make_outbox: MakeOutbox) -> None:
    outbox = make_outbox()
    (claimed,) = claim(outbox.store)
    attempt = begin(outbox.store, claimed)
    assert isinstance(attempt, Attempt)
    later = NOW + timedelta(minutes=5)
    with outbox.store.write() as connection:
        attempts.settle(connection, claimed, attempt, GREYLISTED, now=NOW, next_attempt_at=later)
    assert (outbox.states, outbox.column("attempts")) == (["queued"], [1])
    assert outbox.column("next_attempt_at") == [later]
    assert outbox.events(claimed.id) == ["retried"]


def test_a_woken_sender_has_its_own_mails_back_and_no_others(make_outbox: MakeOutbox) -> None:
    """One mail met a stop, one was refused by its reader's server, one met a stop and then that."""
    outbox = make_outbox(recipients=3)
    store, later = outbox.store, NOW + timedelta(hours=6)

    def put_back(number: int, outcome: AttemptOutcome) -> None:
        outbox.set(outbox.delivery_ids[number], next_attempt_at=NOW)
        (claimed,) = claim(store, limit=1)
        tried = begin(store, claimed)
        assert isinstance(tried, Attempt)
        with store.write() as connection:
            end = AttemptEnd(outcome, AttemptPhase.CONNECT)
            assert attempts.settle(connection, claimed, tried, end, now=NOW, next_attempt_at=later)

    for delivery_id in outbox.delivery_ids:
        outbox.set(delivery_id, next_attempt_at=later)
    put_back(0, AttemptOutcome.STOPPED)
    put_back(1, AttemptOutcome.RETRY)
    put_back(2, AttemptOutcome.STOPPED)
    put_back(2, AttemptOutcome.RETRY)
    with store.write() as connection:
        senders.stop(connection, Mode.LIVE, "clinic", until=later, stops=7, reason="535")
        senders.stop(connection, Mode.LIVE, "other", until=later, stops=7, reason="535")
        assert senders.wake(connection, "other", now=NOW) == 1
    assert outbox.column("next_attempt_at") == [later, later, later]
    with store.write() as connection:
        assert senders.wake(connection, "clinic", now=NOW) == 1
    assert outbox.column("next_attempt_at") == [NOW, later, later]


def suppress(outbox: Outbox, scope: str, key: str) -> None:
    with outbox.store.write() as connection:
        connection.execute(
            sa.insert(suppression).values(scope=scope, key=key, reason="manual", source="test", created_at=NOW)
        )


def change_contact(outbox: Outbox, **values: object) -> None:
    with outbox.store.write() as connection:
        connection.execute(sa.update(contact).values(**values))


def cancel_edition(outbox: Outbox) -> None:
    with outbox.store.write() as connection:
        connection.execute(sa.update(edition).values(state="canceled"))


CHANGES = {
    "unsubscribed": (lambda box: suppress(box, "address", "hash1-clinic-partner.example"), "skipped", "suppressed"),
    "domain": (lambda box: suppress(box, "domain", "clinic-partner.example"), "skipped", "suppressed"),
    "archived": (lambda box: change_contact(box, archived_at=NOW), "skipped", "archived"),
    "erased": (
        lambda box: change_contact(box, erased_at=NOW, address=None, address_key=None),
        "canceled",
        "the contact was erased",
    ),
    "moved": (
        lambda box: change_contact(box, address_hash="another"),
        "canceled",
        "the contact's address changed after planning",
    ),
    "canceled": (cancel_edition, "canceled", "the edition was canceled"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_before_the_mark_stops_the_mail(make_outbox: MakeOutbox, change: str) -> None:
    happens, state, reason = CHANGES[change]
    outbox = make_outbox()
    (claimed,) = claim(outbox.store)
    attempt = begin(outbox.store, claimed)
    assert isinstance(attempt, Attempt)
    happens(outbox)
    assert mark(outbox.store, claimed, attempt) == Refusal(DeliveryState(state), reason)
    assert outbox.states == [state]
    assert outbox.column("marked_at") == [None]
    assert [row.outcome for row in outbox.attempts(claimed.id)] == ["refused_at_mark"]


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_before_the_attempt_stops_it_before_dialing(make_outbox: MakeOutbox, change: str) -> None:
    happens, state, reason = CHANGES[change]
    outbox = make_outbox()
    (claimed,) = claim(outbox.store)
    happens(outbox)
    assert begin(outbox.store, claimed) == Refusal(DeliveryState(state), reason)
    assert (outbox.states, outbox.attempts(claimed.id)) == ([state], [])


@pytest.mark.parametrize(
    ("kind_bit", "expires_on", "withdrawn_at", "allowed"),
    [
        (1, None, None, True),
        (1, TODAY, None, True),
        (1, TODAY - timedelta(days=1), None, False),
        (1, None, NOW, False),
        (4, None, None, False),
    ],
)
def test_consent_must_hold_at_the_mark(
    make_outbox: MakeOutbox, kind_bit: int, expires_on: date | None, withdrawn_at: object, allowed: bool
) -> None:
    outbox = make_outbox(consent_mask=3)
    with outbox.store.write() as connection:
        contact_id = connection.execute(sa.select(contact.c.id)).scalar_one()
        connection.execute(
            sa.insert(consent).values(
                contact_id=contact_id,
                kind_bit=kind_bit,
                source="form",
                obtained_on=date(2026, 1, 1),
                expires_on=expires_on,
                withdrawn_at=withdrawn_at,
                recorded_at=NOW,
            )
        )
    (claimed,) = claim(outbox.store)
    assert isinstance(begin(outbox.store, claimed), Attempt) == allowed
    assert outbox.states == ["sending" if allowed else "skipped"]


def test_recovery_takes_only_dead_owners_rows(make_outbox: MakeOutbox) -> None:
    outbox = make_outbox(recipients=3)
    marked(outbox.store, "dead")
    (unmarked,) = claim(outbox.store, "dead", limit=1)
    begin(outbox.store, unmarked, "dead")
    claim(outbox.store, "alive")
    with outbox.store.write() as connection:
        assert deliveries.recover(connection, ["dead"], NOW) == deliveries.Recovered(requeued=1, uncertain=1)
    assert outbox.states == ["uncertain", "queued", "sending"]
    assert [outbox.attempts(each)[0].outcome for each in outbox.delivery_ids[:2]] == ["uncertain", "abandoned"]


@pytest.mark.parametrize(("end", "state"), [(OK, "sent"), (REFUSED, "failed"), (GREYLISTED, "queued")])
def test_a_late_answer_wins_over_uncertain(make_outbox: MakeOutbox, end: AttemptEnd, state: str) -> None:
    outbox = make_outbox()
    claimed, attempt = marked(outbox.store, "zombie")
    with outbox.store.write() as connection:
        deliveries.recover(connection, ["zombie"], NOW)
    assert outbox.states == ["uncertain"]
    assert settle(outbox.store, claimed, attempt, end)
    assert outbox.states == [state]


def test_silence_never_replaces_an_answer(make_outbox: MakeOutbox) -> None:
    outbox = make_outbox()
    claimed, attempt = marked(outbox.store)
    settle(outbox.store, claimed, attempt, OK)
    assert not settle(outbox.store, claimed, attempt, SILENCE)
    assert outbox.states == ["sent"]


def test_a_zombie_cannot_mark_what_another_worker_claimed(make_outbox: MakeOutbox) -> None:
    outbox = make_outbox()
    (claimed,) = claim(outbox.store, "zombie")
    attempt = begin(outbox.store, claimed, "zombie")
    assert isinstance(attempt, Attempt)
    with outbox.store.write() as connection:
        deliveries.recover(connection, ["zombie"], NOW)
    (again,) = claim(outbox.store, "worker-b")
    refused = mark(outbox.store, claimed, attempt, "zombie")
    assert refused == Refusal(None, "another worker has it")
    assert (again.claim, outbox.states) == (claimed.claim + 1, ["sending"])


def test_first_tries_expire_with_the_window_and_retries_with_the_edition(make_outbox: MakeOutbox) -> None:
    outbox = make_outbox(recipients=3)
    _, retried, held = outbox.delivery_ids
    outbox.set(retried, attempts=1)
    outbox.set(held, state="held")
    for when, states in [
        (NOW + timedelta(hours=7), ["queued", "queued", "held"]),
        (NOW + timedelta(hours=9), ["expired", "queued", "expired"]),
        (NOW + timedelta(days=4), ["expired", "expired", "expired"]),
    ]:
        with outbox.store.write() as connection:
            deliveries.expire(connection, mode=Mode.LIVE, now=when)
        assert outbox.states == states
    assert outbox.events(retried) == ["expired"]


def test_cancel_and_retry_by_hand(make_outbox: MakeOutbox) -> None:
    outbox = make_outbox(recipients=3)
    failed, held, _ = outbox.delivery_ids
    outbox.set(failed, state="failed", attempts=4)
    outbox.set(held, state="held")
    with outbox.store.write() as connection:
        assert deliveries.cancel(connection, outbox.edition_id, NOW) == 2
        assert editions.finish_drained(connection, mode=Mode.LIVE, now=NOW) == 1
        assert deliveries.retry_failed(connection, outbox.edition_id, NOW + timedelta(days=9)) == 1
        assert connection.execute(sa.select(edition.c.state)).scalar_one() == "ready"
        assert editions.finish_drained(connection, mode=Mode.LIVE, now=NOW) == 0
    assert outbox.states == ["queued", "canceled", "canceled"]
    assert outbox.column("attempts")[0] == 0
    assert outbox.column("not_after")[0] > NOW + timedelta(days=9)


def test_a_row_requeued_under_a_canceled_edition_is_canceled(make_outbox: MakeOutbox) -> None:
    outbox = make_outbox()
    (claimed,) = claim(outbox.store)
    cancel_edition(outbox)
    with outbox.store.write() as connection:
        assert attempts.requeue(connection, claimed, owner="worker-a", now=NOW)
        assert deliveries.cancel_leftovers(connection, mode=Mode.LIVE, now=NOW) == 1
    assert outbox.states == ["canceled"]


def test_a_late_refusal_opens_a_finished_edition_again(make_outbox: MakeOutbox) -> None:
    outbox = make_outbox()
    claimed, attempt = marked(outbox.store, "zombie")
    with outbox.store.write() as connection:
        deliveries.recover(connection, ["zombie"], NOW)
        assert editions.finish_drained(connection, mode=Mode.LIVE, now=NOW) == 1
    settle(outbox.store, claimed, attempt, GREYLISTED)
    (again,) = claim(outbox.store)
    assert again.attempts == 1


def test_nobody_finishes_an_edition_that_is_being_retried(make_outbox: MakeOutbox) -> None:
    outbox = make_outbox()
    outbox.set(outbox.delivery_ids[0], state="failed")

    def finish() -> None:
        with outbox.store.write() as connection:
            editions.finish_drained(connection, mode=Mode.LIVE, now=NOW)

    finishing = Thread(target=finish)
    with outbox.store.write() as connection:
        assert deliveries.retry_failed(connection, outbox.edition_id, NOW) == 1
        finishing.start()
        finishing.join(timeout=0.5)  # it waits for us, or has done its harm
    finishing.join()
    assert len(claim(outbox.store)) == 1, "a queued mail in a finished edition never leaves"


def test_nothing_is_retried_in_a_canceled_edition(make_outbox: MakeOutbox) -> None:
    outbox = make_outbox()
    outbox.set(outbox.delivery_ids[0], state="failed")
    cancel_edition(outbox)
    with outbox.store.write() as connection:
        assert deliveries.retry_failed(connection, outbox.edition_id, NOW) == 0
    assert outbox.states == ["failed"]


def test_after_a_lost_commit_beginning_again_finds_the_try(make_outbox: MakeOutbox) -> None:
    outbox = make_outbox()
    (claimed,) = claim(outbox.store)
    assert begin(outbox.store, claimed) == begin(outbox.store, claimed)
    assert len(outbox.attempts(outbox.delivery_ids[0])) == 1


def test_after_a_lost_commit_marking_again_finds_the_mark(make_outbox: MakeOutbox) -> None:
    outbox = make_outbox()
    claimed, attempt = marked(outbox.store)
    assert mark(outbox.store, claimed, attempt) is None
    assert mark(outbox.store, claimed, attempt, owner="worker-b") == Refusal(None, "another worker has it")


def test_a_pause_bites_at_the_mark(make_outbox: MakeOutbox) -> None:
    outbox = make_outbox()
    (claimed,) = claim(outbox.store)
    attempt = begin(outbox.store, claimed)
    with outbox.store.write() as connection:
        connection.execute(sa.insert(campaign_control).values(campaign="*", paused_at=NOW, paused_by="test"))
    refused = mark(outbox.store, claimed, attempt)
    assert refused == Refusal(DeliveryState.QUEUED, "the campaign is paused")
    assert outbox.states == ["queued"]
    assert [row.outcome for row in outbox.attempts(outbox.delivery_ids[0])] == ["refused_at_mark"]


def test_many_are_begun_marked_and_settled_at_once_each_by_its_own_right(make_outbox: MakeOutbox) -> None:
    outbox = make_outbox(recipients=4)
    claimed = claim(outbox.store)
    wanted = [Beginning(each, "mx.example:25", f"<{each.id}@clinic.example>", NOW) for each in claimed]
    with outbox.store.write() as connection:
        begun = groups.begin(
            connection, wanted, groups.paused(connection, Mode.LIVE), owner="worker-a", now=NOW, today=TODAY
        )
        connection.execute(
            sa.insert(suppression).values(
                scope="address", key=claimed[1].recipient_key, reason="unsubscribed", source="test", created_at=NOW
            )
        )
        connection.execute(sa.update(delivery).where(delivery.c.id == claimed[2].id).values(claim=9))
        going = [Marking(each, begun[each.id], {"n": each.id}) for each in claimed]
        refused = groups.mark(
            connection, going, groups.paused(connection, Mode.LIVE), owner="worker-a", now=NOW, today=TODAY
        )
        assert {key: refusal.state for key, refusal in refused.items()} == {
            claimed[1].id: "skipped",
            claimed[2].id: None,
        }
        ended = [(each, begun[each.id], AttemptEnd(AttemptOutcome.SENT, AttemptPhase.BODY, 250)) for each in claimed]
        assert groups.settle_sent(connection, ended, now=NOW) == {claimed[0].id, claimed[3].id}
    assert outbox.states == ["sent", "skipped", "sending", "sent"]
    assert outbox.column("values") == [{"n": claimed[0].id}, None, None, {"n": claimed[3].id}]


def test_a_worker_that_claims_again_what_it_still_holds_sends_one_body(make_outbox: MakeOutbox) -> None:
    """It was taken for dead: one line still has the old claim, another the new one, and both meet in a group."""
    outbox = make_outbox()
    (old,) = claim(outbox.store)
    old_try = begin(outbox.store, old)
    with outbox.store.write() as connection:
        deliveries.recover(connection, ["worker-a"], NOW)
    (new,) = claim(outbox.store)
    new_try = begin(outbox.store, new)
    assert isinstance(old_try, Attempt)
    assert isinstance(new_try, Attempt)
    both = [Marking(old, old_try, {}), Marking(new, new_try, {})]
    with outbox.store.write() as connection, pytest.raises(ValueError, match="two claims"):
        groups.mark(connection, both, frozenset(), owner="worker-a", now=NOW, today=TODAY)
    # alone, as the ledger does it then
    assert mark(outbox.store, old, old_try) == Refusal(None, "another worker has it")
    assert mark(outbox.store, new, new_try) is None
