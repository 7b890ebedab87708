"""Contacts, organizations, what they allowed, and who must not be mailed."""

from __future__ import annotations

import sqlalchemy as sa

from nurture.store.schema.columns import Id, Json, id_column, instant_column, metadata, reference_column, text_column

organization = sa.Table(
    "organization",
    metadata,
    id_column(),
    text_column("name"),
    text_column("name_key", unique=True),  # casefolded, blanks folded: how imports find it
    text_column("phone", nullable=True),
    text_column("site", nullable=True),
    text_column("city", nullable=True),
    text_column("region", nullable=True),
    text_column("postal_code", nullable=True),
    text_column("country", nullable=True),  # ISO 3166-1 alpha-2
    text_column("time_zone", nullable=True),  # IANA name
    text_column("owner", nullable=True),  # key of a person under `staff` in nurture.yaml
    sa.Column("attributes", Json, nullable=False),
    instant_column("created_at", nullable=False),
    instant_column("updated_at", nullable=False),
    instant_column("archived_at"),
)

contact = sa.Table(
    "contact",
    metadata,
    id_column(),
    text_column("external_id", nullable=True, unique=True),  # the clinic's own number, from imports
    text_column("address", nullable=True),  # as it goes on the wire; null once erased
    text_column("address_key", nullable=True),  # casefolded, for comparing
    text_column("address_hash"),  # keyed hash of address_key; stays after erasure
    text_column("domain", nullable=True),
    # 0, or 1, 2 ... for further people who share an address on purpose
    sa.Column("household", sa.Integer, nullable=False, server_default="0"),
    text_column("title", nullable=True),  # "Dr."
    text_column("first_name", nullable=True),
    text_column("last_name", nullable=True),
    text_column("role", nullable=True),  # "Athletic director"
    text_column("phone", nullable=True),
    text_column("language", nullable=True),  # BCP 47
    text_column("time_zone", nullable=True),  # IANA name
    text_column("country", nullable=True),  # ISO 3166-1 alpha-2
    sa.Column("discharged_on", sa.Date, nullable=True),  # past patients only
    sa.Column("mail_gap", sa.Integer, nullable=True),  # the reader's own: at most one mail in so many days
    sa.Column("paused_until", sa.Date, nullable=True),  # the reader's own: the last day without mail
    sa.Column("may_track", sa.Boolean, nullable=True),  # opens and clicks; null: nobody asked, see `composing.tracking`
    reference_column("organization_id", "organization.id", nullable=True, on_delete="SET NULL"),
    sa.Column("attributes", Json, nullable=False),  # custom attributes; empty values are absent
    text_column("imported_from", nullable=True),  # the saved import that brought it last; tells who is absent
    instant_column("created_at", nullable=False),
    instant_column("updated_at", nullable=False),
    instant_column("archived_at"),
    instant_column("erased_at"),
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
    reference_column("contact_id", "contact.id", on_delete="CASCADE"),
    text_column("category"),
    sa.PrimaryKeyConstraint("contact_id", "category"),
    sa.Index(None, "category", "contact_id"),
)

contact_tag = sa.Table(
    "contact_tag",
    metadata,
    reference_column("contact_id", "contact.id", on_delete="CASCADE"),
    text_column("tag"),
    sa.PrimaryKeyConstraint("contact_id", "tag"),
    sa.Index(None, "tag", "contact_id"),
)

consent = sa.Table(
    "consent",
    metadata,
    id_column(),
    reference_column("contact_id", "contact.id", on_delete="CASCADE"),
    sa.Column("kind_bit", sa.Integer, nullable=False),  # vocabulary.CONSENT_BITS
    text_column("source"),  # "intake form", "business card"
    sa.Column("obtained_on", sa.Date, nullable=False),
    sa.Column("until", sa.Date, nullable=True),  # what was agreed
    sa.Column("expires_on", sa.Date, nullable=True),  # the day that counts: the law's or what was agreed
    instant_column("withdrawn_at"),
    instant_column("recorded_at", nullable=False),
    sa.UniqueConstraint("contact_id", "kind_bit", "source", "obtained_on"),
)

suppression = sa.Table(
    "suppression",
    metadata,
    id_column(),
    text_column("scope"),  # SuppressionScope
    text_column("key"),  # address hash, domain, or organization id in digits
    text_column("shown", nullable=True),  # what people see; null for erased contacts
    text_column("reason"),  # SuppressionReason
    text_column("source"),  # "cli", "import: mailchimp.csv", a delivery id
    instant_column("created_at", nullable=False),
    instant_column("lifted_at"),  # kept for history; only a null row suppresses
    text_column("lifted_because", nullable=True),  # the staff's reason
    sa.Index(
        "uq_suppression_active",
        "scope",
        "key",
        unique=True,
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    ),
)

# What an automatic answer said: nobody reads there before that day.
absence = sa.Table(
    "absence",
    metadata,
    sa.Column("contact_id", Id, sa.ForeignKey("contact.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("until", sa.Date, nullable=False),  # the last day away
    instant_column("told_at", nullable=False),
)

# What a machine said of a contact; nothing changes before somebody of the clinic says yes.
proposal = sa.Table(
    "proposal",
    metadata,
    id_column(),
    reference_column("contact_id", "contact.id", on_delete="CASCADE"),
    text_column("kind"),  # ProposalKind
    text_column("new_address", nullable=True),
    text_column("inbound_key", nullable=True),  # the mail that said so
    instant_column("made_at", nullable=False),
    instant_column("decided_at"),
    sa.Column("accepted", sa.Boolean, nullable=True),
    sa.Index(
        "uq_proposal_open",
        "contact_id",
        "kind",
        unique=True,
        sqlite_where=sa.text("decided_at IS NULL"),
        postgresql_where=sa.text("decided_at IS NULL"),
    ),
)

# A reader wants mail at another address: whoever reads there must say yes first. Gone a week after it was asked for.
address_change = sa.Table(
    "address_change",
    metadata,
    id_column(),
    reference_column("contact_id", "contact.id", on_delete="CASCADE"),
    text_column("mode"),  # Mode of the mail whose page it was
    text_column("language"),  # of that page
    text_column("address_hash"),  # the contact's, when it was asked for
    text_column("new_address"),
    text_column("old_address", nullable=True),  # where mail went before the yes, to be told there
    instant_column("asked_at", nullable=False),
    instant_column("mail_at"),  # when the next mail about it is due: the question, after the yes the news; null: none
    instant_column("confirmed_at"),
    sa.Index(None, "contact_id"),
)
