"""Whether mail still comes into the mailbox, and what waits because it does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store import editions
from nurture.store.inserting import insert
from nurture.store.schema import alert, edition, heartbeat, job_run
from nurture.vocabulary import HOLDS_THAT_END, AlertKind, EditionState, Mode


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of one account. All UTC; see `nurture.inbox.heartbeat.Pulse`."""

    heard_at: datetime
    probe_sent_at: datetime | None
    failing_since: datetime | None
    looked_at: datetime | None


def heard(connection: Connection, account: str, at: datetime) -> None:
    """A mail came into the account at this time; a copy in its Sent folder is none."""
    statement = insert(connection, heartbeat).values(account=account, heard_at=at)
    later = statement.on_conflict_do_update(
        index_elements=["account"], set_={"heard_at": at}, where=heartbeat.c.heard_at < at
    )
    connection.execute(later)


def look(connection: Connection, account: str, *, job: str, now: datetime) -> Heard:
    """What is known of an account, read by this job; the first look begins its time of silence."""
    begin = insert(connection, heartbeat).values(account=account, heard_at=now)
    connection.execute(begin.on_conflict_do_nothing(index_elements=["account"]))
    row = connection.execute(sa.select(heartbeat).where(heartbeat.c.account == account)).one()
    failing = sa.select(alert.c.raised_at).where(
        alert.c.kind == AlertKind.JOB_FAILED, alert.c.subject == job, alert.c.resolved_at.is_(None)
    )
    looked = sa.select(job_run.c.started_at).where(job_run.c.job == job)
    return Heard(row.heard_at, row.probe_sent_at, connection.scalar(failing), connection.scalar(looked))


def probe_left(connection: Connection, account: str, now: datetime) -> None:
    """A mail to ourselves left."""
    connection.execute(sa.update(heartbeat).where(heartbeat.c.account == account).values(probe_sent_at=now))


def standing_hold(connection: Connection) -> str | None:
    """Why new live editions are held; None: they are not."""
    found: str | None = connection.scalar(
        sa.select(heartbeat.c.holds_because).where(heartbeat.c.holds_because.is_not(None)).limit(1)
    )
    return found


def hold(connection: Connection, account: str, because: str, *, running: bool, now: datetime) -> None:
    """From now on live editions are held as they are made; with ``running`` those under way, too, but only once.

    So one that somebody approves afterwards goes on.
    """
    here = heartbeat.c.account == account
    connection.execute(sa.update(heartbeat).where(here).values(holds_because=because))
    if not running:
        return
    first = sa.update(heartbeat).where(here, heartbeat.c.held_running_at.is_(None)).values(held_running_at=now)
    if connection.execute(first).rowcount:
        under_way = sa.select(edition.c.id).where(
            edition.c.mode == Mode.LIVE, edition.c.state.in_([EditionState.PLANNING, EditionState.READY])
        )
        for edition_id in connection.scalars(under_way.order_by(edition.c.id)).all():
            editions.hold(connection, edition_id, because=because, now=now)


def release(connection: Connection, *, now: datetime) -> int:
    """All is well: nothing is held for want of mail any more; how many editions go on."""
    done = connection.execute(
        sa.update(heartbeat)
        .where(heartbeat.c.holds_because.is_not(None))
        .values(holds_because=None, held_running_at=None)
    )
    if not done.rowcount:
        return 0
    return editions.end_holds(connection, HOLDS_THAT_END, by="mail came in", now=now)
