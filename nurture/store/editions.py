"""Editions: made once, filled page by page, then ready for the workers; and reading them.

Uniqueness by (mode, campaign, occurrence) and by (edition, contact) lets any
number of planners work at once. A page is written by the one who holds the
edition's row and moves ``planned_through``; the rest of its people others had.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from nurture.errors import InputError
from nurture.store import events
from nurture.store.schema import delivery, delivery_news, edition, edition_content
from nurture.vocabulary import (
    WAITING_STATES,
    CampaignKind,
    Category,
    DeliveryState,
    EditionReason,
    EditionState,
    EventKind,
    Intent,
    Mode,
    SkipReason,
)

PAGE_ROWS = 1000  # deliveries in one transaction


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
class NewEdition:
    """What an edition is made of. Instants are UTC; ``news_ids`` None: it carries no news."""

    id: EditionId
    mode: Mode
    kind: CampaignKind
    topic: str
    intent: Intent | None
    sender: str
    due_at: datetime
    expires_at: datetime
    campaign_digest: str
    news_ids: Sequence[str] | None = None


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

    @property
    def public_id(self) -> EditionId:
        """How people name it."""
        return EditionId(self.campaign, self.occurrence)


@dataclass(frozen=True, slots=True)
class PlannedDelivery:
    """One person who is meant. ``reason`` None: queued, else skipped. Instants are UTC."""

    contact_id: int
    organization_id: int | None
    address: str
    address_hash: str
    domain: str | None
    variant: Category
    reason: SkipReason | None
    consent_mask: int
    not_before: datetime
    not_after: datetime
    news: tuple[str, ...] = ()


def content_digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON, in hex."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def create(connection: Connection, new: NewEdition, content: Mapping[str, Any], *, now: datetime) -> EditionRow | None:
    """Make an edition in state ``planning`` together with its content; None if it is there already."""
    digest = content_digest(content)
    insert = _insert(connection)
    connection.execute(
        insert(edition_content)
        .values(digest=digest, content=dict(content), created_at=now)
        .on_conflict_do_nothing(index_elements=["digest"])
    )
    return _create(connection, new, now, state=EditionState.PLANNING, content_digest=digest)


def record_missed(connection: Connection, new: NewEdition, reason: EditionReason, *, now: datetime) -> bool:
    """Note an edition that will not be made; False if it is there already."""
    made = _create(
        connection, new, now, state=EditionState.MISSED, reason=reason, planned=0, ready_at=now, finished_at=now
    )
    return made is not None


def reopen(
    connection: Connection, edition_id: int, *, new: NewEdition, content: Mapping[str, Any], now: datetime
) -> EditionRow | None:
    """Start anew with an edition that went to nobody: missed, or skipped without any row. None: not such a one."""
    digest = content_digest(content)
    connection.execute(
        _insert(connection)(edition_content)
        .values(digest=digest, content=dict(content), created_at=now)
        .on_conflict_do_nothing(index_elements=["digest"])
    )
    done = connection.execute(
        sa.update(edition)
        .where(
            edition.c.id == edition_id,
            edition.c.state.in_([EditionState.MISSED, EditionState.SKIPPED]),
            edition.c.planned == 0,
        )
        .values(
            **_values(new),
            state=EditionState.PLANNING,
            reason=None,
            planned=None,
            planned_through=0,
            content_digest=digest,
            created_at=now,
            ready_at=None,
            finished_at=None,
        )
    )
    return get(connection, edition_id) if done.rowcount else None


def forget_missed_after(connection: Connection, *, mode: Mode, now: datetime) -> int:
    """Take back what was recorded as missed but lies ahead: the clock was wrong. How many."""
    done = connection.execute(
        sa.delete(edition).where(edition.c.mode == mode, edition.c.state == EditionState.MISSED, edition.c.due_at > now)
    )
    return done.rowcount


def lock(connection: Connection, edition_id: int) -> EditionRow:
    """The edition, held until the end of this transaction."""
    row = connection.execute(sa.select(edition).where(edition.c.id == edition_id).with_for_update()).mappings().one()
    return _row(row)


def add_page(
    connection: Connection, held: EditionRow, page: Sequence[PlannedDelivery], *, through: int, now: datetime
) -> None:
    """Write the rows of one page and how far the plan got. ``held`` is from `lock`, in state planning."""
    insert = _insert(connection)
    rows = [_delivery_values(held, person, now) for person in page]
    if rows:
        connection.execute(insert(delivery).on_conflict_do_nothing(), rows)
    carried = {person.contact_id: person.news for person in page if person.news and person.reason is None}
    if carried:
        written = connection.execute(
            sa.select(delivery.c.id, delivery.c.contact_id).where(
                delivery.c.edition_id == held.id,
                delivery.c.contact_id > held.planned_through,
                delivery.c.contact_id <= through,
                delivery.c.state == DeliveryState.QUEUED,
            )
        )
        news = [
            {"delivery_id": delivery_id, "position": position, "news_id": news_id}
            for delivery_id, contact_id in written
            for position, news_id in enumerate(carried.get(contact_id, ()))
        ]
        if news:
            connection.execute(insert(delivery_news).on_conflict_do_nothing(), news)
    connection.execute(sa.update(edition).where(edition.c.id == held.id).values(planned_through=through))


def make_ready(connection: Connection, edition_id: int, *, skip_if_empty: bool, now: datetime) -> EditionRow:
    """The last commit of a plan: count the rows, store ``planned``, let the workers in.

    An edition with no row is skipped (``empty_segment``); so is one in which
    nobody is left and somebody had no news, if ``skip_if_empty``. Whoever comes
    second changes nothing and gets the edition as it is.
    """
    held = lock(connection, edition_id)
    if held.state is not EditionState.PLANNING:
        return held
    counts: dict[str, int] = dict(
        connection.execute(
            sa.select(delivery.c.state, sa.func.count())
            .where(delivery.c.edition_id == edition_id)
            .group_by(delivery.c.state)
        )
        .tuples()
        .all()
    )
    planned, skipped = sum(counts.values()), counts.get(DeliveryState.SKIPPED, 0)
    state, reason = EditionState.READY, None
    if planned == 0:
        state, reason = EditionState.SKIPPED, EditionReason.EMPTY_SEGMENT
    elif planned == skipped and skip_if_empty and _somebody_had_no_news(connection, edition_id):
        state, reason = EditionState.SKIPPED, EditionReason.NO_NEWS
    connection.execute(
        sa.update(edition)
        .where(edition.c.id == edition_id)
        .values(
            state=state,
            reason=reason,
            planned=planned,
            ready_at=now,
            finished_at=now if state is EditionState.SKIPPED else None,
        )
    )
    events.record(
        connection,
        EventKind.PLANNED if state is EditionState.READY else EventKind.SKIPPED,
        now,
        edition_id=edition_id,
        data={"planned": planned, "skipped": skipped} | ({"reason": reason} if reason else {}),
        dedupe_key=f"planned:{edition_id}:{held.created_at.isoformat()}",
    )
    return get(connection, edition_id)


def finish_drained(connection: Connection, *, mode: Mode, now: datetime) -> int:
    """Ready editions in which no delivery waits any more are finished; how many."""
    waits = sa.exists().where(delivery.c.edition_id == edition.c.id, delivery.c.state.in_(WAITING_STATES))
    done = connection.execute(
        sa.update(edition)
        .where(edition.c.mode == mode, edition.c.state == EditionState.READY, ~waits)
        .values(state=EditionState.FINISHED, finished_at=now)
    )
    return done.rowcount


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


def _create(connection: Connection, new: NewEdition, now: datetime, **values: Any) -> EditionRow | None:
    made = connection.execute(
        _insert(connection)(edition)
        .values(**_values(new), created_at=now, **values)
        .on_conflict_do_nothing(index_elements=["mode", "campaign", "occurrence"])
        .returning(edition.c.id)
    ).scalar_one_or_none()
    return None if made is None else get(connection, made)


def _values(new: NewEdition) -> dict[str, Any]:
    values = {field.name: getattr(new, field.name) for field in fields(new) if field.name not in ("id", "news_ids")}
    news_ids = sa.null() if new.news_ids is None else list(new.news_ids)
    return values | {"campaign": new.id.campaign, "occurrence": new.id.occurrence, "news_ids": news_ids}


def _delivery_values(held: EditionRow, person: PlannedDelivery, now: datetime) -> dict[str, Any]:
    queued = person.reason is None
    return {
        "mode": held.mode,
        "edition_id": held.id,
        "campaign": held.campaign,
        "contact_id": person.contact_id,
        "organization_id": person.organization_id,
        # only a mail that may leave takes the address; see the table
        "recipient_key": person.address_hash if queued else f"{person.reason}:{person.contact_id}",
        "address": person.address,
        "domain": person.domain,
        "variant": person.variant,
        "state": DeliveryState.QUEUED if queued else DeliveryState.SKIPPED,
        "reason": person.reason,
        "consent_mask": person.consent_mask,
        "not_before": person.not_before,
        "not_after": person.not_after,
        "next_attempt_at": person.not_before,
        "created_at": now,
        "settled_at": None if queued else now,
    }


def _somebody_had_no_news(connection: Connection, edition_id: int) -> bool:
    found = connection.scalar(
        sa.select(delivery.c.id)
        .where(delivery.c.edition_id == edition_id, delivery.c.reason == SkipReason.NO_NEWS)
        .limit(1)
    )
    return found is not None


def _insert(connection: Connection) -> Any:
    return postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert


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
