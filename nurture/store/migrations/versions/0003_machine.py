"""What the program knows of itself: senders, workers, jobs, alerts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# As in nurture.store.schema on the day of the release; a migration never changes.
identifier = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
instant = sa.DateTime(timezone=True)
json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

def upgrade() -> None:
    """Make them."""
    op.create_table(
        "alert",
        sa.Column("id", identifier, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("raised_at", instant, nullable=False),
        sa.Column("seen_at", instant, nullable=False),
        sa.Column("resolved_at", instant, nullable=True),
        sa.Column("mailed_at", instant, nullable=True),
        sa.Column("commanded_at", instant, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    op.create_index(
        "uq_alert_open",
        "alert",
        ["kind", "subject"],
        unique=True,
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "heartbeat",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("heard_at", instant, nullable=False),
        sa.Column("probe_sent_at", instant, nullable=True),
        sa.Column("holds_because", sa.Text(), nullable=True),
        sa.Column("held_running_at", instant, nullable=True),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_heartbeat")),
    )
    op.create_table(
        "job_run",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("started_at", instant, nullable=False),
        sa.Column("ended_at", instant, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_job_run")),
    )
    op.create_table(
        "pace",
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("filled_at", instant, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("learned", sa.Float(), nullable=True),
        sa.Column("ceiling", sa.Float(), nullable=True),
        sa.Column("changed_at", instant, nullable=True),
        sa.Column("slow_since", instant, nullable=True),
        sa.Column("put_off_until", instant, nullable=True),
        sa.Column("put_offs", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("mode", "sender", "provider", name=op.f("pk_pace")),
    )
    op.create_table(
        "sender_state",
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("stopped_until", instant, nullable=True),
        sa.Column("stops", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("mode", "sender", name=op.f("pk_sender_state")),
    )
    op.create_table(
        "worker",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("process", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("started_at", instant, nullable=False),
        sa.Column("seen_at", instant, nullable=False),
        sa.Column("ended_at", instant, nullable=True),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_worker")),
    )
    op.create_table(
        "reply",
        sa.Column("id", identifier, autoincrement=True, nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("received_at", instant, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("delivery_id", identifier, nullable=True),
        sa.Column("contact_id", identifier, nullable=True),
        sa.Column("organization_id", identifier, nullable=True),
        sa.Column("sender", sa.Text(), nullable=True),
        sa.Column("sender_key", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("references", json, nullable=False),
        sa.Column("answered_at", instant, nullable=True),
        sa.Column("done_at", instant, nullable=True),
        sa.Column("done_by", sa.Text(), nullable=True),
        sa.Column("snoozed_until", instant, nullable=True),
        sa.Column("assigned_to", sa.Text(), nullable=True),
        sa.Column("warned_at", instant, nullable=True),
        sa.Column("overdue_told_at", instant, nullable=True),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_reply_contact_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("fk_reply_delivery_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reply")),
        sa.UniqueConstraint("key", name=op.f("uq_reply_key")),
    )
    op.create_index(
        "ix_reply_open",
        "reply",
        ["mode", "received_at"],
        unique=False,
        sqlite_where=sa.text("answered_at IS NULL AND done_at IS NULL"),
        postgresql_where=sa.text("answered_at IS NULL AND done_at IS NULL"),
    )
    op.create_index(op.f("ix_reply_mode_received_at"), "reply", ["mode", "received_at"], unique=False)
    op.create_index(op.f("ix_reply_received_at"), "reply", ["received_at"], unique=False)
    op.create_index(op.f("ix_reply_sender_key"), "reply", ["sender_key"], unique=False)
    op.create_index(op.f("ix_reply_message_id"), "reply", ["message_id"], unique=False)
    op.create_index(op.f("ix_reply_delivery_id"), "reply", ["delivery_id"], unique=False)
    op.create_index(op.f("ix_reply_contact_id"), "reply", ["contact_id"], unique=False)
    op.create_table(
        "reply_answer",
        sa.Column("reply_id", identifier, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sent_at", instant, nullable=False),
        sa.Column("sender", sa.Text(), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["reply_id"], ["reply.id"], name=op.f("fk_reply_answer_reply_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("reply_id", "key", name=op.f("pk_reply_answer")),
    )
