"""Making editions: once each, filled page by page, then ready for the workers.

Uniqueness by (mode, campaign, occurrence) and by (edition, contact) lets any
number of planners work at once. A page is written by the one who holds the
edition's row and moves ``planned_through``; the others leave those people out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store import brakes, events, heartbeat
from nurture.store.brakes import FirstMails
from nurture.store.editions import EditionId, EditionRow, get, hold, lock
from nurture.store.inserting import insert
from nurture.store.schema import delivery, edition, edition_content
from nurture.vocabulary import (
    CampaignKind,
    DeliveryState,
    EditionReason,
    EditionState,
    EventKind,
    Intent,
    Mode,
    SkipReason,
)


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


def content_digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON, in hex."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def create(connection: Connection, new: NewEdition, content: Mapping[str, Any], *, now: datetime) -> EditionRow | None:
    """Make an edition in state ``planning`` together with its content; None if it is there already."""
    digest = _keep_content(connection, content, now)
    made = _create(connection, new, {"state": EditionState.PLANNING, "content_digest": digest, "created_at": now})
    return made and _held_if_silent(connection, made, now)


def record_missed(connection: Connection, new: NewEdition, reason: EditionReason, *, now: datetime) -> bool:
    """Note an edition that will not be made; False if it is there already."""
    ended = {"planned": 0, "created_at": now, "ready_at": now, "finished_at": now}
    made = _create(connection, new, {"state": EditionState.MISSED, "reason": reason, **ended})
    return made is not None


def reopen(
    connection: Connection, edition_id: int, *, new: NewEdition, content: Mapping[str, Any], now: datetime
) -> EditionRow | None:
    """Start anew with an edition that went to nobody: missed, or skipped without any row. None: not such a one."""
    digest = _keep_content(connection, content, now)
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
            held_at=None,
            held_because=None,
        )
    )
    return _held_if_silent(connection, get(connection, edition_id), now) if done.rowcount else None


def _held_if_silent(connection: Connection, made: EditionRow, now: datetime) -> EditionRow:
    """A live edition is held from its beginning while no answer could reach the clinic."""
    because = heartbeat.standing_hold(connection) if made.mode is Mode.LIVE else None
    if because is None:
        return made
    hold(connection, made.id, because=because, now=now)
    return get(connection, made.id)


def forget_missed_after(connection: Connection, *, mode: Mode, now: datetime) -> int:
    """Take back what was recorded as missed but lies ahead: the clock was wrong. How many."""
    done = connection.execute(
        sa.delete(edition).where(edition.c.mode == mode, edition.c.state == EditionState.MISSED, edition.c.due_at > now)
    )
    return done.rowcount


def has_missed_after(connection: Connection, *, mode: Mode, now: datetime) -> bool:
    """Whether `forget_missed_after` would find anything."""
    query = sa.select(edition.c.id).where(
        edition.c.mode == mode, edition.c.state == EditionState.MISSED, edition.c.due_at > now
    )
    return connection.execute(query.limit(1)).first() is not None


def make_ready(
    connection: Connection, edition_id: int, *, skip_if_empty: bool, now: datetime, first: FirstMails | None = None
) -> EditionRow:
    """The last commit of a plan: count the rows, store ``planned``, let the workers in.

    An edition with no row is skipped (``empty_segment``); so is one in which
    nobody is left and somebody had no news, if ``skip_if_empty``. Whoever comes
    second changes nothing and gets the edition as it is. ``first``: how the first edition of all begins.
    """
    held = lock(connection, edition_id)
    if held.state is not EditionState.PLANNING:
        return held
    found = connection.execute(
        sa.select(delivery.c.state, sa.func.count())
        .where(delivery.c.edition_id == edition_id)
        .group_by(delivery.c.state)
    )
    counts: dict[str, int] = {row[0]: row[1] for row in found}
    planned, skipped = sum(counts.values()), counts.get(DeliveryState.SKIPPED, 0)
    state, reason = EditionState.READY, None
    if planned == 0:
        state, reason = EditionState.SKIPPED, EditionReason.EMPTY_SEGMENT
    elif planned == skipped and skip_if_empty and _somebody_had_no_news(connection, edition_id):
        state, reason = EditionState.SKIPPED, EditionReason.NO_NEWS
    later = 0
    if first is not None and planned - skipped > first.over and brakes.is_first(connection, edition_id, held.mode):
        later = brakes.begin_with_few(connection, edition_id, first)
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
        data={"planned": planned, "skipped": skipped}
        | ({"reason": reason} if reason else {})
        | ({"first_mails": planned - skipped - later} if later else {}),
        dedupe_key=f"planned:{edition_id}:{held.created_at.isoformat()}",
    )
    return get(connection, edition_id)


def _keep_content(connection: Connection, content: Mapping[str, Any], now: datetime) -> str:
    digest = content_digest(content)
    connection.execute(
        insert(connection, edition_content)
        .values(digest=digest, content=dict(content), created_at=now)
        .on_conflict_do_nothing(index_elements=["digest"])
    )
    return digest


def _create(connection: Connection, new: NewEdition, values: Mapping[str, Any]) -> EditionRow | None:
    made = connection.execute(
        insert(connection, edition)
        .values({**_values(new), **values})
        .on_conflict_do_nothing(index_elements=["mode", "campaign", "occurrence"])
        .returning(edition.c.id)
    ).scalar_one_or_none()
    return None if made is None else get(connection, made)


def _values(new: NewEdition) -> dict[str, Any]:
    values = {field.name: getattr(new, field.name) for field in fields(new) if field.name not in ("id", "news_ids")}
    news_ids = sa.null() if new.news_ids is None else list(new.news_ids)
    return values | {"campaign": new.id.campaign, "occurrence": new.id.occurrence, "news_ids": news_ids}


def _somebody_had_no_news(connection: Connection, edition_id: int) -> bool:
    found = connection.scalar(
        sa.select(delivery.c.id)
        .where(delivery.c.edition_id == edition_id, delivery.c.reason == SkipReason.NO_NEWS)
        .limit(1)
    )
    return found is not None
