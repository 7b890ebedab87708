"""What arrived in the clinic's mailbox: one row per mail, and how far each folder was read."""

from __future__ import annotations

import sqlalchemy as sa

from nurture.store.schema.columns import Id, Json, id_column, instant_column, metadata, reference_column, text_column

mailbox_folder = sa.Table(
    "mailbox_folder",
    metadata,
    text_column("account"),
    text_column("folder"),
    # RFC 9051 2.3.1.1; both 0 for a Maildir, whose files are known by name
    sa.Column("uid_validity", sa.BigInteger, nullable=False),
    sa.Column("uid", sa.BigInteger, nullable=False),  # all mails up to this one are taken in
    instant_column("since", nullable=False),  # mails that the mailbox got before are not taken in
    sa.PrimaryKeyConstraint("account", "folder"),
)

inbound = sa.Table(
    "inbound",
    metadata,
    id_column(),
    text_column("mode"),
    text_column("key", unique=True),  # of the content: the same mail again, wherever it lies, is no new one
    text_column("account"),
    text_column("folder"),
    sa.Column("uid_validity", sa.BigInteger, nullable=False),
    sa.Column("uid", sa.BigInteger, nullable=False),
    text_column("file_name"),  # in a Maildir, without flags; else ""
    instant_column("received_at", nullable=False),
    instant_column("taken_at", nullable=False),
    text_column("kind"),  # MailKind
    sa.Column("cut", sa.Boolean, nullable=False),  # too big; only its beginning was looked at
    # All below is null for a mail in a shared mailbox that has nothing to do with us.
    text_column("matched_by", nullable=True),  # MatchedBy
    reference_column("delivery_id", "delivery.id", nullable=True, on_delete="SET NULL"),
    reference_column("contact_id", "contact.id", nullable=True, on_delete="SET NULL"),
    sa.Column("organization_id", Id, nullable=True),  # no foreign key: history
    text_column("sender", nullable=True),  # the address in From
    text_column("subject", nullable=True),
    text_column("message_id", nullable=True),  # without angle brackets
    text_column("why", nullable=True),
    sa.Column("judgement", Json, nullable=True),  # all of it but its text
    text_column("text", nullable=True),  # the newest words
    sa.Index(None, "account", "folder", "file_name"),
    sa.Index(None, "received_at"),
    sa.Index(None, "delivery_id"),
    sa.Index(None, "contact_id"),
)
