"""The last run of each named job of the loop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.inserting import insert
from nurture.store.schema import job_run


@dataclass(frozen=True, slots=True)
class JobRun:
    """The last run of a job; ``ended_at`` is None while it runs. Instants are UTC."""

    job: str
    owner: str
    started_at: datetime
    ended_at: datetime | None
    error: str | None


def job_started(connection: Connection, job: str, owner: str, now: datetime) -> None:
    """A run begins; what the last run left is replaced, its error stays until this one ends."""
    run = insert(connection, job_run).values(job=job, owner=owner, started_at=now)
    connection.execute(
        run.on_conflict_do_update(
            index_elements=["job"], set_={"owner": owner, "started_at": now, "ended_at": sa.null()}
        )
    )


def job_ended(connection: Connection, job: str, owner: str, now: datetime, error: str | None = None) -> None:
    """A run ends, with an error in words or without.

    If another process has begun a run of the same job meanwhile, that one stands.
    """
    connection.execute(
        sa.update(job_run).where(job_run.c.job == job, job_run.c.owner == owner).values(ended_at=now, error=error)
    )


def job_runs(connection: Connection) -> tuple[JobRun, ...]:
    """The last run of every job that ever ran, by name."""
    rows = connection.execute(sa.select(job_run).order_by(job_run.c.job))
    return tuple(JobRun(row.job, row.owner, row.started_at, row.ended_at, row.error) for row in rows)
