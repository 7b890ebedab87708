"""What needs a person; shown until it is resolved, and told to people outside, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.inserting import insert
from nurture.store.schema import alert
from nurture.vocabulary import AlertKind

# How an alert is told outside of this program: a column that says when it was.
Channel = Literal["mailed_at", "commanded_at"]
MOST_BY_STRANGERS = 50  # open ones of a kind: nobody reads more, and each is told to people


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


def raise_by_stranger(connection: Connection, kind: AlertKind, subject: str, message: str, now: datetime) -> bool:
    """As `raise_alert`, for what anybody can cause by a mail: past the bound one alert stands for all others."""
    count = sa.select(sa.func.count()).select_from(alert).where(alert.c.kind == kind, _OPEN)
    known = sa.select(alert.c.id).where(_open(kind, subject))
    if (connection.scalar(count) or 0) >= MOST_BY_STRANGERS and connection.scalar(known) is None:
        subject, message = "and more", "more came than are shown; deal with these, and look into the mailbox"
    return raise_alert(connection, kind, subject, message, now)


def resolve_alert(connection: Connection, kind: AlertKind, subject: str, now: datetime) -> bool:
    """Close an alert; False if none is open."""
    return connection.execute(sa.update(alert).where(_open(kind, subject)).values(resolved_at=now)).rowcount > 0


def resolve_all(connection: Connection, kind: AlertKind, now: datetime, *, beginning: str = "") -> None:
    """Close all alerts of a kind whose subject begins so."""
    about = alert.c.subject.startswith(beginning, autoescape=True)
    connection.execute(sa.update(alert).where(alert.c.kind == kind, about, _OPEN).values(resolved_at=now))


def words_of(connection: Connection, kind: AlertKind, subject: str) -> str | None:
    """What the open alert says; None if none is open. For what looks every few seconds and writes only what is new."""
    return connection.execute(sa.select(alert.c.message).where(_open(kind, subject))).scalar_one_or_none()


def open_alerts(connection: Connection) -> tuple[Alert, ...]:
    """The alerts that wait for a person, oldest first."""
    return tuple(map(_alert, connection.execute(sa.select(alert).where(_OPEN).order_by(alert.c.id))))


def done(connection: Connection, number: int, now: datetime) -> Alert | None:
    """Close the open alert with this number, because a person says so; None if there is none."""
    closing = sa.update(alert).where(alert.c.id == number, _OPEN).values(resolved_at=now).returning(alert)
    row = connection.execute(closing).one_or_none()
    return None if row is None else _alert(row)


@dataclass(frozen=True, slots=True)
class Untold:
    """An open alert that was not told yet.

    ``last_told``: when one of the same kind and subject was (UTC), ``kind_told``: one of the same kind.
    """

    alert: Alert
    last_told: datetime | None
    kind_told: datetime | None


def untold(connection: Connection, channel: Channel) -> tuple[Untold, ...]:
    """What is open and was not told this way, oldest first."""
    same = alert.alias()
    of_kind = sa.select(sa.func.max(same.c[channel])).where(same.c.kind == alert.c.kind)
    last = of_kind.where(same.c.subject == alert.c.subject).scalar_subquery()
    query = (
        sa.select(alert, last.label("last_told"), of_kind.scalar_subquery().label("kind_told"))
        .where(_OPEN, alert.c[channel].is_(None))
        .order_by(alert.c.id)
    )
    return tuple(Untold(_alert(row), row.last_told, row.kind_told) for row in connection.execute(query))


def take(connection: Connection, channel: Channel, numbers: Sequence[int], now: datetime) -> tuple[int, ...]:
    """Those of the alerts that nobody took before; who takes them tells them, once."""
    taking = sa.update(alert).where(alert.c.id.in_(numbers), alert.c[channel].is_(None)).values({channel: now})
    return tuple(connection.scalars(taking.returning(alert.c.id)))


def give_back(connection: Connection, channel: Channel, numbers: Sequence[int]) -> None:
    """They could not be told after all."""
    connection.execute(sa.update(alert).where(alert.c.id.in_(numbers)).values({channel: None}))


def mailings_since(connection: Connection, since: datetime) -> int:
    """How many mails with alerts were written since then; one mail may hold several alerts."""
    query = sa.select(sa.func.count(alert.c.mailed_at.distinct())).where(alert.c.mailed_at > since)
    return connection.execute(query).scalar_one()


_OPEN = alert.c.resolved_at.is_(None)


def _alert(row: sa.Row[tuple[object, ...]]) -> Alert:
    return Alert(row.id, AlertKind(row.kind), row.subject, row.message, row.raised_at, row.seen_at)


def _open(kind: AlertKind, subject: str) -> sa.ColumnElement[bool]:
    return sa.and_(alert.c.kind == kind, alert.c.subject == subject, _OPEN)
