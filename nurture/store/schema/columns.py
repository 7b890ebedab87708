"""What all tables share: naming of constraints, instants in UTC, JSON, ids, and short ways to write columns."""

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


def id_column() -> sa.Column[int]:
    """``id``, counted up."""
    return sa.Column("id", Id, primary_key=True, autoincrement=True)


def reference_column(name: str, target: str, *, nullable: bool = False, on_delete: str = "RESTRICT") -> sa.Column[int]:
    """A foreign key."""
    return sa.Column(name, Id, sa.ForeignKey(target, ondelete=on_delete), nullable=nullable)


def text_column(name: str, *, nullable: bool = False, unique: bool | None = None) -> sa.Column[str]:
    """Text; SQLite and PostgreSQL bound no length."""
    return sa.Column(name, sa.Text, nullable=nullable, unique=unique)


def instant_column(name: str, *, nullable: bool = True) -> sa.Column[datetime]:
    """An instant, UTC."""
    return sa.Column(name, UtcDateTime, nullable=nullable)
