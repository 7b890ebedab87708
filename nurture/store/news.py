"""Feeds and their entries, and who has seen which news.

A person has seen an item when a delivery that carried it is sent or uncertain,
in the mode that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.inserting import insert
from nurture.store.schema import delivery, delivery_news, feed, feed_entry
from nurture.vocabulary import Category, DeliveryState, Mode

_SEEN = (DeliveryState.SENT, DeliveryState.UNCERTAIN)
_CONTACTS_A_QUERY = 5_000  # SQLite takes at most 32,766 values


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


def seen(connection: Connection, contact_ids: Iterable[int], *, mode: Mode) -> dict[int, set[str]]:
    """The ids of the news that each contact has seen; contacts who saw none are absent."""
    found: dict[int, set[str]] = {}
    ids = list(contact_ids)
    for start in range(0, len(ids), _CONTACTS_A_QUERY):
        rows = connection.execute(
            sa.select(delivery.c.contact_id, delivery_news.c.news_id)
            .join(delivery_news, delivery_news.c.delivery_id == delivery.c.id)
            .where(delivery.c.contact_id.in_(ids[start : start + _CONTACTS_A_QUERY]))
            .where(delivery.c.mode == mode, delivery.c.state.in_(_SEEN))
        )
        for contact_id, news_id in rows:
            found.setdefault(contact_id, set()).add(news_id)
    return found


def seen_counts(connection: Connection, *, mode: Mode) -> dict[str, dict[Category, int]]:
    """How many people have seen each item, by the category whose words they got.

    People who were erased since count too; one person counts once per category.
    """
    person = sa.func.coalesce(delivery.c.contact_id, -delivery.c.id)
    rows = connection.execute(
        sa.select(delivery_news.c.news_id, delivery.c.variant, sa.func.count(sa.distinct(person)))
        .join(delivery, delivery.c.id == delivery_news.c.delivery_id)
        .where(delivery.c.mode == mode, delivery.c.state.in_(_SEEN))
        .group_by(delivery_news.c.news_id, delivery.c.variant)
    )
    counts: dict[str, dict[Category, int]] = {}
    for news_id, variant, people in rows:
        counts.setdefault(news_id, {})[Category(variant)] = people
    return counts
