"""The tables. Uniqueness lives here, so no code can plan or send twice.

All instants are UTC. Rows that keep history carry ``mode`` (sandbox or live);
every question about history looks at one mode only.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(sa.TypeDecorator[datetime]):
    """An aware datetime in UTC, in and out; SQLite itself would lose the zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Refuse naive datetimes; hand SQLite naive UTC, PostgreSQL aware UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r} on its way to the database")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Give every instant its zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
# SQLite counts rowids only in a column that is INTEGER PRIMARY KEY.
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _id() -> sa.Column[int]:
    return sa.Column("id", Id, primary_key=True, autoincrement=True)


def _reference(name: str, target: str, *, nullable: bool = False, on_delete: str = "RESTRICT") -> sa.Column[int]:
    return sa.Column(name, Id, sa.ForeignKey(target, ondelete=on_delete), nullable=nullable)


def _text(name: str, *, nullable: bool = False, unique: bool | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable, unique=unique)


def _instant(name: str, *, nullable: bool = True) -> sa.Column[datetime]:
    return sa.Column(name, UtcDateTime, nullable=nullable)


# What the database knows of itself: mode, live_since, instance id, key check.
meta = sa.Table("meta", metadata, sa.Column("key", sa.Text, primary_key=True), _text("value"))

# --- people ---------------------------------------------------------------

organization = sa.Table(
    "organization",
    metadata,
    _id(),
    _text("name"),
    _text("name_key", unique=True),  # casefolded, blanks folded: how imports find it
    _text("phone", nullable=True),
    _text("site", nullable=True),
    _text("city", nullable=True),
    _text("region", nullable=True),
    _text("postal_code", nullable=True),
    _text("country", nullable=True),  # ISO 3166-1 alpha-2
    _text("time_zone", nullable=True),  # IANA name
    _text("owner", nullable=True),  # key of a person under `staff` in nurture.yaml
    sa.Column("attributes", Json, nullable=False),
    _instant("created_at", nullable=False),
    _instant("updated_at", nullable=False),
    _instant("archived_at"),
)

contact = sa.Table(
    "contact",
    metadata,
    _id(),
    _text("external_id", nullable=True, unique=True),  # the clinic's own number, from imports
    _text("address", nullable=True),  # as it goes on the wire; null once erased
    _text("address_key", nullable=True),  # casefolded, for comparing
    _text("address_hash"),  # keyed hash of address_key; stays after erasure
    _text("domain", nullable=True),
    # 0, or 1, 2 ... for further people who share an address on purpose
    sa.Column("household", sa.Integer, nullable=False, server_default="0"),
    _text("title", nullable=True),  # "Dr."
    _text("first_name", nullable=True),
    _text("last_name", nullable=True),
    _text("role", nullable=True),  # "Athletic director"
    _text("phone", nullable=True),
    _text("language", nullable=True),  # BCP 47
    _text("time_zone", nullable=True),  # IANA name
    _text("country", nullable=True),  # ISO 3166-1 alpha-2
    sa.Column("discharged_on", sa.Date, nullable=True),  # past patients only
    _reference("organization_id", "organization.id", nullable=True, on_delete="SET NULL"),
    sa.Column("attributes", Json, nullable=False),  # custom attributes; empty values are absent
    _text("imported_from", nullable=True),  # the saved import that brought it last; tells who is absent
    _instant("created_at", nullable=False),
    _instant("updated_at", nullable=False),
    _instant("archived_at"),
    _instant("erased_at"),
    sa.UniqueConstraint("address_key", "household"),
    sa.Index(None, "address_hash"),
    sa.Index(None, "domain"),
    sa.Index(None, "organization_id"),
    sa.Index(None, "discharged_on"),
    sa.Index(None, "last_name"),
    sa.Index(None, "imported_from"),
)

contact_category = sa.Table(
    "contact_category",
    metadata,
    _reference("contact_id", "contact.id", on_delete="CASCADE"),
    _text("category"),
    sa.PrimaryKeyConstraint("contact_id", "category"),
    sa.Index(None, "category", "contact_id"),
)

contact_tag = sa.Table(
    "contact_tag",
    metadata,
    _reference("contact_id", "contact.id", on_delete="CASCADE"),
    _text("tag"),
    sa.PrimaryKeyConstraint("contact_id", "tag"),
    sa.Index(None, "tag", "contact_id"),
)

consent = sa.Table(
    "consent",
    metadata,
    _id(),
    _reference("contact_id", "contact.id", on_delete="CASCADE"),
    sa.Column("kind_bit", sa.Integer, nullable=False),  # store.consents.KIND_BITS
    _text("source"),  # "intake form", "business card"
    sa.Column("obtained_on", sa.Date, nullable=False),
    sa.Column("expires_on", sa.Date, nullable=True),
    _instant("withdrawn_at"),
    _instant("recorded_at", nullable=False),
    sa.UniqueConstraint("contact_id", "kind_bit", "source", "obtained_on"),
)

