"""One try of a delivery: begun, marked, settled.

Each function is one step inside the caller's transaction. A worker names
itself by ``owner``; ``claim`` grows with each claim of a row, so whatever an
old worker still writes finds another number and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from nurture.store import editions, gate
from nurture.store.gate import Refusal
from nurture.store.schema import UtcDateTime, attempt, campaign_control, delivery
from nurture.store.transitions import move
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


def _begin(
    connection: sa.Connection,
    *,
    delivery_id: int,
    claim: int,
    owner: str,
    sender: str,
    server: str,
    now: datetime,
) -> tuple[int, int]:
    """Record that a try begins; returns its id and its number (1 is the first)."""
    last = sa.select(sa.func.coalesce(sa.func.max(attempt.c.number), 0)).where(attempt.c.delivery_id == delivery_id)
    row = connection.execute(
        sa.insert(attempt)
        .values(
            delivery_id=delivery_id,
            number=last.scalar_subquery() + 1,
            claim=claim,
            owner=owner,
            sender=sender,
            server=server,
            phase=AttemptPhase.CONNECT,
            started_at=now,
        )
        .returning(attempt.c.id, attempt.c.number)
    ).one()
    return row.id, row.number


def _reach(connection: sa.Connection, attempt_id: int, phase: AttemptPhase) -> None:
    """Note how far a running try got."""
    connection.execute(
        sa.update(attempt).where(attempt.c.id == attempt_id, attempt.c.outcome.is_(None)).values(phase=phase)
    )


def end_try(connection: sa.Connection, attempt_id: int, result: AttemptEnd, now: datetime) -> bool:
    """End a try. False if it has an outcome that this one may not replace.

    An answer that was read replaces ``uncertain`` and ``abandoned``, which
    others wrote when they thought this worker dead.
    """
    replaceable: sa.ColumnElement[bool] = attempt.c.outcome.is_(None)
    if result.outcome not in (AttemptOutcome.UNCERTAIN, AttemptOutcome.ABANDONED):
        replaceable |= attempt.c.outcome.in_([AttemptOutcome.UNCERTAIN, AttemptOutcome.ABANDONED])
    ended = connection.execute(
        sa.update(attempt)
        .where(attempt.c.id == attempt_id, replaceable)
        .values(
            outcome=result.outcome,
            phase=result.phase,
            code=result.code,
            enhanced=result.enhanced,
            answer=result.answer[:ANSWER_LIMIT] if result.answer else None,
            ended_at=now,
        )
    )
    return ended.rowcount == 1


def end_open(connection: sa.Connection, delivery_ids: Sequence[int], outcome: AttemptOutcome, now: datetime) -> None:
    """End whatever tries of these deliveries are still open."""
    connection.execute(
        sa.update(attempt)
        .where(attempt.c.delivery_id.in_(delivery_ids), attempt.c.outcome.is_(None))
        .values(outcome=outcome, ended_at=now)
    )


def outcome_of(connection: sa.Connection, attempt_id: int) -> AttemptOutcome | None:
    """The outcome of a try; None while it runs."""
    found = connection.execute(sa.select(attempt.c.outcome).where(attempt.c.id == attempt_id)).scalar_one()
    return AttemptOutcome(found) if found else None


def _ours(claimed: ClaimedDelivery, owner: str) -> sa.ColumnElement[bool]:
    return sa.and_(delivery.c.id == claimed.id, delivery.c.claim == claimed.claim, delivery.c.owner == owner)


def begin_attempt(
    connection: sa.Connection,
    claimed: ClaimedDelivery,
    *,
    owner: str,
    server: str,
    message_id: str,
    now: datetime,
    today: date,
) -> Attempt | Refusal:
    """Record a try before anything is dialed.

    ``server`` is host:port. The first try stores ``message_id`` and ``now`` as
    the mail's Message-ID and Date; later ones find them kept. Refused if the
    gate is shut (the row is settled accordingly) or the campaign was paused
    (the row goes back to the queue).
    """
    refused = _refuse(connection, claimed, owner=owner, now=now, today=today)
    if refused is not None:
        return refused
    row = connection.execute(
        sa.update(delivery)
        .where(_ours(claimed, owner), delivery.c.state == DeliveryState.SENDING, delivery.c.marked_at.is_(None))
        .values(
            message_id=sa.func.coalesce(delivery.c.message_id, message_id),
            message_date=sa.func.coalesce(delivery.c.message_date, sa.literal(now, UtcDateTime)),
        )
        .returning(delivery.c.message_id, delivery.c.message_date)
    ).one_or_none()
    if row is None:
        return Refusal(None, "another worker has it")
    attempt_id, number = _begin(
        connection,
        delivery_id=claimed.id,
        claim=claimed.claim,
        owner=owner,
        sender=claimed.sender,
        server=server,
        now=now,
    )
    return Attempt(attempt_id, number, row.message_id, row.message_date)


def _refuse(
    connection: sa.Connection, claimed: ClaimedDelivery, *, owner: str, now: datetime, today: date
) -> Refusal | None:
    paused = connection.execute(
        sa.select(sa.exists().where(campaign_control.c.campaign.in_([claimed.campaign, "*"])))
    ).scalar_one()
    if paused:
        requeue(connection, claimed, owner=owner, now=now)
        return Refusal(DeliveryState.QUEUED, "the campaign is paused")
    refused = gate.refusal(connection, claimed.id, today)
    return refused and _settle_refusal(connection, claimed, refused, owner=owner, now=now)


def _settle_refusal(
    connection: sa.Connection, claimed: ClaimedDelivery, refused: Refusal, *, owner: str, now: datetime
) -> Refusal:
    assert refused.state is not None
    moved = move(
        connection,
        DeliveryState.SENDING,
        refused.state,
        now,
        where=_ours(claimed, owner) & delivery.c.marked_at.is_(None),
        values={"reason": refused.reason},
        data={"reason": refused.reason},
    )
    return refused if moved else Refusal(None, "another worker has it")


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
    moved = move(
        connection,
        DeliveryState.SENDING,
        DeliveryState.QUEUED,
        now,
        where=_ours(claimed, owner) & delivery.c.marked_at.is_(None),
        values={"next_attempt_at": until} if until else None,
    )
    end_open(connection, [row.id for row in moved], AttemptOutcome.ABANDONED, now)
    return bool(moved)


def skip_unrendered(
    connection: sa.Connection, claimed: ClaimedDelivery, *, owner: str, words: str, now: datetime
) -> bool:
    """This one mail cannot be composed: skipped, with the template's words in the event."""
    moved = move(
        connection,
        DeliveryState.SENDING,
        DeliveryState.SKIPPED,
        now,
        where=_ours(claimed, owner) & delivery.c.marked_at.is_(None),
        values={"reason": SkipReason.RENDER_ERROR},
        data={"reason": SkipReason.RENDER_ERROR, "error": words[:1000]},
    )
    return bool(moved)


