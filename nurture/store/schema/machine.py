"""What the program knows of itself: mode, workers, jobs, senders, alerts."""

from __future__ import annotations

import sqlalchemy as sa

from nurture.store.schema.columns import id_column, instant_column, metadata, text_column

meta = sa.Table("meta", metadata, sa.Column("key", sa.Text, primary_key=True), text_column("value"))

worker = sa.Table(
    "worker",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),  # unique per process start
    text_column("host"),
    sa.Column("process", sa.Integer, nullable=False),
    text_column("role"),  # WorkerRole
    instant_column("started_at", nullable=False),
    instant_column("seen_at", nullable=False),  # renewed; on PostgreSQL the lease counts from it
    instant_column("ended_at"),
)

job_run = sa.Table(
    "job_run",
    metadata,
    sa.Column("job", sa.Text, primary_key=True),  # plan, deliver, feeds, mailbox ... (`service.running.jobs`)
    instant_column("started_at", nullable=False),
    instant_column("ended_at"),
    text_column("error", nullable=True),
    text_column("owner"),
)

sender_state = sa.Table(
    "sender_state",
    metadata,
    text_column("mode"),
    text_column("sender"),
    instant_column("stopped_until"),  # no dialing before
    sa.Column("stops", sa.Integer, nullable=False, server_default="0"),  # in a row
    text_column("reason", nullable=True),
    sa.PrimaryKeyConstraint("mode", "sender"),
)

pace = sa.Table(
    "pace",
    metadata,
    text_column("mode"),
    text_column("sender"),
    text_column("provider"),  # "": the sender itself
    sa.Column("tokens", sa.Float, nullable=False),  # as they were at filled_at
    instant_column("filled_at", nullable=False),
    sa.Column("day", sa.Date, nullable=False),  # the clinic's, that `used` counts
    sa.Column("used", sa.Integer, nullable=False),
    sa.Column("learned", sa.Float, nullable=True),  # mails a minute that its server takes
    sa.Column("ceiling", sa.Float, nullable=True),  # mails a minute at which it refused
    instant_column("changed_at"),  # of `learned`
    instant_column("slow_since"),
    instant_column("put_off_until"),  # no mail to the provider before
    sa.Column("put_offs", sa.Integer, nullable=False),  # in a row
    text_column("reason", nullable=True),
    sa.PrimaryKeyConstraint("mode", "sender", "provider"),
)

alert = sa.Table(
    "alert",
    metadata,
    id_column(),
    text_column("kind"),  # AlertKind
    text_column("subject"),  # what it is about: a sender, a job, an edition
    text_column("message"),
    instant_column("raised_at", nullable=False),
    instant_column("seen_at", nullable=False),  # raised again
    instant_column("resolved_at"),
    instant_column("mailed_at"),  # to the clinic's people
    instant_column("commanded_at"),  # given to `alert_command`
    sa.Index(
        "uq_alert_open",
        "kind",
        "subject",
        unique=True,
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    ),
)

# Whether mail still comes into the mailbox.
heartbeat = sa.Table(
    "heartbeat",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    instant_column("heard_at", nullable=False),  # the last mail that came in, or when we began to listen
    instant_column("probe_sent_at"),
    text_column("holds_because", nullable=True),  # live editions are held as they are made
    instant_column("held_running_at"),  # those under way were held
)
