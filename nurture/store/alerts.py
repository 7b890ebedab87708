"""What needs a person; shown until it is resolved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.inserting import insert
from nurture.store.schema import alert
from nurture.vocabulary import AlertKind


@dataclass(frozen=True, slots=True)
class Alert:
    """An open alert. ``subject`` is what it is about: a sender, a job, an edition. Instants are UTC."""

    id: int
    kind: AlertKind
    subject: str
    message: str
    raised_at: datetime
    seen_at: datetime


def raise_alert(connection: Connection, kind: AlertKind, subject: str, message: str, now: datetime) -> bool:
    """Open an alert; True if it is new.

    While one of the same kind and subject is open, only its message and
    ``seen_at`` change, also when two processes raise it at once.
    """
    new = insert(connection, alert).values(kind=kind, subject=subject, message=message, raised_at=now, seen_at=now)
    inserted = connection.execute(
        new.on_conflict_do_nothing(
            index_elements=["kind", "subject"], index_where=sa.text("resolved_at IS NULL")
        ).returning(alert.c.id)
    ).first()
    if inserted is not None:
        return True
    connection.execute(sa.update(alert).where(_open(kind, subject)).values(message=message, seen_at=now))
    return False


def resolve_alert(connection: Connection, kind: AlertKind, subject: str, now: datetime) -> bool:
    """Close an alert; False if none is open."""
    return connection.execute(sa.update(alert).where(_open(kind, subject)).values(resolved_at=now)).rowcount > 0


def open_alerts(connection: Connection) -> tuple[Alert, ...]:
    """The alerts that wait for a person, oldest first."""
    rows = connection.execute(sa.select(alert).where(alert.c.resolved_at.is_(None)).order_by(alert.c.id))
    return tuple(
        Alert(row.id, AlertKind(row.kind), row.subject, row.message, row.raised_at, row.seen_at) for row in rows
    )


def _open(kind: AlertKind, subject: str) -> sa.ColumnElement[bool]:
    return sa.and_(alert.c.kind == kind, alert.c.subject == subject, alert.c.resolved_at.is_(None))