suppression = sa.Table(
    "suppression",
    metadata,
    _id(),
    _text("scope"),  # SuppressionScope
    _text("key"),  # address hash, domain, or organization id in digits
    _text("shown", nullable=True),  # what people see; null for erased contacts
    _text("reason"),  # SuppressionReason
    _text("source"),  # "cli", "import: mailchimp.csv", a delivery id
    _instant("created_at", nullable=False),
    _instant("lifted_at"),  # kept for history; only a null row suppresses
    _text("lifted_because", nullable=True),  # the staff's reason
    sa.Index(
        "uq_suppression_active",
        "scope",
        "key",
        unique=True,
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    ),
)

# --- news -----------------------------------------------------------------

feed = sa.Table(
    "feed",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),  # key under `feeds` in nurture.yaml
    _text("etag", nullable=True),
    _text("last_modified", nullable=True),
    _instant("fetched_at"),
    _text("error", nullable=True),  # of the last fetch, in words
)

feed_entry = sa.Table(
    "feed_entry",
    metadata,
    sa.Column("news_id", sa.Text, primary_key=True),  # "feed:NAME:16 hex digits of its id"
    _text("feed"),
    _text("title"),
    _text("summary"),  # plain text
    _text("html"),  # sanitized
    _text("link", nullable=True),
    sa.Column("published_on", sa.Date, nullable=False),
    _instant("fetched_at", nullable=False),
    sa.Index(None, "feed", "published_on"),
)

# --- campaigns and editions -------------------------------------------------

campaign_version = sa.Table(
    "campaign_version",
    metadata,
    _id(),
    _text("mode"),
    _text("campaign"),
    _text("digest"),  # of the parsed file: comments and blanks do not count
    _text("schedule"),  # canonical text of the schedule, "" where there is none
    _instant("first_seen_at", nullable=False),
    _instant("last_seen_at", nullable=False),
    _instant("vanished_at"),  # the file is gone or has a newer version
    _instant("confirmed_at"),  # somebody said yes to what an edit or a new name asks for
    sa.UniqueConstraint("mode", "campaign", "digest", "first_seen_at"),
    sa.Index(None, "digest"),
)

campaign_control = sa.Table(
    "campaign_control",
    metadata,
    sa.Column("campaign", sa.Text, primary_key=True),  # "*" stands for all
    _instant("paused_at", nullable=False),
    _text("paused_by"),
)

edition_content = sa.Table(
    "edition_content",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    # compiled templates, news variants, images (base64): all that is common to
    # the edition's mails, so that an edition keeps its snapshot
    sa.Column("content", Json, nullable=False),
    _instant("created_at", nullable=False),
)

edition = sa.Table(
    "edition",
    metadata,
    _id(),
    _text("mode"),
    _text("campaign"),
    # nominal local wall time (2026-12-01T09:30) for newsletters, "1", "2" ... for
    # broadcasts, "now-<UTC time>" for editions made by hand
    _text("occurrence"),
    _text("kind"),  # CampaignKind
    _text("topic"),
    _text("intent", nullable=True),  # Intent
    _text("sender"),
    _text("state"),  # EditionState
    _text("reason", nullable=True),  # EditionReason
    sa.Column("planned", sa.Integer, nullable=True),  # stored when it becomes ready; never changed
    _instant("due_at", nullable=False),
    _instant("expires_at", nullable=False),  # due_at + late
    _text("campaign_digest"),
    sa.Column("content_digest", sa.Text, sa.ForeignKey("edition_content.digest"), nullable=True),
    # ids of the news it may carry, in the order of preference; null without news
    sa.Column("news_ids", Json, nullable=True),
    # how far a planner got: the last contact id whose row is written
    sa.Column("planned_through", Id, nullable=False, server_default="0"),
    _instant("created_at", nullable=False),
    _instant("ready_at"),
    _instant("finished_at"),
    sa.UniqueConstraint("mode", "campaign", "occurrence"),
    sa.Index(None, "state", "due_at"),
    sa.Index(None, "due_at"),
)

