"""A news item, and which items fit a campaign's query (pure)."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nurture.vocabulary import Category, NewsKind

if TYPE_CHECKING:  # the decision itself needs no pydantic
    from nurture.workspace.campaign import NewsQuery


@dataclass(frozen=True, slots=True)
class NewsVariant:
    """The words of an item for one category of readers.

    ``html`` is sanitized and closed, ``text`` is the same as plain text.
    """

    title: str
    summary: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class NewsImage:
    """A picture in the workspace; ``path`` is relative to it, with ``/``."""

    path: str
    alt: str


@dataclass(frozen=True, slots=True)
class NewsItem:
    """One piece of news.

    ``id`` is ``file:<stem>`` or ``feed:<name>:<16 hex digits>`` and stays the
    same when the words change: "seen" hangs on it. ``date`` is the first day
    and ``expires`` the last day on which it may be sent, in the clinic's time
    zone. No ``audience`` means: for everybody. ``html`` is sanitized, closed
    and bounded; ``file`` is relative to the workspace.
    """

    id: str
    kind: NewsKind
    title: str
    summary: str
    html: str
    text: str
    date: datetime.date
    expires: datetime.date | None = None
    audience: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    pin: bool = False
    image: NewsImage | None = None
    link: str | None = None
    feed: str | None = None
    file: str | None = None
    variants: Mapping[Category, NewsVariant] = field(default_factory=dict)

    def is_current(self, today: datetime.date) -> bool:
        """Whether the item may be sent on this day of the clinic's calendar."""
        return self.date <= today and (self.expires is None or today <= self.expires)


def fits(item: NewsItem, query: NewsQuery) -> bool:
    """Whether an item is what a campaign asks for, whatever the day."""
    if item.feed != query.feed:  # feed entries stay out unless their feed is asked for
        return False
    if query.audience and item.audience and query.audience not in item.audience:
        return False
    return not query.tags or any(tag in item.tags for tag in query.tags)


def candidates(items: Iterable[NewsItem], query: NewsQuery, *, today: datetime.date) -> tuple[NewsItem, ...]:
    """Current items that fit the query: pinned first, then newest, then by id.

    ``today`` is a day of the clinic's calendar. ``query.unseen`` and
    ``query.max`` are about one reader and are left to the planner.
    """
    fitting = [item for item in items if item.is_current(today) and fits(item, query)]
    return tuple(sorted(fitting, key=lambda item: (not item.pin, -item.date.toordinal(), item.id)))
