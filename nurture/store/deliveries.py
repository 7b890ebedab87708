"""Deliveries as a queue: claimed by workers, taken back from dead ones, expired, canceled, retried by hand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from nurture.store import attempts, editions, late_answers, news
from nurture.store.attempts import ClaimedDelivery
from nurture.store.events import DeliveryKey
from nurture.store.meta import in_mode
from nurture.store.schema import campaign_control, delivery, edition
from nurture.store.transitions import Transition, move
from nurture.vocabulary import (
    AttemptOutcome,
    AttemptPhase,
    Category,
    DeliveryState,
    EditionState,
    EventKind,
    Mode,
)

UPKEEP_ROWS = 2000  # rows changed in one transaction at most
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
BY_HAND_WINDOW = timedelta(days=3)  # how long a delivery that is retried by hand may take


@dataclass(frozen=True, slots=True)
class Recovered:
    """What became of dead workers' rows."""

    requeued: int
    uncertain: int


def _too_late(now: datetime | sa.BindParameter[datetime]) -> sa.ColumnElement[bool]:
    """A first try must begin in the delivery's window, a retry before the edition's time is over."""
    its = edition.alias()
    over = sa.exists().where(its.c.id == delivery.c.edition_id, its.c.expires_at < now)
    return (delivery.c.not_after < now) & ((delivery.c.attempts == 0) | over)


def _not_paused() -> sa.ColumnElement[bool]:
    return ~sa.exists().where(campaign_control.c.campaign.in_([delivery.c.campaign, "*"]))


def _ripe(now: datetime | sa.BindParameter[datetime]) -> sa.ColumnElement[bool]:
    """Rows that may be claimed if their edition is ready, of both modes."""
    return sa.and_(
        delivery.c.state == DeliveryState.QUEUED,
        delivery.c.next_attempt_at <= now,
        ~_too_late(now),
        _not_paused(),
    )


def _waits(mode: Mode | sa.BindParameter[str], now: datetime | sa.BindParameter[datetime]) -> sa.ColumnElement[bool]:
    """Rows that may be claimed if their edition is ready; none if the clinic left this mode."""
    return (delivery.c.mode == mode) & in_mode(mode) & _ripe(now)


def _due(mode: Mode, now: datetime) -> sa.ColumnElement[bool]:
    """Rows that may be claimed; to be joined with ``edition``."""
    return _waits(mode, now) & editions.may_send()


def next_due_at(connection: sa.Connection, *, mode: Mode, after: datetime) -> datetime | None:
    """When the next waiting delivery comes after ``after``; None: none waits for a later time."""
    found: datetime | None = connection.scalar(
        sa.select(sa.func.min(delivery.c.next_attempt_at)).where(
            delivery.c.mode == mode, delivery.c.state == DeliveryState.QUEUED, delivery.c.next_attempt_at > after
        )
    )
    return found


def opens_at(connection: sa.Connection, edition_id: int) -> datetime | None:
    """When the first of an edition's queued mails may leave, or might have; None: none is queued."""
    found: datetime | None = connection.scalar(
        sa.select(sa.func.min(delivery.c.not_before)).where(
            delivery.c.edition_id == edition_id, delivery.c.state == DeliveryState.QUEUED
        )
    )
    return found


def due_senders(connection: sa.Connection, *, mode: Mode, now: datetime) -> tuple[str, ...]:
    """The senders that have something to do now, by name."""
    names = connection.execute(
        sa.select(edition.c.sender)
        .where(
            # the mode is asked of the edition, else SQLite looks through the rows of all editions for each
            edition.c.mode == mode,
            editions.may_send(),
            sa.exists().where(delivery.c.edition_id == edition.c.id, _ripe(now)).correlate(edition),
        )
        .distinct()
        .order_by(edition.c.sender)
    )
    return tuple(names.scalars())


def due_count(connection: sa.Connection, *, mode: Mode, sender: str, now: datetime, domains: Sequence[str] = ()) -> int:
    """How many deliveries of a sender are due now; with ``domains`` only those to addresses there."""
    query = (
        sa.select(sa.func.count())
        .select_from(delivery.join(edition, edition.c.id == delivery.c.edition_id))
        .where(_due(mode, now), edition.c.sender == sender)
    )
    if domains:
        query = query.where(delivery.c.domain.in_(domains))
    return connection.execute(query).scalar_one()


class Position(NamedTuple):
    """A place in the queue."""

    due_at: datetime
    id: int


