"""One try of a delivery: begun, marked, settled.

Each function is one step inside the caller's transaction. A worker names
itself by ``owner``; ``claim`` grows with each claim of a row, so whatever an
old worker still writes finds another number and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from nurture.store import editions, late_answers
from nurture.store.gate import Refusal
from nurture.store.schema import attempt, delivery
from nurture.store.transitions import Transition
from nurture.vocabulary import (
    AttemptOutcome,
    AttemptPhase,
    Category,
    DeliveryState,
    EventKind,
    Mode,
    SkipReason,
)

# Tries that are nobody's fault: they do not count against the delivery.
UNCOUNTED = frozenset({AttemptOutcome.STOPPED, AttemptOutcome.ABANDONED, AttemptOutcome.REFUSED_AT_MARK})
STATE_AFTER = {
    AttemptOutcome.SENT: DeliveryState.SENT,
    AttemptOutcome.RETRY: DeliveryState.QUEUED,
    AttemptOutcome.FAILED: DeliveryState.FAILED,
    AttemptOutcome.STOPPED: DeliveryState.QUEUED,
    AttemptOutcome.ABANDONED: DeliveryState.QUEUED,
    AttemptOutcome.UNCERTAIN: DeliveryState.UNCERTAIN,
}


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery in this worker's hands."""

    id: int
    claim: int
    mode: Mode
    edition_id: int
    campaign: str
    sender: str  # key under `senders`
    contact_id: int | None
    address: str | None
    recipient_key: str
    variant: Category
    attempts: int  # counted tries so far
    message_id: str | None  # None before the first attempt
    message_date: datetime | None
    not_before: datetime
    not_after: datetime
    due_at: datetime  # not_before, or the time of its retry
    expires_at: datetime  # of the edition: its time plus `late`
    news_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try that was recorded and may dial now."""

    id: int
    number: int
    message_id: str
    message_date: datetime


ANSWER_LIMIT = 500  # characters of a server's words that are kept


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """How a try ended: what happened, how far it got, and the server's words if there were any."""

    outcome: AttemptOutcome
    phase: AttemptPhase
    code: int | None = None  # RFC 5321 4.2
    enhanced: str | None = None  # RFC 3463, "5.1.1"
    answer: str | None = None  # one line
    relay_id: str | None = None  # of a yes: the server's own id for the mail

    @property
    def without_words(self) -> AttemptEnd:
        """The same with nothing that could lead to a person."""
        return replace(self, answer=None, relay_id=None)


# The statements of each mail are built once: building one costs more than running it.
_NOT_ENDED = attempt.c.outcome.is_(None)
_GIVEN_UP = attempt.c.outcome.in_([AttemptOutcome.UNCERTAIN, AttemptOutcome.ABANDONED])
_HEARSAY = attempt.c.outcome == AttemptOutcome.ARRIVED
_END, _END_FOR_GOOD, _END_WITH_YES = (
    sa.update(attempt).where(attempt.c.id == sa.bindparam("attempt_id"), replaceable)
    for replaceable in (_NOT_ENDED, _NOT_ENDED | _GIVEN_UP, _NOT_ENDED | _GIVEN_UP | _HEARSAY)
)


def end_try(connection: sa.Connection, attempt_id: int, result: AttemptEnd, now: datetime) -> bool:
    """End a try. False if it has an outcome that this one may not replace.

    An answer that was read replaces ``uncertain`` and ``abandoned``, which
    others wrote when they thought this worker dead; a yes also ``arrived``.
    """
    statement = _END_FOR_GOOD
    if result.outcome in (AttemptOutcome.UNCERTAIN, AttemptOutcome.ABANDONED):
        statement = _END
    elif result.outcome is AttemptOutcome.SENT:
        statement = _END_WITH_YES
    ended = connection.execute(
        statement,
        {
            "attempt_id": attempt_id,
            "outcome": result.outcome,
            "phase": result.phase,
            "code": result.code,
            "enhanced": result.enhanced,
            "answer": result.answer[:ANSWER_LIMIT] if result.answer else None,
            "relay_id": result.relay_id,
            "ended_at": now,
        },
    )
    return ended.rowcount == 1


def end_open(
    connection: sa.Connection,
    delivery_ids: Sequence[int],
    outcome: AttemptOutcome,
    now: datetime,
    *,
    phase: AttemptPhase | None = None,
) -> None:
    """End whatever tries of these deliveries are still open; ``phase``: how far they got, if that is known."""
    connection.execute(
        sa.update(attempt)
        .where(attempt.c.delivery_id.in_(delivery_ids), attempt.c.outcome.is_(None))
        .values(outcome=outcome, ended_at=now, **({"phase": phase} if phase else {}))
    )


def had_no_answer() -> sa.ColumnElement[bool]:
    """A condition on ``delivery``: a try of it ended without an answer, so its mail may be in the world."""
    return sa.exists().where(attempt.c.delivery_id == delivery.c.id, attempt.c.outcome == AttemptOutcome.UNCERTAIN)


_CLAIMED = (delivery.c.id == sa.bindparam("claimed_id")) & (delivery.c.claim == sa.bindparam("claimed_number"))
_OURS = _CLAIMED & (delivery.c.owner == sa.bindparam("claimed_by")) & delivery.c.marked_at.is_(None)


