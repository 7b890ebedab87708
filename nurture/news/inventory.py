"""What ``nurture news`` shows: every item, who has seen it, what ends soon."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nurture.news.catalogue import all_news
from nurture.news.item import NewsItem
from nurture.store import Connection
from nurture.store.news import FeedState, feed_states, seen_counts
from nurture.vocabulary import Category, Mode, NewsKind
from nurture.workspace.workspace import Workspace

SOON = datetime.timedelta(days=14)


@dataclass(frozen=True, slots=True)
class InventoryRow:
    """One item. ``seen`` people had it in a mail that was sent or is uncertain.

    ``seen_by`` has them by the category whose words they got. The flags tell
    where the item stands on the inventory's day: ``waiting`` for its date,
    ``expired``, or ``ends_soon`` (within ``SOON``).
    """

    id: str
    kind: NewsKind
    title: str
    date: datetime.date
    expires: datetime.date | None
    audience: tuple[str, ...]
    tags: tuple[str, ...]
    pin: bool
    variants: tuple[Category, ...]
    feed: str | None
    file: str | None
    link: str | None
    seen: int
    seen_by: Mapping[Category, int]
    waiting: bool
    expired: bool
    ends_soon: bool

    @property
    def unseen(self) -> bool:
        """Whether the item may be sent, and nobody has seen it."""
        return not (self.seen or self.waiting or self.expired)


@dataclass(frozen=True, slots=True)
class Inventory:
    """All news on one day of the clinic's calendar: current items first, pinned, then newest."""

    today: datetime.date
    rows: tuple[InventoryRow, ...]
    feeds: tuple[FeedState, ...]

    @property
    def ends_soon(self) -> tuple[InventoryRow, ...]:
        """Items whose last day is near, the nearest first."""
        near = (row for row in self.rows if row.ends_soon)
        return tuple(sorted(near, key=lambda row: (row.expires or row.date, row.id)))

    @property
    def unseen(self) -> tuple[InventoryRow, ...]:
        """Items that may be sent and that nobody has seen."""
        return tuple(row for row in self.rows if row.unseen)


def inventory(connection: Connection, workspace: Workspace, *, mode: Mode, today: datetime.date) -> Inventory:
    """The inventory of files and feeds; raises `FilesError` if a news file has problems.

    ``feeds`` has a state for every feed in the settings, also one never fetched.
    """
    states = feed_states(connection)
    feeds = tuple(states.get(name) or FeedState(name) for name in workspace.settings.feeds)
    return take_stock(all_news(connection, workspace), seen_counts(connection, mode=mode), feeds, today=today)


def take_stock(
    items: Iterable[NewsItem],
    counts: Mapping[str, Mapping[Category, int]],
    feeds: Iterable[FeedState] = (),
    *,
    today: datetime.date,
) -> Inventory:
    """The inventory of these items (pure)."""
    rows = [_row(item, counts.get(item.id, {}), today) for item in items]
    rows.sort(key=lambda row: (row.expired, not row.pin, -row.date.toordinal(), row.id))
    return Inventory(today, tuple(rows), tuple(feeds))


def _row(item: NewsItem, seen_by: Mapping[Category, int], today: datetime.date) -> InventoryRow:
    expired = item.expires is not None and item.expires < today
    return InventoryRow(
        id=item.id,
        kind=item.kind,
        title=item.title,
        date=item.date,
        expires=item.expires,
        audience=item.audience,
        tags=item.tags,
        pin=item.pin,
        variants=tuple(item.variants),
        feed=item.feed,
        file=item.file,
        link=item.link,
        seen=sum(seen_by.values()),
        seen_by=dict(seen_by),
        waiting=item.date > today,
        expired=expired,
        ends_soon=item.expires is not None and not expired and item.expires - today <= SOON,
    )
