"""The tables of people: who they are, what they allow, who must not be mailed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# As in nurture.store.schema on the day of the release; a migration never changes.
identifier = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
instant = sa.DateTime(timezone=True)
json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

def upgrade() -> None:
    """Make them."""
    op.create_table(
        "meta",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_meta")),
    )
    op.create_table(
        "organization",
        sa.Column("id", identifier, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("site", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("postal_code", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("attributes", json, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("updated_at", instant, nullable=False),
        sa.Column("archived_at", instant, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organization")),
        sa.UniqueConstraint("name_key", name=op.f("uq_organization_name_key")),
    )
    op.create_table(
        "suppression",
        sa.Column("id", identifier, autoincrement=True, nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("lifted_at", instant, nullable=True),
        sa.Column("lifted_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppression")),
    )
    op.create_index(
        "uq_suppression_active",
        "suppression",
        ["scope", "key"],
        unique=True,
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.create_table(
        "contact",
        sa.Column("id", identifier, autoincrement=True, nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("address_key", sa.Text(), nullable=True),
        sa.Column("address_hash", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=True),
        sa.Column("household", sa.Integer(), server_default="0", nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("last_name", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("discharged_on", sa.Date(), nullable=True),
        sa.Column("mail_gap", sa.Integer(), nullable=True),
        sa.Column("paused_until", sa.Date(), nullable=True),
        sa.Column("may_track", sa.Boolean(), nullable=True),
        sa.Column("organization_id", identifier, nullable=True),
        sa.Column("attributes", json, nullable=False),
        sa.Column("imported_from", sa.Text(), nullable=True),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("updated_at", instant, nullable=False),
        sa.Column("archived_at", instant, nullable=True),
        sa.Column("erased_at", instant, nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_contact_organization_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
        sa.UniqueConstraint("address_key", "household", name=op.f("uq_contact_address_key_household")),
        sa.UniqueConstraint("external_id", name=op.f("uq_contact_external_id")),
    )
    op.create_index(op.f("ix_contact_address_hash"), "contact", ["address_hash"], unique=False)
    op.create_index(op.f("ix_contact_discharged_on"), "contact", ["discharged_on"], unique=False)
    op.create_index(op.f("ix_contact_domain"), "contact", ["domain"], unique=False)
    op.create_index(op.f("ix_contact_imported_from"), "contact", ["imported_from"], unique=False)
    op.create_index(op.f("ix_contact_last_name"), "contact", ["last_name"], unique=False)
    op.create_index(op.f("ix_contact_organization_id"), "contact", ["organization_id"], unique=False)
    op.create_table(
        "consent",
        sa.Column("id", identifier, autoincrement=True, nullable=False),
        sa.Column("contact_id", identifier, nullable=False),
        sa.Column("kind_bit", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("obtained_on", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("withdrawn_at", instant, nullable=True),
        sa.Column("recorded_at", instant, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_consent_contact_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        sa.UniqueConstraint(
            "contact_id",
            "kind_bit",
            "source",
            "obtained_on",
            name=op.f("uq_consent_contact_id_kind_bit_source_obtained_on"),
        ),
    )
    op.create_table(
        "contact_category",
        sa.Column("contact_id", identifier, nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name=op.f("fk_contact_category_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contact_id", "category", name=op.f("pk_contact_category")),
    )
    op.create_index(
        op.f("ix_contact_category_category_contact_id"), "contact_category", ["category", "contact_id"], unique=False
    )
    op.create_table(
        "contact_tag",
        sa.Column("contact_id", identifier, nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name=op.f("fk_contact_tag_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contact_id", "tag", name=op.f("pk_contact_tag")),
    )
    op.create_index(op.f("ix_contact_tag_tag_contact_id"), "contact_tag", ["tag", "contact_id"], unique=False)
    op.create_table(
        "absence",
        sa.Column("contact_id", identifier, nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("told_at", instant, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_absence_contact_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_absence")),
    )
    op.create_table(
        "proposal",
        sa.Column("id", identifier, autoincrement=True, nullable=False),
        sa.Column("contact_id", identifier, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("new_address", sa.Text(), nullable=True),
        sa.Column("inbound_key", sa.Text(), nullable=True),
        sa.Column("made_at", instant, nullable=False),
        sa.Column("decided_at", instant, nullable=True),
        sa.Column("accepted", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name=op.f("fk_proposal_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposal")),
    )
    op.create_index(
        "uq_proposal_open",
        "proposal",
        ["contact_id", "kind"],
        unique=True,
        sqlite_where=sa.text("decided_at IS NULL"),
        postgresql_where=sa.text("decided_at IS NULL"),
    )
    op.create_table(
        "address_change",
        sa.Column("id", identifier, autoincrement=True, nullable=False),
        sa.Column("contact_id", identifier, nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("address_hash", sa.Text(), nullable=False),
        sa.Column("new_address", sa.Text(), nullable=False),
        sa.Column("old_address", sa.Text(), nullable=True),
        sa.Column("asked_at", instant, nullable=False),
        sa.Column("mail_at", instant, nullable=True),
        sa.Column("confirmed_at", instant, nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name=op.f("fk_address_change_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_change")),
    )
    op.create_index(op.f("ix_address_change_contact_id"), "address_change", ["contact_id"])
