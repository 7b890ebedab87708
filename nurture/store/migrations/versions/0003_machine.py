"""What the program knows of itself: senders, workers, jobs, alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# As in nurture.store.schema on the day of the release; a migration never changes.
identifier = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
instant = sa.DateTime(timezone=True)

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
