"""The tables of campaigns and of each mail."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# As in nurture.store.schema on the day of the release; a migration never changes.
identifier = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
instant = sa.DateTime(timezone=True)
json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

def upgrade() -> None:
    """Make them."""
    op.create_table(
        "campaign_control",
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("paused_at", instant, nullable=False),
        sa.Column("paused_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("campaign", name=op.f("pk_campaign_control")),
    )
    op.create_table(
        "campaign_version",
        sa.Column("id", identifier, autoincrement=True, nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("first_seen_at", instant, nullable=False),
        sa.Column("last_seen_at", instant, nullable=False),
        sa.Column("vanished_at", instant, nullable=True),
        sa.Column("confirmed_at", instant, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_version")),
        sa.UniqueConstraint(
            "mode",
            "campaign",
            "digest",
            "first_seen_at",
            name=op.f("uq_campaign_version_mode_campaign_digest_first_seen_at"),
        ),
    )
    op.create_index(op.f("ix_campaign_version_digest"), "campaign_version", ["digest"], unique=False)
    op.create_table(
        "edition_content",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("content", json, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_edition_content")),
    )
    op.create_table(
        "feed",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("fetched_at", instant, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_feed")),
    )
    op.create_table(
        "feed_entry",
        sa.Column("news_id", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=True),
        sa.Column("published_on", sa.Date(), nullable=False),
        sa.Column("fetched_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("news_id", name=op.f("pk_feed_entry")),
    )
    op.create_index(op.f("ix_feed_entry_feed_published_on"), "feed_entry", ["feed", "published_on"], unique=False)
    op.create_table(
        "edition",
        sa.Column("id", identifier, autoincrement=True, nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("occurrence", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("intent", sa.Text(), nullable=True),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("planned", sa.Integer(), nullable=True),
        sa.Column("due_at", instant, nullable=False),
        sa.Column("expires_at", instant, nullable=False),
        sa.Column("campaign_digest", sa.Text(), nullable=False),
        sa.Column("content_digest", sa.Text(), nullable=True),
        sa.Column("news_ids", json, nullable=True),
        sa.Column("planned_through", identifier, server_default="0", nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("ready_at", instant, nullable=True),
        sa.Column("finished_at", instant, nullable=True),
        sa.Column("held_at", instant, nullable=True),
        sa.Column("held_because", sa.Text(), nullable=True),
        sa.Column("approved_at", instant, nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["content_digest"], ["edition_content.digest"], name=op.f("fk_edition_content_digest")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edition")),
        sa.UniqueConstraint("mode", "campaign", "occurrence", name=op.f("uq_edition_mode_campaign_occurrence")),
    )
    op.create_index(op.f("ix_edition_due_at"), "edition", ["due_at"], unique=False)
    op.create_index(op.f("ix_edition_state_due_at"), "edition", ["state", "due_at"], unique=False)
    op.create_table(
        "edition_notice",
        sa.Column("id", identifier, autoincrement=True, nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("occurrence", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("due_at", instant, nullable=False),
        sa.Column("seen_at", instant, nullable=False),
        sa.Column("sent_at", instant, nullable=True),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("taken_by", json, nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try_at", instant, nullable=True),
        sa.Column("approved_at", instant, nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edition_notice")),
        sa.UniqueConstraint(
            "mode",
            "campaign",
            "occurrence",
            "digest",
            name=op.f("uq_edition_notice_mode_campaign_occurrence_digest"),
        ),
    )
    op.create_index(op.f("ix_edition_notice_mode_due_at"), "edition_notice", ["mode", "due_at"], unique=False)
    op.create_table(
        "edition_hold",
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("occurrence", sa.Text(), nullable=False),
        sa.Column("held_at", instant, nullable=False),
        sa.Column("held_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("mode", "campaign", "occurrence", name=op.f("pk_edition_hold")),
    )
    op.create_table(
        "news_list",
        sa.Column("id", identifier, autoincrement=True, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_news_list")),
        sa.UniqueConstraint("digest", name=op.f("uq_news_list_digest")),
    )
    op.create_table(
        "news_list_item",
        sa.Column("news_list_id", identifier, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("news_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["news_list_id"], ["news_list.id"], name=op.f("fk_news_list_item_news_list_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("news_list_id", "position", name=op.f("pk_news_list_item")),
    )
    op.create_table(
        "delivery",
        sa.Column("id", identifier, autoincrement=True, nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("edition_id", identifier, nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("contact_id", identifier, nullable=True),
        sa.Column("organization_id", identifier, nullable=True),
        sa.Column("recipient_key", sa.Text(), nullable=False),
        sa.Column("addressee", identifier, nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("domain", sa.Text(), nullable=True),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("news_list_id", identifier, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("consent_mask", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("message_date", instant, nullable=True),
        sa.Column("values", json, nullable=True),
        sa.Column("not_before", instant, nullable=False),
        sa.Column("not_after", instant, nullable=False),
        sa.Column("next_attempt_at", instant, nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("claim", sa.Integer(), server_default="0", nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("marked_at", instant, nullable=True),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("resends", sa.Integer(), server_default="0", nullable=False),
        sa.Column("decided_at", instant, nullable=True),
        sa.Column("settled_at", instant, nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name=op.f("fk_delivery_contact_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["edition.id"], name=op.f("fk_delivery_edition_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["news_list_id"], ["news_list.id"], name=op.f("fk_delivery_news_list_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    op.create_index(
        "ix_delivery_campaign", "delivery", ["mode", "campaign", "state", "next_attempt_at", "id"], unique=False
    )
    op.create_index("ix_delivery_edition", "delivery", ["edition_id", "state", "next_attempt_at", "id"], unique=False)
    op.create_index("ix_delivery_organization", "delivery", ["organization_id"], unique=False)
    op.create_index(
        "ix_delivery_owner",
        "delivery",
        ["owner"],
        unique=False,
        sqlite_where=sa.text("owner IS NOT NULL"),
        postgresql_where=sa.text("owner IS NOT NULL"),
    )
    op.create_index("ix_delivery_state", "delivery", ["mode", "state", "next_attempt_at", "id"], unique=False)
    op.create_index(
        "uq_delivery_addressee",
        "delivery",
        ["edition_id", "addressee"],
        unique=True,
        sqlite_where=sa.text("addressee IS NOT NULL"),
        postgresql_where=sa.text("addressee IS NOT NULL"),
    )
    op.create_index("uq_delivery_contact", "delivery", ["contact_id", "edition_id"], unique=True)
    op.create_index(
        "uq_delivery_message",
        "delivery",
        ["message_id"],
        unique=True,
        sqlite_where=sa.text("message_id IS NOT NULL"),
        postgresql_where=sa.text("message_id IS NOT NULL"),
    )
    op.create_table(
        "attempt",
        sa.Column("id", identifier, autoincrement=True, nullable=False),
        sa.Column("delivery_id", identifier, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("claim", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("server", sa.Text(), nullable=True),
        sa.Column("phase", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("enhanced", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("relay_id", sa.Text(), nullable=True),
        sa.Column("started_at", instant, nullable=False),
        sa.Column("ended_at", instant, nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("fk_attempt_delivery_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        sa.UniqueConstraint("delivery_id", "number", name=op.f("uq_attempt_delivery_id_number")),
    )
    op.create_index(op.f("ix_attempt_started_at"), "attempt", ["started_at"], unique=False)
    op.create_index(
        "ix_attempt_relay",
        "attempt",
        ["relay_id"],
        unique=False,
        sqlite_where=sa.text("relay_id IS NOT NULL"),
        postgresql_where=sa.text("relay_id IS NOT NULL"),
    )
    op.create_table(
        "event",
        sa.Column("id", identifier, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", instant, nullable=False),
        sa.Column("delivery_id", identifier, nullable=True),
        sa.Column("edition_id", identifier, nullable=True),
        sa.Column("contact_id", identifier, nullable=True),
        sa.Column("data", json, nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_event_contact_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("fk_event_delivery_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["edition_id"], ["edition.id"], name=op.f("fk_event_edition_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_event_dedupe_key")),
    )
    op.create_index(op.f("ix_event_contact_id_kind_at"), "event", ["contact_id", "kind", "at"], unique=False)
    op.create_index(op.f("ix_event_delivery_id"), "event", ["delivery_id"], unique=False)
    op.create_index(op.f("ix_event_edition_id_kind"), "event", ["edition_id", "kind"], unique=False)
    op.create_table(
        "mailbox_folder",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("uid_validity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("since", instant, nullable=False),
        sa.PrimaryKeyConstraint("account", "folder", name=op.f("pk_mailbox_folder")),
    )
    op.create_table(
        "inbound",
        sa.Column("id", identifier, autoincrement=True, nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("uid_validity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("received_at", instant, nullable=False),
        sa.Column("taken_at", instant, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cut", sa.Boolean(), nullable=False),
        sa.Column("matched_by", sa.Text(), nullable=True),
        sa.Column("delivery_id", identifier, nullable=True),
        sa.Column("contact_id", identifier, nullable=True),
        sa.Column("organization_id", identifier, nullable=True),
        sa.Column("sender", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("judgement", json, nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name=op.f("fk_inbound_contact_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("fk_inbound_delivery_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound")),
        sa.UniqueConstraint("key", name=op.f("uq_inbound_key")),
    )
    op.create_index(
        op.f("ix_inbound_account_folder_file_name"), "inbound", ["account", "folder", "file_name"], unique=False
    )
    op.create_index(op.f("ix_inbound_received_at"), "inbound", ["received_at"], unique=False)
    op.create_index(op.f("ix_inbound_delivery_id"), "inbound", ["delivery_id"], unique=False)
    op.create_index(op.f("ix_inbound_contact_id"), "inbound", ["contact_id"], unique=False)
