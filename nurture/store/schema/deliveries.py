"""One row per mail, one per try, one per thing that happened."""

from __future__ import annotations

import sqlalchemy as sa

from nurture.store.schema.columns import Id, Json, id_column, instant_column, metadata, reference_column, text_column


def _index_where(name: str, *columns: str, unique: bool = False) -> sa.Index:
    """An index of the rows in which the last of the columns is not null."""
    there = sa.text(f"{columns[-1]} IS NOT NULL")
    return sa.Index(name, *columns, unique=unique, sqlite_where=there, postgresql_where=there)


delivery = sa.Table(
    "delivery",
    metadata,
    id_column(),
    text_column("mode"),
    reference_column("edition_id", "edition.id"),
    text_column("campaign"),  # copied from the edition, for the log's indices
    reference_column("contact_id", "contact.id", nullable=True, on_delete="SET NULL"),  # null: erased
    sa.Column("organization_id", Id, nullable=True),  # as it was when planned; no foreign key: history
    text_column("recipient_key"),  # the address hash, when it was planned
    # the contact who stands for the address, so that one address gets an edition
    # once (store.readers); null in rows that are planned as skipped, which leave it free. (An
    # index by the hash would be written all over with every page of a plan.)
    sa.Column("addressee", Id, nullable=True),
    text_column("address", nullable=True),  # null once erased
    text_column("domain", nullable=True),
    text_column("variant"),  # Category whose words the reader gets
    reference_column("news_list_id", "news_list.id", nullable=True),  # null: it carries no news
    text_column("state"),  # DeliveryState
    text_column("reason", nullable=True),  # SkipReason, or words of the last refusal
    # 0: no consent needed; else one consent with a bit in common must hold at the mark
    sa.Column("consent_mask", sa.Integer, nullable=False),
    text_column("message_id", nullable=True),  # set at the first attempt, then kept
    instant_column("message_date"),  # Date header; likewise
    sa.Column("values", Json, nullable=True),  # contact and organization as composed, for "show"
    instant_column("not_before", nullable=False),
    instant_column("not_after", nullable=False),
    instant_column("next_attempt_at", nullable=False),  # not_before, or the retry time
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    # grows with each claim: an old worker's UPDATE finds another number and does nothing
    sa.Column("claim", sa.Integer, nullable=False, server_default="0"),
    text_column("owner", nullable=True),  # worker.owner that holds it
    instant_column("marked_at"),  # set durably before the body goes out
    instant_column("created_at", nullable=False),
    sa.Column("resends", sa.Integer, nullable=False, server_default="0"),  # how often it went again after no answer
    instant_column("decided_at"),  # when somebody decided to leave it uncertain
    instant_column("settled_at"),  # when it reached its present final state
    # each index costs at every mail, so what can be is partial: only few rows have an owner
    sa.Index("uq_delivery_contact", "contact_id", "edition_id", unique=True),
    _index_where("uq_delivery_addressee", "edition_id", "addressee", unique=True),
    _index_where("uq_delivery_message", "message_id", unique=True),
    _index_where("ix_delivery_owner", "owner"),
    # what is due, and the log's pages: one look for each state, merged (store.log); the id breaks ties
    sa.Index("ix_delivery_state", "mode", "state", "next_attempt_at", "id"),
    sa.Index("ix_delivery_campaign", "mode", "campaign", "state", "next_attempt_at", "id"),
    sa.Index("ix_delivery_edition", "edition_id", "state", "next_attempt_at", "id"),
    sa.Index("ix_delivery_organization", "organization_id"),
)

attempt = sa.Table(
    "attempt",
    metadata,
    id_column(),
    reference_column("delivery_id", "delivery.id", on_delete="CASCADE"),
    sa.Column("number", sa.Integer, nullable=False),  # 1 is the first
    sa.Column("claim", sa.Integer, nullable=False),
    text_column("owner"),
    text_column("sender"),
    text_column("server", nullable=True),  # host:port dialed
    text_column("phase", nullable=True),  # AttemptPhase reached
    text_column("outcome", nullable=True),  # AttemptOutcome; null while it runs
    sa.Column("code", sa.Integer, nullable=True),  # RFC 5321 reply code
    text_column("enhanced", nullable=True),  # RFC 3463, "5.1.1"
    text_column("answer", nullable=True),  # the server's words, one line, bounded
    text_column("relay_id", nullable=True),  # of a yes: the server's own id for the mail
    instant_column("started_at", nullable=False),
    instant_column("ended_at"),
    sa.UniqueConstraint("delivery_id", "number"),
    sa.Index(None, "started_at"),
    _index_where("ix_attempt_relay", "relay_id"),  # bounces of some companies name the mail by it only
)

event = sa.Table(
    "event",
    metadata,
    id_column(),
    text_column("kind"),  # EventKind
    instant_column("at", nullable=False),
    reference_column("delivery_id", "delivery.id", nullable=True, on_delete="CASCADE"),
    reference_column("edition_id", "edition.id", nullable=True, on_delete="CASCADE"),
    reference_column("contact_id", "contact.id", nullable=True, on_delete="SET NULL"),
    sa.Column("data", Json, nullable=False),
    text_column("dedupe_key", nullable=True, unique=True),  # an input applied twice equals once
    sa.Index(None, "delivery_id"),
    sa.Index(None, "contact_id", "kind", "at"),
    sa.Index(None, "edition_id", "kind"),
)