def mark(
    connection: sa.Connection,
    claimed: ClaimedDelivery,
    attempt: Attempt,
    *,
    owner: str,
    values: Mapping[str, Any],
    now: datetime,
    today: date,
) -> Refusal | None:
    """Durably before the body goes out: the last gate, one UPDATE.

    ``values`` are the contact's and organization's values as composed; with
    them the mail as sent can be composed again. None: the body may go.
    A refusal has settled the delivery and ended the attempt.
    """
    marked = connection.execute(
        sa.update(delivery)
        .where(
            _ours(claimed, owner),
            delivery.c.state == DeliveryState.SENDING,
            delivery.c.marked_at.is_(None),
            gate.may_leave(today),
        )
        .values(marked_at=now, values=dict(values))
    )
    if marked.rowcount == 1:
        _reach(connection, attempt.id, AttemptPhase.BODY)
        return None
    refused = gate.refusal(connection, claimed.id, today)
    end = AttemptEnd(AttemptOutcome.REFUSED_AT_MARK, AttemptPhase.DATA, answer=refused.reason if refused else None)
    end_try(connection, attempt.id, end, now)
    if refused is None:
        return Refusal(None, "another worker has it")
    return _settle_refusal(connection, claimed, refused, owner=owner, now=now)


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
    when it thought this worker dead. ``next_attempt_at`` is needed for outcomes
    that go back to the queue. False if nothing was changed: it was settled
    before, or another claim has the row.
    """
    if not end_try(connection, attempt.id, end, now):
        return False
    new = STATE_AFTER[end.outcome]
    words = " ".join(filter(None, (str(end.code or ""), end.enhanced, end.answer)))[:ANSWER_LIMIT]
    values: dict[str, Any] = {"reason": None if new is DeliveryState.SENT else words or None}
    if end.outcome not in UNCOUNTED:
        values["attempts"] = delivery.c.attempts + 1
    if new is DeliveryState.QUEUED:
        values |= {"next_attempt_at": next_attempt_at or now, "marked_at": None}
    data = {"attempt": attempt.number, "code": end.code, "enhanced": end.enhanced, "answer": end.answer}
    if next_attempt_at is not None:
        data["next_attempt_at"] = next_attempt_at.isoformat()
    for expected in (DeliveryState.SENDING, DeliveryState.UNCERTAIN):
        if expected is new:
            continue
        moved = move(
            connection,
            expected,
            new,
            now,
            where=(delivery.c.id == claimed.id) & (delivery.c.claim == claimed.claim),
            values=values,
            event=EventKind.RETRIED if end.outcome is AttemptOutcome.RETRY else None,
            data=data,
        )
        if moved:
            if expected is DeliveryState.UNCERTAIN and new is DeliveryState.QUEUED:
                editions.wait_again(connection, claimed.edition_id)
            return True
    return False
