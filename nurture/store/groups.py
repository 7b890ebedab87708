"""The steps of many deliveries in few statements: begun, marked, settled as sent.

The statements are built once: building one costs more than running it. Each
step may be written twice, because after a lost COMMIT nobody knows whether it
was; the second time finds what the first one wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, TypeVar

import sqlalchemy as sa

from nurture.store import attempts, events, gate
from nurture.store.attempts import ANSWER_LIMIT, Attempt, AttemptEnd, ClaimedDelivery
from nurture.store.events import DeliveryKey
from nurture.store.gate import Refusal
from nurture.store.meta import in_mode
from nurture.store.schema import attempt, campaign_control, delivery
from nurture.vocabulary import AttemptOutcome, AttemptPhase, DeliveryState, EventKind, Mode


@dataclass(frozen=True, slots=True)
class Beginning:
    """A try that shall begin.

    ``message_id`` and ``message_date`` are the mail's as composed; the first try
    stores them, later ones were composed with what is kept.
    """

    claimed: ClaimedDelivery
    server: str
    message_id: str
    message_date: datetime


@dataclass(frozen=True, slots=True)
class Marking:
    """A try whose body shall go now; with ``values``, the reader's as composed, the mail can be composed again."""

    claimed: ClaimedDelivery
    attempt: Attempt
    values: Mapping[str, Any]