def _claiming(*further: sa.ColumnElement[bool]) -> Transition:
    # EXISTS, not a join: SQLite would begin with the editions and sort all that is due for every claim
    its = sa.exists().where(
        edition.c.id == delivery.c.edition_id,
        editions.may_send(),
        edition.c.sender == sa.bindparam("for_sender"),
    )
    chosen = (
        sa.select(delivery.c.id)
        .where(_waits(sa.bindparam("for_mode"), sa.bindparam("due_at")), its.correlate(delivery), *further)
        .order_by(delivery.c.next_attempt_at, delivery.c.id)
        .limit(sa.bindparam("size"))
        # SQLite leaves this out: its write lock is held already
        .with_for_update(of=delivery, skip_locked=True)
        .cte("chosen")
    )
    return Transition(
        DeliveryState.QUEUED,
        DeliveryState.SENDING,
        where=delivery.c.id.in_(sa.select(chosen.c.id)),
        values={"owner": sa.bindparam("by"), "claim": delivery.c.claim + 1, "marked_at": None},
    )


# Asked for every few mails: building them anew would cost more than asking.
_CLAIM = _claiming()
_NOT_LEFT_OUT = delivery.c.domain.not_in(sa.bindparam("left_out", expanding=True))
_BEHIND = sa.bindparam("behind", type_=delivery.c.next_attempt_at.type)
# an edition's mails are all due in one instant; two statements, because SQLite seeks no pair (time, id)
_CLAIM_BEHIND = (
    _claiming(_NOT_LEFT_OUT, delivery.c.next_attempt_at == _BEHIND, delivery.c.id > sa.bindparam("behind_id")),
    _claiming(_NOT_LEFT_OUT, delivery.c.next_attempt_at > _BEHIND),
)
_CLAIMED = (
    sa.select(delivery, edition.c.sender, edition.c.expires_at)
    .join(edition, edition.c.id == delivery.c.edition_id)
    .where(delivery.c.id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(delivery.c.next_attempt_at, delivery.c.id)
)


def claim(
    connection: sa.Connection,
    *,
    mode: Mode,
    sender: str,
    owner: str,
    now: datetime,
    limit: int,
    but: Sequence[str] = (),
    after: Position | None = None,
) -> tuple[ClaimedDelivery, ...]:
    """Take up to ``limit`` due deliveries of one sender, the longest due first.

    For a row that was never tried, due since means ``not_before``. Two workers
    at once never get the same row. ``but``: no addresses at these domains;
    ``after``: only what comes behind it.
    """
    asked = {"for_mode": mode, "due_at": now, "for_sender": sender, "size": limit, "by": owner}
    if not but and after is None:
        return as_claimed(connection, [row.id for row in _CLAIM.run(connection, now, asked)])
    behind = after or Position(_EARLIEST, 0)
    asked |= {"left_out": list(but), "behind": behind.due_at}
    same_time, later = _CLAIM_BEHIND
    rows = same_time.run(connection, now, {**asked, "behind_id": behind.id}) if after else []
    if len(rows) < limit:
        rows += later.run(connection, now, {**asked, "size": limit - len(rows)})
    return as_claimed(connection, [row.id for row in rows])


def as_claimed(connection: sa.Connection, ids: list[int]) -> tuple[ClaimedDelivery, ...]:
    """These deliveries, with all that is needed to send and to settle them."""
    if not ids:
        return ()
    rows = connection.execute(_CLAIMED, {"ids": ids}).all()
    lists = news.lists(connection, {row.news_list_id for row in rows})
    return tuple(
        ClaimedDelivery(
            id=row.id,
            claim=row.claim,
            mode=Mode(row.mode),
            edition_id=row.edition_id,
            campaign=row.campaign,
            sender=row.sender,
            contact_id=row.contact_id,
            address=row.address,
            recipient_key=row.recipient_key,
            variant=Category(row.variant),
            attempts=row.attempts,
            message_id=row.message_id,
            message_date=row.message_date,
            not_before=row.not_before,
            not_after=row.not_after,
            due_at=row.next_attempt_at,
            expires_at=row.expires_at,
            news_ids=lists.get(row.news_list_id, ()),
        )
        for row in rows
    )


def owners_in_hand(connection: sa.Connection) -> tuple[str, ...]:
    """Everybody in whose name a delivery is being sent, alive or dead."""
    mine = sa.select(delivery.c.owner).where(delivery.c.state == DeliveryState.SENDING, delivery.c.owner.is_not(None))
    return tuple(owner for owner in connection.execute(mine.distinct()).scalars() if owner)


def recover(connection: sa.Connection, owners: Collection[str], now: datetime, *, own: str | None = None) -> Recovered:
    """Take back the rows of owners that are proven dead, or of a worker that has nothing in hand.

    What was not marked goes back to the queue; what was marked may have
    arrived, so it becomes uncertain. It keeps its owner, unless that is ``own``,
    the caller itself, which knows that no answer will come.
    """
    held = delivery.c.owner.in_(list(owners))
    unmarked = move(
        connection,
        DeliveryState.SENDING,
        DeliveryState.QUEUED,
        now,
        where=held & delivery.c.marked_at.is_(None),
        event=EventKind.REQUEUED,
        data={"reason": "given up before the body went out"},
    )
    attempts.end_open(connection, [row.id for row in unmarked], AttemptOutcome.ABANDONED, now)
    marked = move(
        connection,
        DeliveryState.SENDING,
        DeliveryState.UNCERTAIN,
        now,
        where=held & delivery.c.marked_at.is_not(None),
        values={"reason": "the worker died while the mail server had the mail", "owner": _but(own)},
        data={"reason": "its worker died after the mark"},
    )
    attempts.end_open(connection, [row.id for row in marked], AttemptOutcome.UNCERTAIN, now, phase=AttemptPhase.BODY)
    decided = late_answers.win_uncertain(connection, [row.id for row in marked], now) if marked else set()
    return Recovered(len(unmarked), len(marked) - len(decided))


def _but(own: str | None) -> sa.ColumnElement[str | None]:
    return sa.func.nullif(delivery.c.owner, own) if own else delivery.c.owner


def _some(mode: Mode, state: DeliveryState, condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    chosen = sa.select(delivery.c.id).where(delivery.c.mode == mode, delivery.c.state == state, condition)
    return delivery.c.id.in_(chosen.limit(UPKEEP_ROWS).cte().select())


def expire(connection: sa.Connection, *, mode: Mode, now: datetime) -> int:
    """Waiting deliveries whose time went by become expired, up to 2,000 of a state at once; how many."""
    count = 0
    for state in (DeliveryState.QUEUED, DeliveryState.HELD):
        gone = move(connection, state, DeliveryState.EXPIRED, now, where=_some(mode, state, _too_late(now)))
        count += len(gone)
    return count


def _canceled_edition() -> sa.ColumnElement[bool]:
    return sa.exists().where(edition.c.id == delivery.c.edition_id, edition.c.state == EditionState.CANCELED)


def cancel_leftovers(connection: sa.Connection, *, mode: Mode, now: datetime) -> int:
    """Rows that came back to the queue after their edition was canceled; how many, up to 2,000."""
    gone = move(
        connection,
        DeliveryState.QUEUED,
        DeliveryState.CANCELED,
        now,
        where=_some(mode, DeliveryState.QUEUED, _canceled_edition()),
        values={"reason": "the edition was canceled"},
    )
    return len(gone)


def cancel(connection: sa.Connection, edition_id: int, now: datetime) -> int:
    """Cancel what waits in an edition; how many.

    What a worker has in hand is refused at its mark, once the edition's state
    says canceled; the caller sets that in the same transaction.
    """
    canceled: list[DeliveryKey] = []
    for state in (DeliveryState.QUEUED, DeliveryState.HELD):
        canceled += move(
            connection,
            state,
            DeliveryState.CANCELED,
            now,
            where=delivery.c.edition_id == edition_id,
            values={"reason": "by hand"},
            data={"reason": "by hand"},
        )
    return len(canceled)


def retry_failed(connection: sa.Connection, edition_id: int, now: datetime) -> int:
    """Queue an edition's failed deliveries anew, with a fresh window from now; how many.

    A finished edition is ready again. Message-ID and Date stay as they were,
    so a copy that did arrive is recognized (RFC 5322 3.6.4). Nothing is queued
    in an edition that was canceled.
    """
    if not editions.wait_again(connection, edition_id):
        return 0
    queued = move(
        connection,
        DeliveryState.FAILED,
        DeliveryState.QUEUED,
        now,
        where=delivery.c.edition_id == edition_id,
        values={
            "attempts": 0,
            "resends": delivery.c.resends + sa.case((attempts.had_no_answer(), 1), else_=0),
            "marked_at": None,
            "reason": None,
            "not_before": now,
            "next_attempt_at": now,
            "not_after": now + BY_HAND_WINDOW,
        },
        event=EventKind.REQUEUED,
        data={"reason": "by hand"},
    )
    return len(queued)


def release_held(connection: sa.Connection, edition_id: int, now: datetime) -> int:
    """Queue an edition's held deliveries again, with a fresh window from now; how many."""
    queued = move(
        connection,
        DeliveryState.HELD,
        DeliveryState.QUEUED,
        now,
        where=delivery.c.edition_id == edition_id,
        values={"reason": None, "not_before": now, "next_attempt_at": now, "not_after": now + BY_HAND_WINDOW},
        event=EventKind.RESUMED,
        data={"reason": "by hand"},
    )
    return len(queued)


def upkeep_due(connection: sa.Connection, *, mode: Mode, now: datetime) -> bool:
    """Whether `expire` or `cancel_leftovers` would find something."""
    waiting = delivery.c.state.in_([DeliveryState.QUEUED, DeliveryState.HELD])
    left = sa.exists().where(delivery.c.edition_id == edition.c.id, delivery.c.state == DeliveryState.QUEUED)
    query = sa.select(
        sa.exists().where(edition.c.mode == mode, edition.c.state == EditionState.CANCELED, left)
        | sa.exists().where(delivery.c.mode == mode, waiting, _too_late(now))
    )
    return bool(connection.execute(query).scalar_one())
