"""Feeds and their entries, and the lists of news that mails carry. The clinic's own news are files."""

from __future__ import annotations

import sqlalchemy as sa

from nurture.store.schema.columns import id_column, instant_column, metadata, reference_column, text_column

feed = sa.Table(
    "feed",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),  # key under `feeds` in nurture.yaml
    text_column("etag", nullable=True),
    text_column("last_modified", nullable=True),
    instant_column("fetched_at"),
    text_column("error", nullable=True),  # of the last fetch, in words
)

feed_entry = sa.Table(
    "feed_entry",
    metadata,
    sa.Column("news_id", sa.Text, primary_key=True),  # "feed:NAME:16 hex digits of its id"
    text_column("feed"),
    text_column("title"),
    text_column("summary"),  # plain text
    text_column("html"),  # sanitized
    text_column("link", nullable=True),
    sa.Column("published_on", sa.Date, nullable=False),
    instant_column("fetched_at", nullable=False),
    sa.Index(None, "feed", "published_on"),
)

# Mails with the same news in the same order share a list: an edition for a million has a few.
news_list = sa.Table(
    "news_list",
    metadata,
    id_column(),
    text_column("digest", unique=True),  # of its ids in order, so that two planners make it once
)

news_list_item = sa.Table(
    "news_list_item",
    metadata,
    reference_column("news_list_id", "news_list.id", on_delete="CASCADE"),
    sa.Column("position", sa.Integer, nullable=False),  # 0 is the first in the mail
    text_column("news_id"),
    sa.PrimaryKeyConstraint("news_list_id", "position"),
)