# the pairs alone would make SQLite walk through the whole table
_CLAIMS = sa.and_(
    delivery.c.id.in_(sa.bindparam("ids", expanding=True)),
    sa.tuple_(delivery.c.id, delivery.c.claim).in_(sa.bindparam("claims", expanding=True)),
)
_IN_HAND = sa.and_(
    _CLAIMS,
    delivery.c.owner == sa.bindparam("by"),
    delivery.c.state == DeliveryState.SENDING,
    delivery.c.marked_at.is_(None),
)
# a clinic that has left this mode meanwhile pauses all of it
_PAUSED = sa.union_all(
    sa.select(campaign_control.c.campaign),
    sa.select(sa.literal("*")).where(~in_mode(sa.bindparam("present_mode"))),
)
_TRIES = (
    sa.select(attempt.c.delivery_id, attempt.c.id, attempt.c.number, attempt.c.claim, attempt.c.outcome)
    .where(attempt.c.delivery_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(attempt.c.number)
)
_MARKED = sa.select(delivery.c.id).where(
    _CLAIMS,
    delivery.c.owner == sa.bindparam("by"),
    delivery.c.state == DeliveryState.SENDING,
    delivery.c.marked_at == sa.bindparam("at"),
)
_IDENTIFY = sa.update(delivery).where(delivery.c.id == sa.bindparam("first_id"))
_BEGIN = sa.insert(attempt).returning(attempt.c.id, sort_by_parameter_order=True)
_KEEP_VALUES = sa.update(delivery).where(delivery.c.id == sa.bindparam("marked_id"))
_END = sa.update(attempt).where(attempt.c.id == sa.bindparam("attempt_id"))
_SENT = (
    sa.update(delivery)
    .where(_CLAIMS, delivery.c.state == DeliveryState.SENDING)
    .values(
        state=DeliveryState.SENT,
        settled_at=sa.bindparam("at"),
        owner=None,
        reason=None,
        attempts=delivery.c.attempts + 1,
    )
    .returning(delivery.c.id, delivery.c.edition_id, delivery.c.contact_id)
)


@lru_cache(maxsize=4)
def _may_begin(today: date) -> sa.Select[int]:
    return sa.select(delivery.c.id).where(_IN_HAND, gate.may_leave(today)).with_for_update(of=delivery)


@lru_cache(maxsize=4)
def _mark(today: date) -> sa.Update:
    return (
        sa.update(delivery)
        .where(_IN_HAND, gate.may_leave(today))
        .values(marked_at=sa.bindparam("at"))
        .returning(delivery.c.id)
    )


T = TypeVar("T")


def _claims(claimed: Sequence[ClaimedDelivery]) -> dict[str, list[Any]]:
    """The parameters of `_CLAIMS`."""
    padded = _padded(claimed)
    return {"ids": [each.id for each in padded], "claims": [(each.id, each.claim) for each in padded]}


def _each_once(claimed: Sequence[ClaimedDelivery]) -> None:
    # a worker that was taken for dead may claim anew what it still holds; alone, each is judged by its claim
    if len({each.id for each in claimed}) < len(claimed):
        raise ValueError("two claims of one delivery in a group")


def _padded(values: Sequence[T]) -> list[T]:
    """Filled up with its last one to a power of two: the database keeps few texts of a statement ready, not 256."""
    missing = (1 << (len(values) - 1).bit_length()) - len(values)
    return [*values, *[values[-1]] * missing]


def paused(connection: sa.Connection, mode: Mode) -> frozenset[str]:
    """The campaigns of which nothing may leave now; ``*`` is all of them, and all are if the clinic left ``mode``."""
    return frozenset(connection.execute(_PAUSED, {"present_mode": mode}).scalars())


def begin(
    connection: sa.Connection,
    wanted: Sequence[Beginning],
    paused: Set[str],
    *,
    owner: str,
    now: datetime,
    today: date,
) -> dict[int, Attempt | Refusal]:
    """Record tries before anything of them is dialed or offered; by delivery id.

    Refused if the gate is shut (the row is settled accordingly) or the campaign
    is ``paused`` (the row goes back to the queue). ``today`` is the clinic's date.
    Raises `ValueError` for two claims of one delivery.
    """
    _each_once([each.claimed for each in wanted])
    going = [each for each in wanted if not paused & {"*", each.claimed.campaign}]
    open_ids = set()
    if going:
        asked = {**_claims([each.claimed for each in going]), "by": owner}
        open_ids = set(connection.execute(_may_begin(today), asked).scalars())
    begun: dict[int, Attempt | Refusal] = {
        each.claimed.id: _refuse(connection, each.claimed, paused, owner=owner, now=now, today=today)
        for each in wanted
        if each.claimed.id not in open_ids
    }
    return begun | _record(connection, [each for each in wanted if each.claimed.id in open_ids], owner=owner, now=now)


def _refuse(
    connection: sa.Connection, claimed: ClaimedDelivery, paused: Set[str], *, owner: str, now: datetime, today: date
) -> Refusal:
    if paused & {"*", claimed.campaign}:
        attempts.requeue(connection, claimed, owner=owner, now=now)
        return Refusal(DeliveryState.QUEUED, "the campaign is paused")
    refused = gate.refusal(connection, claimed.id, today)
    if refused is None:
        return Refusal(None, "another worker has it")
    if refused.state is DeliveryState.QUEUED:
        attempts.requeue(connection, claimed, owner=owner, now=now)
        return refused
    return attempts.settle_refusal(connection, claimed, refused, owner=owner, now=now)


def _record(
    connection: sa.Connection, going: Sequence[Beginning], *, owner: str, now: datetime
) -> dict[int, Attempt | Refusal]:
    if not going:
        return {}
    last = {
        row.delivery_id: row
        for row in connection.execute(_TRIES, {"ids": _padded([each.claimed.id for each in going])})
    }
    identities = [
        {"first_id": each.claimed.id, "message_id": each.message_id, "message_date": each.message_date}
        for each in going
        if each.claimed.message_id is None
    ]
    if identities:
        connection.execute(_IDENTIFY, identities)
    begun: dict[int, Attempt | Refusal] = {}
    rows, fresh = [], []
    for each in going:
        claimed, tried = each.claimed, last.get(each.claimed.id)
        identity = (claimed.message_id or each.message_id, claimed.message_date or each.message_date)
        if tried is not None and tried.claim == claimed.claim and tried.outcome is None:
            begun[claimed.id] = Attempt(tried.id, tried.number, *identity)
            continue
        number = tried.number + 1 if tried is not None else 1
        fresh.append((claimed.id, number, identity))
        rows.append(
            {
                "delivery_id": claimed.id,
                "number": number,
                "claim": claimed.claim,
                "owner": owner,
                "sender": claimed.sender,
                "server": each.server,
                "phase": AttemptPhase.CONNECT,
                "started_at": now,
            }
        )
    if rows:
        ids = connection.execute(_BEGIN, rows).scalars()
        for attempt_id, (delivery_id, number, identity) in zip(ids, fresh, strict=True):
            begun[delivery_id] = Attempt(attempt_id, number, *identity)
    return begun


def mark(
    connection: sa.Connection, wanted: Sequence[Marking], paused: Set[str], *, owner: str, now: datetime, today: date
) -> dict[int, Refusal]:
    """Durably before the bodies go out: the last gate, one UPDATE; who may not leave, and why, by delivery id.

    A refusal has settled the delivery and ended the attempt; a paused one is back in the queue.
    Raises `ValueError` for two claims of one delivery.
    """
    _each_once([each.claimed for each in wanted])
    going = [each.claimed for each in wanted if not paused & {"*", each.claimed.campaign}]
    marked: set[int] = set()
    if going:
        asked = {**_claims(going), "by": owner, "at": now}
        marked = set(connection.execute(_mark(today), asked).scalars())
        if len(marked) < len(going):
            marked |= set(connection.execute(_MARKED, asked).scalars())
    kept = [{"marked_id": each.claimed.id, "values": dict(each.values)} for each in wanted if each.claimed.id in marked]
    if kept:
        connection.execute(_KEEP_VALUES, kept)
    return {
        each.claimed.id: _refuse_mark(connection, each, paused, owner=owner, now=now, today=today)
        for each in wanted
        if each.claimed.id not in marked
    }


def _refuse_mark(
    connection: sa.Connection, wanted: Marking, paused: Set[str], *, owner: str, now: datetime, today: date
) -> Refusal:
    refused = _refuse(connection, wanted.claimed, paused, owner=owner, now=now, today=today)
    end = AttemptEnd(AttemptOutcome.REFUSED_AT_MARK, AttemptPhase.DATA, answer=refused.reason)
    attempts.end_try(connection, wanted.attempt.id, end, now)
    return refused


def settle_sent(
    connection: sa.Connection, ended: Sequence[tuple[ClaimedDelivery, Attempt, AttemptEnd]], *, now: datetime
) -> set[int]:
    """Settle tries that were answered with a yes; the ids of those that were in hand until now."""
    asked = {**_claims([claimed for claimed, _, _ in ended]), "at": now}
    sent = {row.id: DeliveryKey(*row) for row in connection.execute(_SENT, asked)}
    ours = [(claimed, tried, end) for claimed, tried, end in ended if claimed.id in sent]
    if not ours:
        return set()
    # who was erased meanwhile: servers like to repeat the address
    ours = [
        (claimed, tried, end.without_words if sent[claimed.id].contact_id is None else end)
        for claimed, tried, end in ours
    ]
    connection.execute(
        _END,
        [
            {
                "attempt_id": tried.id,
                "outcome": AttemptOutcome.SENT,
                "phase": end.phase,
                "code": end.code,
                "enhanced": end.enhanced,
                "answer": (end.answer or "")[:ANSWER_LIMIT] or None,
                "relay_id": end.relay_id,
                "ended_at": now,
            }
            for _, tried, end in ours
        ],
    )
    events.record_each(
        connection,
        EventKind.SENT,
        now,
        [
            (
                sent[claimed.id],
                {
                    "attempt": tried.number,
                    "code": end.code,
                    "enhanced": end.enhanced,
                    "answer": end.answer,
                },
            )
            for claimed, tried, end in ours
        ],
    )
    return set(sent)
