"""All the news there is: the clinic's files and the feeds' entries."""

from __future__ import annotations

from nurture.news.files import load_news
from nurture.news.item import NewsItem
from nurture.news.plain_text import to_text
from nurture.store import Connection
from nurture.store.news import StoredEntry, feed_entries
from nurture.vocabulary import NewsKind
from nurture.workspace.settings import Feed
from nurture.workspace.workspace import Workspace

ENTRIES_PER_FEED = 200  # older ones are history, not news


def all_news(connection: Connection, workspace: Workspace) -> tuple[NewsItem, ...]:
    """The clinic's items by file name, then the newest entries of each feed in the settings.

    Raises `FilesError` if a news file has problems.
    """
    entries = [
        feed_item(entry, settings)
        for name, settings in workspace.settings.feeds.items()
        for entry in feed_entries(connection, name, limit=ENTRIES_PER_FEED)
    ]
    return (*load_news(workspace), *entries)


def feed_item(entry: StoredEntry, settings: Feed) -> NewsItem:
    """A stored entry as news, with the audiences and tags that the settings give its feed."""
    return NewsItem(
        id=entry.news_id,
        kind=NewsKind.FEED,
        title=entry.title,
        summary=entry.summary,
        html=entry.html,
        text=to_text(entry.html),
        date=entry.published_on,
        audience=settings.audience,
        tags=settings.tags,
        link=entry.link,
        feed=entry.feed,
    )
