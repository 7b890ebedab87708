"""Feeds and their entries. The clinic's own news are files."""

from __future__ import annotations

import sqlalchemy as sa

from nurture.store.schema.columns import instant_column, metadata, text_column

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
