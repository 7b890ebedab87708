"""Editions: reading them, finishing and canceling them. ``plans`` makes them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.errors import InputError
from nurture.store import events
from nurture.store.schema import delivery, edition, edition_content
from nurture.vocabulary import (
    HOLDS_THAT_END,
    WAITING_STATES,
    CampaignKind,
    EditionReason,
    EditionState,
    EventKind,
    Intent,
    Mode,
)


@dataclass(frozen=True, slots=True)
class EditionId:
    """An edition's public name, ``partner-news@2026-12-01T09:30``; unique within a mode."""

    campaign: str
    occurrence: str

    def __str__(self) -> str:
        """As people write it."""
        return f"{self.campaign}@{self.occurrence}"

    @classmethod
    def parse(cls, text: str) -> EditionId:
        """The name in ``text``; raises `InputError` if it is none."""
        campaign, at, occurrence = text.strip().partition("@")
        if not (campaign and at and occurrence):
            raise InputError(
                f"{text!r} is not an edition; write CAMPAIGN@TIME, for example partner-news@2026-12-01T09:30"
            )
        return cls(campaign, occurrence)


@dataclass(frozen=True, slots=True)
class EditionRow:
    """One edition. ``planned`` is None until it is ready; instants are UTC."""

    id: int
    mode: Mode
    campaign: str
    occurrence: str
    kind: CampaignKind
    topic: str
    intent: Intent | None
    sender: str
    state: EditionState
    reason: EditionReason | None
    planned: int | None
    due_at: datetime
    expires_at: datetime
    campaign_digest: str
    content_digest: str | None
    news_ids: tuple[str, ...] | None
    planned_through: int
    created_at: datetime
    ready_at: datetime | None
    finished_at: datetime | None
    held_at: datetime | None
    held_because: str | None
    approved_at: datetime | None
    approved_by: str | None

    @property
    def public_id(self) -> EditionId:
        """How people name it."""
        return EditionId(self.campaign, self.occurrence)


def lock(connection: Connection, edition_id: int) -> EditionRow:
    """The edition, held until the end of this transaction."""
    row = connection.execute(sa.select(edition).where(edition.c.id == edition_id).with_for_update()).mappings().one()
    return _row(row)


def sender_of(connection: Connection, edition_id: int) -> str:
    """The key under `senders` of an edition's sender."""
    return str(connection.execute(sa.select(edition.c.sender).where(edition.c.id == edition_id)).scalar_one())


def finish_drained(connection: Connection, *, mode: Mode, now: datetime) -> int:
    """Ready editions in which no delivery waits any more are finished; how many."""
    # held first, then looked at again: on PostgreSQL somebody may be at `wait_again` at this very moment
    held = connection.execute(sa.select(edition.c.id).where(_drained(mode)).with_for_update()).scalars().all()
    if not held:
        return 0
    done = connection.execute(
        sa.update(edition)
        .where(edition.c.id.in_(held), _drained(mode))
        .values(state=EditionState.FINISHED, finished_at=now)
    )
    return done.rowcount


def has_drained(connection: Connection, *, mode: Mode) -> bool:
    """Whether `finish_drained` would find anything."""
    return connection.execute(sa.select(edition.c.id).where(_drained(mode)).limit(1)).first() is not None


def _drained(mode: Mode) -> sa.ColumnElement[bool]:
    waits = sa.exists().where(delivery.c.edition_id == edition.c.id, delivery.c.state.in_(WAITING_STATES))
    return sa.and_(edition.c.mode == mode, edition.c.state == EditionState.READY, ~waits)


def wait_again(connection: Connection, edition_id: int) -> bool:
    """Before a delivery that was final goes back to the queue: a finished edition is ready again.

    Holds the edition until the end of the transaction, so that nobody finishes
    it meanwhile. False: it is neither ready nor finished, so nothing of it may leave.
    """
    done = connection.execute(
        sa.update(edition)
        .where(edition.c.id == edition_id, edition.c.state.in_([EditionState.READY, EditionState.FINISHED]))
        .values(state=EditionState.READY, finished_at=None)
    )
    return done.rowcount > 0


def may_send() -> sa.ColumnElement[bool]:
    """A condition on ``edition``: its mails may leave now."""
    return (edition.c.state == EditionState.READY) & edition.c.held_at.is_(None)


def hold(connection: Connection, edition_id: int, *, because: str, now: datetime) -> bool:
    """Let nothing more of an edition leave until `approve`; False: it is held already, or over.

    A hold that ends by itself gives way to one that does not.
    """
    gives_way = () if because in HOLDS_THAT_END else HOLDS_THAT_END
    done = connection.execute(
        sa.update(edition)
        .where(
            edition.c.id == edition_id,
            edition.c.held_at.is_(None) | edition.c.held_because.in_(gives_way),
            edition.c.state.in_([EditionState.PLANNING, EditionState.READY]),
        )
        .values(held_at=now, held_because=because)
    )
    if done.rowcount:
        events.record(connection, EventKind.HELD, now, edition_id=edition_id, data={"reason": because})
    return done.rowcount > 0