def _claim_of(claimed: ClaimedDelivery, owner: str) -> dict[str, Any]:
    return {"claimed_id": claimed.id, "claimed_number": claimed.claim, "claimed_by": owner}


def settle_refusal(
    connection: sa.Connection, claimed: ClaimedDelivery, refused: Refusal, *, owner: str, now: datetime
) -> Refusal:
    """What the gate said becomes of an unmarked row of ours."""
    assert refused.state is not None
    transition = _out_of_our_hands(refused.state)
    ours = _claim_of(claimed, owner) | {"why": refused.reason}
    moved = transition.run(connection, now, ours, data={"reason": refused.reason})
    return refused if moved else Refusal(None, "another worker has it")


_BACK = Transition(DeliveryState.SENDING, DeliveryState.QUEUED, where=_OURS)
_BACK_UNTIL = Transition(
    DeliveryState.SENDING, DeliveryState.QUEUED, where=_OURS, values={"next_attempt_at": sa.bindparam("until")}
)


@cache
def _out_of_our_hands(state: DeliveryState) -> Transition:
    return Transition(DeliveryState.SENDING, state, where=_OURS, values={"reason": sa.bindparam("why")})


def requeue(
    connection: sa.Connection,
    claimed: ClaimedDelivery,
    *,
    owner: str,
    now: datetime,
    until: datetime | None = None,
) -> bool:
    """Give an unmarked row back to the queue, uncounted, due at once or at ``until``.

    False if it is not ours any more.
    """
    transition = _BACK_UNTIL if until else _BACK
    moved = transition.run(connection, now, _claim_of(claimed, owner) | ({"until": until} if until else {}))
    end_open(connection, [row.id for row in moved], AttemptOutcome.ABANDONED, now)
    return bool(moved)


def skip_unrendered(
    connection: sa.Connection, claimed: ClaimedDelivery, *, owner: str, words: str, now: datetime
) -> bool:
    """This one mail cannot be composed: skipped, with the template's words in the event."""
    ours = _claim_of(claimed, owner) | {"why": SkipReason.RENDER_ERROR}
    data = {"reason": SkipReason.RENDER_ERROR, "error": words[:1000]}
    moved = _out_of_our_hands(DeliveryState.SKIPPED).run(connection, now, ours, data=data)
    return bool(moved)


@cache
def _settling(expected: DeliveryState, new: DeliveryState, *, counted: bool) -> Transition:
    values: dict[str, Any] = {"reason": sa.bindparam("why")}
    if counted:
        values["attempts"] = delivery.c.attempts + 1
    if new is DeliveryState.QUEUED:
        values |= {"next_attempt_at": sa.bindparam("again_at"), "marked_at": None}
    if new is DeliveryState.UNCERTAIN:
        values |= {"owner": None}  # its owner says so itself: no answer will come
    return Transition(expected, new, where=_CLAIMED, values=values)


# The row stays locked: an erasure comes wholly before the words are written, or wholly after.
_WHOSE = sa.select(delivery.c.contact_id).where(delivery.c.id == sa.bindparam("settled_id")).with_for_update()


def settle(
    connection: sa.Connection,
    claimed: ClaimedDelivery,
    attempt: Attempt,
    end: AttemptEnd,
    *,
    now: datetime,
    next_attempt_at: datetime | None = None,
) -> bool:
    """End a try and move its delivery. Doing it twice equals once.

    An answer that was read also wins over ``uncertain``, which recovery wrote
    when it thought this worker dead; a yes wins over whatever came of the row
    meanwhile. ``next_attempt_at`` is needed for outcomes that go back to the
    queue. Of a contact who was erased meanwhile no words are kept: servers like
    to repeat the address. False if nothing was changed: it was settled before,
    or another claim has the row.
    """
    if connection.execute(_WHOSE, {"settled_id": claimed.id}).scalar_one_or_none() is None:
        end = end.without_words
    if not end_try(connection, attempt.id, end, now):
        return False
    new = STATE_AFTER[end.outcome]
    if new is not DeliveryState.SENT and late_answers.has_yes(connection, claimed.id):
        new = DeliveryState.SENT
    words = " ".join(filter(None, (str(end.code or ""), end.enhanced, end.answer)))[:ANSWER_LIMIT]
    requeued = new is DeliveryState.QUEUED
    parameters = {
        "claimed_id": claimed.id,
        "claimed_number": claimed.claim,
        "why": None if new is DeliveryState.SENT else words or None,
        **({"again_at": next_attempt_at or now} if requeued else {}),
    }
    data = {"attempt": attempt.number, "code": end.code, "enhanced": end.enhanced, "answer": end.answer}
    if next_attempt_at is not None:
        data["next_attempt_at"] = next_attempt_at.isoformat()
    for expected in (DeliveryState.SENDING, DeliveryState.UNCERTAIN):
        if expected is new:
            continue
        moved = _settling(expected, new, counted=end.outcome not in UNCOUNTED).run(
            connection,
            now,
            parameters,
            event=EventKind.RETRIED if requeued and end.outcome is AttemptOutcome.RETRY else None,
            data=data,
        )
        if moved:
            if expected is DeliveryState.UNCERTAIN and requeued:
                editions.wait_again(connection, claimed.edition_id)
            return True
    return end.outcome is AttemptOutcome.SENT and late_answers.win(connection, claimed.id, now, data=data)
