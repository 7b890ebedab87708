"""Making editions: once each, filled page by page, then ready for the workers.

Uniqueness by (mode, campaign, occurrence) and by (edition, contact) lets any
number of planners work at once. A page is written by the one who holds the
edition's row and moves ``planned_through``; the others leave those people out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from nurture.store import events, news
from nurture.store.editions import EditionId, EditionRow, get, lock
from nurture.store.expressions import one_of_parameter
from nurture.store.inserting import insert
from nurture.store.readers import Reader
from nurture.store.schema import contact, delivery, edition, edition_content
from nurture.vocabulary import (
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

PAGE_ROWS = 1500  # deliveries in one transaction


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
class PlannedDelivery:
    """What is planned for all readers who are alike. ``reason`` None: queued, else skipped. Instants are UTC."""

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
    digest = _keep_content(connection, content, now)
    return _create(connection, new, {"state": EditionState.PLANNING, "content_digest": digest, "created_at": now})


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
        )
    )
    return get(connection, edition_id) if done.rowcount else None


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


def add_page(
    connection: Connection,
    held: EditionRow,
    page: Iterable[tuple[Reader, PlannedDelivery]],
    *,
    through: int,
    now: datetime,
) -> None:
    """Write what is planned for each reader, and how far the plan got. ``held`` is from `lock`, in state planning.

    The database makes the rows from the contacts, in one step for all who get the same.
    """
    groups: dict[tuple[PlannedDelivery, int | None], list[int]] = {}
    for reader, planned in page:
        shares_with = reader.addressee if reader.addressee != reader.id else None
        groups.setdefault((planned, shares_with), []).append(reader.id)
    lists = news.keep_lists(connection, {planned.news for planned, _ in groups if _carries(planned)})
    shared = {"mode": held.mode, "edition_id": held.id, "campaign": held.campaign, "created_at": now}
    for (planned, shares_with), ids in groups.items():
        queued = planned.reason is None
        values = (
            shared
            | {
                "variant": planned.variant,
                "news_list_id": lists[planned.news] if _carries(planned) else None,
                "state": DeliveryState.QUEUED if queued else DeliveryState.SKIPPED,
                "reason": planned.reason,
                "consent_mask": planned.consent_mask,
                "not_before": planned.not_before,
                "not_after": planned.not_after,
                "next_attempt_at": planned.not_before,
                "settled_at": None if queued else now,
            }
            | ({"addressee": shares_with} if queued else {})
        )
        parameters = {f"its_{name}": value for name, value in values.items()} | {"ids": ids}
        connection.execute(_rows_for(connection.dialect.name, queued=queued), parameters)
    connection.execute(_GOT_THROUGH, {"its_id": held.id, "through": through})


def _carries(planned: PlannedDelivery) -> bool:
    return planned.reason is None and bool(planned.news)


_SHARED = (
    "mode", "edition_id", "campaign", "created_at", "variant", "news_list_id", "state", "reason", "consent_mask",
    "not_before", "not_after", "next_attempt_at", "settled_at",
)  # fmt: skip
_GOT_THROUGH = (
    sa.update(edition).where(edition.c.id == sa.bindparam("its_id")).values(planned_through=sa.bindparam("through"))
)


@cache
def _rows_for(dialect: str, *, queued: bool) -> sa.Insert:
    """The rows of contacts for whom the same is planned; built once, as a page has many such groups."""
    shared = {name: sa.bindparam(f"its_{name}", type_=delivery.c[name].type) for name in _SHARED}
    # only a mail that may leave takes the address; see the table
    first = sa.bindparam("its_addressee", type_=delivery.c.addressee.type)
    addressee = sa.func.coalesce(first, contact.c.id) if queued else sa.cast(sa.null(), first.type)
    own = {
        "contact_id": contact.c.id,
        "organization_id": contact.c.organization_id,
        "recipient_key": contact.c.address_hash,
        "addressee": addressee,
        "address": contact.c.address,
        "domain": contact.c.domain,
    }
    chosen = sa.select(*shared.values(), *own.values()).where(one_of_parameter(dialect, contact.c.id, "ids"))
    made = postgresql.insert(delivery) if dialect == "postgresql" else sqlite.insert(delivery)
    return made.from_select([*_SHARED, *own], chosen).on_conflict_do_nothing()


def make_ready(connection: Connection, edition_id: int, *, skip_if_empty: bool, now: datetime) -> EditionRow:
    """The last commit of a plan: count the rows, store ``planned``, let the workers in.

    An edition with no row is skipped (``empty_segment``); so is one in which
    nobody is left and somebody had no news, if ``skip_if_empty``. Whoever comes
    second changes nothing and gets the edition as it is.
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