delivery = sa.Table(
    "delivery",
    metadata,
    _id(),
    _text("mode"),
    _reference("edition_id", "edition.id"),
    _text("campaign"),  # copied from the edition, for the log's indices
    _reference("contact_id", "contact.id", nullable=True, on_delete="SET NULL"),  # null: erased
    sa.Column("organization_id", Id, nullable=True),  # as it was when planned; no foreign key: history
    # the address hash, so that one address gets an edition once; rows that are
    # planned as skipped carry "<reason>:<contact id>" instead and leave it free
    _text("recipient_key"),
    _text("address", nullable=True),  # null once erased
    _text("domain", nullable=True),
    _text("variant"),  # Category whose words the reader gets
    _text("state"),  # DeliveryState
    _text("reason", nullable=True),  # SkipReason, or words of the last refusal
    # 0: no consent needed; else one consent with a bit in common must hold at the mark
    sa.Column("consent_mask", sa.Integer, nullable=False),
    _text("message_id", nullable=True, unique=True),  # set at the first attempt, then kept
    _instant("message_date"),  # Date header; likewise
    sa.Column("values", Json, nullable=True),  # contact and organization as composed, for "show"
    _instant("not_before", nullable=False),
    _instant("not_after", nullable=False),
    _instant("next_attempt_at", nullable=False),  # not_before, or the retry time
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    # grows with each claim: an old worker's UPDATE finds another number and does nothing
    sa.Column("claim", sa.Integer, nullable=False, server_default="0"),
    _text("owner", nullable=True),  # worker.owner that holds it
    _instant("marked_at"),  # set durably before the body goes out
    _instant("created_at", nullable=False),
    _instant("settled_at"),  # when it reached its present final state
    sa.UniqueConstraint("edition_id", "recipient_key"),
    sa.Index("uq_delivery_contact", "edition_id", "contact_id", unique=True),
    sa.Index("ix_delivery_due", "mode", "state", "next_attempt_at"),
    sa.Index("ix_delivery_owner", "state", "owner"),
    # the log's pages, newest first; the id breaks ties
    sa.Index("ix_delivery_time", "mode", "next_attempt_at", "id"),
    sa.Index("ix_delivery_campaign", "mode", "campaign", "next_attempt_at", "id"),
    sa.Index("ix_delivery_edition_state", "edition_id", "state", "next_attempt_at", "id"),
    sa.Index("ix_delivery_edition_time", "edition_id", "next_attempt_at", "id"),
    sa.Index("ix_delivery_contact", "contact_id", "mode", "settled_at"),
    sa.Index("ix_delivery_organization", "organization_id", "mode", "settled_at"),
)

delivery_news = sa.Table(
    "delivery_news",
    metadata,
    _reference("delivery_id", "delivery.id", on_delete="CASCADE"),
    sa.Column("position", sa.Integer, nullable=False),  # 0 is the first in the mail
    _text("news_id"),
    sa.PrimaryKeyConstraint("delivery_id", "position"),
    sa.Index(None, "news_id", "delivery_id"),
)

attempt = sa.Table(
    "attempt",
    metadata,
    _id(),
    _reference("delivery_id", "delivery.id", on_delete="CASCADE"),
    sa.Column("number", sa.Integer, nullable=False),  # 1 is the first
    sa.Column("claim", sa.Integer, nullable=False),
    _text("owner"),
    _text("sender"),
    _text("server", nullable=True),  # host:port dialed
    _text("phase", nullable=True),  # AttemptPhase reached
    _text("outcome", nullable=True),  # AttemptOutcome; null while it runs
    sa.Column("code", sa.Integer, nullable=True),  # RFC 5321 reply code
    _text("enhanced", nullable=True),  # RFC 3463, "5.1.1"
    _text("answer", nullable=True),  # the server's words, one line, bounded
    _instant("started_at", nullable=False),
    _instant("ended_at"),
    sa.UniqueConstraint("delivery_id", "number"),
    sa.Index(None, "started_at"),
)

event = sa.Table(
    "event",
    metadata,
    _id(),
    _text("kind"),  # EventKind
    _instant("at", nullable=False),
    _reference("delivery_id", "delivery.id", nullable=True, on_delete="CASCADE"),
    _reference("edition_id", "edition.id", nullable=True, on_delete="CASCADE"),
    _reference("contact_id", "contact.id", nullable=True, on_delete="SET NULL"),
    sa.Column("data", Json, nullable=False),
    _text("dedupe_key", nullable=True, unique=True),  # an input applied twice equals once
    sa.Index(None, "delivery_id"),
    sa.Index(None, "contact_id", "kind", "at"),
    sa.Index(None, "edition_id", "kind"),
)

# --- the machine room -------------------------------------------------------

worker = sa.Table(
    "worker",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),  # unique per process start
    _text("host"),
    sa.Column("process", sa.Integer, nullable=False),
    _instant("started_at", nullable=False),
    _instant("seen_at", nullable=False),  # renewed; on PostgreSQL the lease counts from it
    _instant("ended_at"),
)

job_run = sa.Table(
    "job_run",
    metadata,
    sa.Column("job", sa.Text, primary_key=True),  # plan, deliver, feeds, housekeeping
    _instant("started_at", nullable=False),
    _instant("ended_at"),
    _text("error", nullable=True),
    _text("owner"),
)

sender_state = sa.Table(
    "sender_state",
    metadata,
    _text("mode"),
    _text("sender"),
    _instant("stopped_until"),  # no dialing before
    sa.Column("stops", sa.Integer, nullable=False, server_default="0"),  # in a row
    _text("reason", nullable=True),
    sa.PrimaryKeyConstraint("mode", "sender"),
)

alert = sa.Table(
    "alert",
    metadata,
    _id(),
    _text("kind"),  # AlertKind
    _text("subject"),  # what it is about: a sender, a job, an edition
    _text("message"),
    _instant("raised_at", nullable=False),
    _instant("seen_at", nullable=False),  # raised again
    _instant("resolved_at"),
    sa.Index(
        "uq_alert_open",
        "kind",
        "subject",
        unique=True,
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    ),
)
