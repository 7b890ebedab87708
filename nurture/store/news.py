"""Feeds and their entries, and who has seen which news.

A person has seen an item when a delivery that carried it is sent or uncertain,
in the mode that is asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.expressions import one_of_parameter
from nurture.store.inserting import insert
from nurture.store.schema import delivery, edition, feed, feed_entry, news_list, news_list_item
from nurture.vocabulary import Category, DeliveryState, Mode

_SEEN = (DeliveryState.SENT, DeliveryState.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class FeedState:
    """What is known of a feed: validators for the next fetch (RFC 9110 8.8), and how the last one went."""

    name: str
    etag: str | None = None
    last_modified: str | None = None
    fetched_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """An entry as it is kept. ``html`` is sanitized; ``published_on`` is None where the feed names no day."""

    news_id: str
    title: str
    summary: str
    html: str
    link: str | None
    published_on: date | None


@dataclass(frozen=True, slots=True)
class StoredEntry(FeedEntry):
    """An entry that came back from the store; its day is known."""

    feed: str
    published_on: date


def feed_states(connection: Connection) -> dict[str, FeedState]:
    """All feeds that were ever fetched, by name."""
    rows = connection.execute(sa.select(feed))
    return {row.name: FeedState(row.name, row.etag, row.last_modified, row.fetched_at, row.error) for row in rows}


def feed_fetched(
    connection: Connection, name: str, now: datetime, *, etag: str | None = None, last_modified: str | None = None
) -> None:
    """Record a good fetch; its validators serve the next one."""
    _upsert_feed(connection, name, etag=etag, last_modified=last_modified, fetched_at=now, error=None)


def feed_failed(connection: Connection, name: str, now: datetime, *, error: str) -> None:
    """Record a failed fetch, in words; validators and entries stay."""
    _upsert_feed(connection, name, fetched_at=now, error=error)


def _upsert_feed(connection: Connection, name: str, **values: object) -> None:
    connection.execute(
        insert(connection, feed).values(name=name, **values).on_conflict_do_update(index_elements=["name"], set_=values)
    )


def save_entries(connection: Connection, name: str, entries: Sequence[FeedEntry], now: datetime, *, today: date) -> int:
    """Insert or update entries of a feed; returns how many are new.

    An entry without a day gets ``today`` when it is new and keeps its day later.
    """
    ids = [entry.news_id for entry in entries]
    known = set(connection.scalars(sa.select(feed_entry.c.news_id).where(feed_entry.c.news_id.in_(ids))))
    for entry in entries:
        words = {
            "title": entry.title,
            "summary": entry.summary,
            "html": entry.html,
            "link": entry.link,
            "fetched_at": now,
        }
        dated = {"published_on": entry.published_on} if entry.published_on else {}
        new = insert(connection, feed_entry).values(
            news_id=entry.news_id, feed=name, published_on=entry.published_on or today, **words
        )
        connection.execute(new.on_conflict_do_update(index_elements=["news_id"], set_={**words, **dated}))
    return len(set(ids) - known)


def feed_entries(connection: Connection, name: str, *, limit: int) -> Iterator[StoredEntry]:
    """The newest entries of a feed, newest first."""
    rows = connection.execute(
        sa.select(feed_entry)
        .where(feed_entry.c.feed == name)
        .order_by(feed_entry.c.published_on.desc(), feed_entry.c.news_id)
        .limit(limit)
    )
    for row in rows:
        yield StoredEntry(
            row.news_id, row.title, row.summary, row.html, row.link, feed=row.feed, published_on=row.published_on
        )


def keep_lists(connection: Connection, wanted: Collection[tuple[str, ...]]) -> dict[tuple[str, ...], int]:
    """The ids of these lists of news, made where they are not there yet; two who make one at once get the same."""
    digests = {_digest(news_ids): news_ids for news_ids in wanted}
    known = _known_lists(connection, digests)
    if new := digests.keys() - known.keys():
        made = insert(connection, news_list).on_conflict_do_nothing(index_elements=["digest"])
        connection.execute(made, [{"digest": digest} for digest in sorted(new)])
        known = _known_lists(connection, digests)
        rows = [
            {"news_list_id": known[digest], "position": position, "news_id": news_id}
            for digest in new
            for position, news_id in enumerate(digests[digest])
        ]
        connection.execute(insert(connection, news_list_item).on_conflict_do_nothing(), rows)
    return {news_ids: known[digest] for digest, news_ids in digests.items()}


def _known_lists(connection: Connection, digests: Collection[str]) -> dict[str, int]:
    found = connection.execute(_LISTS_BY_DIGEST, {"digests": list(digests)})
    return {digest: identifier for identifier, digest in found}


def _digest(news_ids: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(news_ids).encode()).hexdigest()


def lists(connection: Connection, list_ids: Collection[int | None]) -> dict[int | None, tuple[str, ...]]:
    """The news of each list, in order. Asked for with every claim."""
    found: dict[int | None, tuple[str, ...]] = {}
    if wanted := [identifier for identifier in list_ids if identifier is not None]:
        for list_id, news_id in connection.execute(_LISTED, {"ids": wanted}):
            found[list_id] = (*found.get(list_id, ()), news_id)
    return found


def carriers(connection: Connection, news_ids: Collection[str], *, mode: Mode) -> tuple[int, ...]:
    """The editions that may have carried some of these news."""
    query = sa.select(edition.c.id, edition.c.news_ids).where(edition.c.mode == mode, edition.c.news_ids.is_not(None))
    wanted = set(news_ids)
    return tuple(row.id for row in connection.execute(query) if not wanted.isdisjoint(row.news_ids or ()))


def seen(connection: Connection, contact_ids: Sequence[int], *, editions: Sequence[int]) -> dict[int, frozenset[str]]:
    """The ids of the news that each contact has seen in these editions; contacts who saw none are absent.

    A few thousand contacts at most. They are looked up edition by edition, so
    it costs the same whatever else they got in all the years.
    """
    if not editions:
        return {}
    asked = {"editions": list(editions), "ids": contact_ids}
    rows = connection.execute(_seen_by(connection.dialect.name), asked).all()
    items = {list_id: frozenset(ids) for list_id, ids in lists(connection, {row[1] for row in rows}).items()}
    found: dict[int, frozenset[str]] = {}
    for contact_id, list_id in rows:
        before = found.get(contact_id)
        found[contact_id] = items[list_id] if before is None else before | items[list_id]
    return found


# Asked for with every page of a plan, and every claim: building them takes longer than asking.
_LISTS_BY_DIGEST = sa.select(news_list.c.id, news_list.c.digest).where(
    news_list.c.digest.in_(sa.bindparam("digests", expanding=True))
)
_LISTED = (
    sa.select(news_list_item.c.news_list_id, news_list_item.c.news_id)
    .where(news_list_item.c.news_list_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(news_list_item.c.news_list_id, news_list_item.c.position)
)


@cache
def _seen_by(dialect: str) -> sa.Select[Any]:
    return sa.select(delivery.c.contact_id, delivery.c.news_list_id).where(
        delivery.c.edition_id.in_(sa.bindparam("editions", expanding=True)),
        one_of_parameter(dialect, delivery.c.contact_id, "ids"),
        delivery.c.state.in_(_SEEN),
        delivery.c.news_list_id.is_not(None),
    )


def seen_counts(connection: Connection, *, mode: Mode) -> dict[str, dict[Category, int]]:
    """How many people have seen each item, by the category whose words they got.

    People who were erased since count too; one person counts once per category.
    """
    person = sa.func.coalesce(delivery.c.contact_id, -delivery.c.id)
    rows = connection.execute(
        sa.select(news_list_item.c.news_id, delivery.c.variant, sa.func.count(sa.distinct(person)))
        .join(delivery, delivery.c.news_list_id == news_list_item.c.news_list_id)
        .where(delivery.c.mode == mode, delivery.c.state.in_(_SEEN))
        .group_by(news_list_item.c.news_id, delivery.c.variant)
    )
    counts: dict[str, dict[Category, int]] = {}
    for news_id, variant, people in rows:
        counts.setdefault(news_id, {})[Category(variant)] = people
    return counts
