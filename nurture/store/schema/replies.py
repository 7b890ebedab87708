"""What people wrote back, and what the clinic answered."""

from __future__ import annotations

import sqlalchemy as sa

from nurture.store.schema.columns import Id, Json, id_column, instant_column, metadata, reference_column, text_column

_OPEN = sa.text("answered_at IS NULL AND done_at IS NULL")

# The words go after privacy.reply_text and when the contact is erased; the row stays, for response times.
reply = sa.Table(
    "reply",
    metadata,
    id_column(),
    text_column("mode"),
    text_column("key", unique=True),  # of the mail's content: read again, it is no new reply
    instant_column("received_at", nullable=False),
    text_column("account"),
    text_column("folder"),
    reference_column("delivery_id", "delivery.id", nullable=True, on_delete="SET NULL"),  # our mail that it answers
    reference_column("contact_id", "contact.id", nullable=True, on_delete="SET NULL"),  # who wrote; null: a colleague
    sa.Column("organization_id", Id, nullable=True),  # no foreign key: history
    text_column("sender", nullable=True),  # as the mail shows it
    text_column("sender_key", nullable=True),  # the address, casefolded: our answer goes there
    text_column("subject", nullable=True),
    text_column("words", nullable=True),  # the newest ones, as plain text, bounded
    text_column("topic"),  # ReplyTopic
    text_column("message_id", nullable=True),  # without angle brackets; our answer names it
    sa.Column("references", Json, nullable=False),  # the Message-IDs that it names
    instant_column("answered_at"),  # our first answer, seen in the mailbox
    instant_column("done_at"),  # when somebody said so
    text_column("done_by", nullable=True),
    instant_column("snoozed_until"),
    text_column("assigned_to", nullable=True),  # key of a person under `staff`
    instant_column("warned_at"),  # the owner was told that half of the limit is over
    instant_column("overdue_told_at"),  # ... and that all of it is
    sa.Index("ix_reply_open", "mode", "received_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
    sa.Index(None, "mode", "received_at"),
    sa.Index(None, "received_at"),
    sa.Index(None, "sender_key"),
    sa.Index(None, "message_id"),
    sa.Index(None, "delivery_id"),
    sa.Index(None, "contact_id"),
)

# What the clinic wrote back from its own mail program.
reply_answer = sa.Table(
    "reply_answer",
    metadata,
    reference_column("reply_id", "reply.id", on_delete="CASCADE"),
    text_column("key"),  # of the answer's content
    instant_column("sent_at", nullable=False),
    text_column("sender", nullable=True),
    text_column("words", nullable=True),
    sa.PrimaryKeyConstraint("reply_id", "key"),
)
