"""Versions of campaign files, pauses, editions and the content they keep, and what people said before one was made."""

from __future__ import annotations

import sqlalchemy as sa

from nurture.store.schema.columns import Id, Json, id_column, instant_column, metadata, text_column

campaign_version = sa.Table(
    "campaign_version",
    metadata,
    id_column(),
    text_column("mode"),
    text_column("campaign"),
    text_column("digest"),  # of the parsed file: comments and blanks do not count
    text_column("schedule"),  # canonical text of the schedule, "" where there is none
    instant_column("first_seen_at", nullable=False),
    instant_column("last_seen_at", nullable=False),
    instant_column("vanished_at"),  # the file is gone or has a newer version
    instant_column("confirmed_at"),  # somebody said yes to what an edit or a new name asks for
    sa.UniqueConstraint("mode", "campaign", "digest", "first_seen_at"),
    sa.Index(None, "digest"),
)

campaign_control = sa.Table(
    "campaign_control",
    metadata,
    sa.Column("campaign", sa.Text, primary_key=True),  # "*" stands for all
    instant_column("paused_at", nullable=False),
    text_column("paused_by"),
)

edition_content = sa.Table(
    "edition_content",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    # compiled templates, news variants, images (base64): all that is common to
    # the edition's mails, so that an edition keeps its snapshot
    sa.Column("content", Json, nullable=False),
    instant_column("created_at", nullable=False),
)

edition = sa.Table(
    "edition",
    metadata,
    id_column(),
    text_column("mode"),
    text_column("campaign"),
    # nominal local wall time (2026-12-01T09:30) for newsletters, "1", "2" ... for
    # broadcasts, "now-<UTC time>" for editions made by hand
    text_column("occurrence"),
    text_column("kind"),  # CampaignKind
    text_column("topic"),
    text_column("intent", nullable=True),  # Intent
    text_column("sender"),
    text_column("state"),  # EditionState
    text_column("reason", nullable=True),  # EditionReason
    sa.Column("planned", sa.Integer, nullable=True),  # stored when it becomes ready; never changed
    instant_column("due_at", nullable=False),
    instant_column("expires_at", nullable=False),  # due_at + late
    text_column("campaign_digest"),
    sa.Column("content_digest", sa.Text, sa.ForeignKey("edition_content.digest"), nullable=True),
    # ids of the news it may carry, in the order of preference; null without news
    sa.Column("news_ids", Json, nullable=True),
    # how far a planner got: the last contact id whose row is written
    sa.Column("planned_through", Id, nullable=False, server_default="0"),
    instant_column("created_at", nullable=False),
    instant_column("ready_at"),
    instant_column("finished_at"),
    instant_column("held_at"),  # nothing of it leaves until somebody approves it
    text_column("held_because", nullable=True),
    instant_column("approved_at"),  # somebody let it go: by `approve`, before or after it was planned, or by `send`
    text_column("approved_by", nullable=True),
    sa.UniqueConstraint("mode", "campaign", "occurrence"),
    sa.Index(None, "state", "due_at"),
    sa.Index(None, "due_at"),
)

edition_notice = sa.Table(
    "edition_notice",
    metadata,
    id_column(),
    text_column("mode"),
    text_column("campaign"),
    text_column("occurrence"),  # as in `edition`, which may not be there yet
    text_column("digest"),  # of what readers would get (planning.approval)
    instant_column("due_at", nullable=False),
    instant_column("seen_at", nullable=False),  # since when this is what readers would get; the latest row is in force
    instant_column("sent_at"),  # everybody who shall be told has it
    text_column("message_id", nullable=True),  # the same at each try
    sa.Column("taken_by", Json, nullable=False),  # addresses whose mail was taken
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    instant_column("next_try_at"),  # nobody tries before: a try is under way, or failed
    instant_column("approved_at"),  # this content may leave
    text_column("approved_by", nullable=True),
    sa.UniqueConstraint("mode", "campaign", "occurrence", "digest"),  # one content, one notice
    sa.Index(None, "mode", "due_at"),
)

edition_hold = sa.Table(
    "edition_hold",
    metadata,
    text_column("mode"),
    text_column("campaign"),
    text_column("occurrence"),
    instant_column("held_at", nullable=False),  # by hand, before the edition was made
    text_column("held_by"),
    sa.PrimaryKeyConstraint("mode", "campaign", "occurrence"),
)
