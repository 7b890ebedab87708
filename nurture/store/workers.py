"""Processes that deliver. A row's owner is one of them.

On PostgreSQL an owner lives while its lease runs; the lease counts in the
database's own time (``clock_timestamp()``), so no clock of any machine
matters. On SQLite the caller knows by OS locks who lives; see
``delivery/ownership.py``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from nurture.store.schema import worker
from nurture.vocabulary import WorkerRole

LEASE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A process that delivers, or did."""

    owner: str
    host: str
    process: int
    role: WorkerRole
    started_at: datetime
    seen_at: datetime
    ended_at: datetime | None


def _present(connection: sa.Connection, now: datetime) -> sa.ColumnElement[datetime] | datetime:
    return sa.func.clock_timestamp() if connection.dialect.name == "postgresql" else now


def register(
    connection: sa.Connection, owner: str, *, host: str, process: int, role: WorkerRole, now: datetime
) -> None:
    """A process starts to deliver under the unique name ``owner``."""
    present = _present(connection, now)
    values = {"owner": owner, "host": host, "process": process, "role": role}
    connection.execute(sa.insert(worker).values(**values, started_at=present, seen_at=present))


def renew(connection: sa.Connection, owner: str, now: datetime) -> None:
    """The process lives: its lease starts anew, even if somebody took it for dead."""
    present = _present(connection, now)
    connection.execute(sa.update(worker).where(worker.c.owner == owner).values(seen_at=present, ended_at=None))


def end(connection: sa.Connection, owner: str, now: datetime) -> None:
    """The process is dead, or says good-bye."""
    connection.execute(
        sa.update(worker)
        .where(worker.c.owner == owner, worker.c.ended_at.is_(None))
        .values(ended_at=_present(connection, now))
    )


def not_ended(connection: sa.Connection) -> Sequence[WorkerRow]:
    """The processes that never said good-bye: alive, or killed."""
    rows = connection.execute(sa.select(worker).where(worker.c.ended_at.is_(None)).order_by(worker.c.started_at))
    return [WorkerRow(**{**row, "role": WorkerRole(row["role"])}) for row in rows.mappings()]


def silent(connection: sa.Connection, owners: Collection[str], duration: timedelta) -> tuple[str, ...]:
    """PostgreSQL only: which of these owners gave no sign of life for so long, by the database's clock.

    Unlike with `lapsed`, one that others called dead counts as alive until then.
    """
    limit = sa.func.clock_timestamp() - sa.bindparam("duration", duration, sa.Interval())
    heard = connection.execute(
        sa.select(worker.c.owner).where(worker.c.owner.in_(list(owners)), worker.c.seen_at >= limit)
    )
    alive = set(heard.scalars())
    return tuple(owner for owner in owners if owner not in alive)


def lapsed(connection: sa.Connection, owners: Collection[str], lease: timedelta = LEASE) -> tuple[str, ...]:
    """PostgreSQL only: which of these owners have no running lease by the database's clock."""
    limit = sa.func.clock_timestamp() - sa.bindparam("lease", lease, sa.Interval())
    alive = connection.execute(
        sa.select(worker.c.owner).where(
            worker.c.owner.in_(list(owners)), worker.c.ended_at.is_(None), worker.c.seen_at >= limit
        )
    )
    living = set(alive.scalars())
    return tuple(owner for owner in owners if owner not in living)