def approve(connection: Connection, edition_id: int, *, by: str, now: datetime) -> bool:
    """Somebody lets an edition go, which ends a `hold`; False: it was not held."""
    note_approval(connection, edition_id, by=by, now=now)
    return _end_holds(connection, edition.c.id == edition_id, by=by, now=now) > 0


def note_approval(connection: Connection, edition_id: int, *, by: str, now: datetime) -> None:
    """Somebody let an edition go before it was made; what holds it since then holds it."""
    connection.execute(sa.update(edition).where(edition.c.id == edition_id).values(approved_at=now, approved_by=by))


def end_holds(connection: Connection, reasons: Collection[str], *, by: str, now: datetime) -> int:
    """What is held for one of these reasons goes on, which is nobody's word for it; how many."""
    return _end_holds(connection, edition.c.held_because.in_(reasons), by=by, now=now)


def _end_holds(connection: Connection, which: sa.ColumnElement[bool], *, by: str, now: datetime) -> int:
    ended = connection.scalars(
        sa.update(edition)
        .where(which, edition.c.held_at.is_not(None))
        .values(held_at=None, held_because=None)
        .returning(edition.c.id)
    ).all()
    for edition_id in ended:
        events.record(connection, EventKind.RESUMED, now, edition_id=edition_id, data={"by": by})
    return len(ended)


def let_go_before(connection: Connection, *, mode: Mode) -> frozenset[str]:
    """The campaigns of which somebody let an edition go that was not canceled."""
    query = sa.select(edition.c.campaign).where(
        edition.c.mode == mode,
        edition.c.approved_at.is_not(None),
        edition.c.state.in_([EditionState.PLANNING, EditionState.READY, EditionState.FINISHED]),
    )
    return frozenset(connection.scalars(query.distinct()))


def mark_canceled(connection: Connection, edition_id: int, reason: EditionReason, *, now: datetime) -> bool:
    """Stop an edition that is planning or ready; False: it was neither.

    Its waiting deliveries are canceled by ``deliveries.cancel`` in the same
    transaction. One that was still planning gets its rows counted.
    """
    held = lock(connection, edition_id)
    if held.state not in (EditionState.PLANNING, EditionState.READY):
        return False
    planned = held.planned
    if planned is None:
        planned = connection.scalar(
            sa.select(sa.func.count()).select_from(delivery).where(delivery.c.edition_id == edition_id)
        )
    connection.execute(
        sa.update(edition)
        .where(edition.c.id == edition_id)
        .values(state=EditionState.CANCELED, reason=reason, planned=planned, finished_at=now)
    )
    events.record(connection, EventKind.CANCELED, now, edition_id=edition_id, data={"reason": reason})
    return True


def get(connection: Connection, edition_id: int) -> EditionRow:
    """The edition with this number; it must be there."""
    return _row(connection.execute(sa.select(edition).where(edition.c.id == edition_id)).mappings().one())


def find(connection: Connection, name: EditionId, *, mode: Mode) -> EditionRow | None:
    """The edition with this public name, or None."""
    row = (
        connection.execute(
            sa.select(edition).where(
                edition.c.mode == mode, edition.c.campaign == name.campaign, edition.c.occurrence == name.occurrence
            )
        )
        .mappings()
        .one_or_none()
    )
    return None if row is None else _row(row)


def list_editions(
    connection: Connection,
    *,
    mode: Mode,
    campaign: str | None = None,
    states: Collection[EditionState] | None = None,
    limit: int | None = None,
) -> tuple[EditionRow, ...]:
    """Editions, the latest due first."""
    query = sa.select(edition).where(edition.c.mode == mode).order_by(edition.c.due_at.desc(), edition.c.id.desc())
    if campaign is not None:
        query = query.where(edition.c.campaign == campaign)
    if states is not None:
        query = query.where(edition.c.state.in_(list(states)))
    return tuple(map(_row, connection.execute(query.limit(limit)).mappings()))


def keys_of_campaigns(connection: Connection, *, mode: Mode) -> dict[str, list[tuple[str, str]]]:
    """Occurrence and file digest of every edition, by campaign: what has been decided already."""
    found: dict[str, list[tuple[str, str]]] = {}
    query = sa.select(edition.c.campaign, edition.c.occurrence, edition.c.campaign_digest)
    for campaign, occurrence, digest in connection.execute(query.where(edition.c.mode == mode)):
        found.setdefault(campaign, []).append((occurrence, digest))
    return found


def content_of(connection: Connection, edition_id: int) -> dict[str, Any] | None:
    """The content that an edition keeps; None for one that was never made."""
    query = sa.select(edition_content.c.content).join(edition, edition.c.content_digest == edition_content.c.digest)
    content: dict[str, Any] | None = connection.scalar(query.where(edition.c.id == edition_id))
    return content


def _row(row: sa.RowMapping) -> EditionRow:
    values: dict[str, Any] = dict(row)
    return EditionRow(
        **values
        | {
            "mode": Mode(row["mode"]),
            "kind": CampaignKind(row["kind"]),
            "intent": Intent(row["intent"]) if row["intent"] else None,
            "state": EditionState(row["state"]),
            "reason": EditionReason(row["reason"]) if row["reason"] else None,
            "news_ids": None if row["news_ids"] is None else tuple(row["news_ids"]),
        }
    )
