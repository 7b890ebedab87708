"""Campaign files as the planner saw them, and campaigns that are paused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.inserting import insert
from nurture.store.schema import campaign_control, campaign_version
from nurture.vocabulary import Mode

ALL = "*"
# How far behind the truth `last_seen_at` may be; spares a write with every look.
SEEN_EVERY = timedelta(minutes=5)
# Any number, the same for every planner of a database.
_PLANNING_LOCK = 7_316_091


@dataclass(frozen=True, slots=True)
class LoadedCampaign:
    """A campaign's file as it was loaded: digest of its content, canonical text of its schedule ("": none)."""

    digest: str
    schedule: str


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One content of a campaign's file; in force while ``vanished_at`` is None. Instants are UTC."""

    id: int
    campaign: str
    digest: str
    schedule: str
    first_seen_at: datetime
    last_seen_at: datetime
    vanished_at: datetime | None
    confirmed_at: datetime | None


def lock_planning(connection: Connection) -> None:
    """Let one planner write at a time, until the end of this transaction.

    What a planner decides hangs on what the others wrote (a reader gets one
    mail in so many days), and no constraint can hold that. SQLite's write lock
    does it already; PostgreSQL needs to be asked.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PLANNING_LOCK)))


def versions(connection: Connection, *, mode: Mode) -> dict[str, tuple[VersionRow, ...]]:
    """Every version of every campaign, oldest first, also of those that are gone."""
    query = (
        sa.select(campaign_version)
        .where(campaign_version.c.mode == mode)
        .order_by(campaign_version.c.campaign, campaign_version.c.first_seen_at, campaign_version.c.id)
    )
    found: dict[str, list[VersionRow]] = {}
    for row in connection.execute(query).mappings():
        values = {name: value for name, value in row.items() if name != "mode"}
        found.setdefault(row["campaign"], []).append(VersionRow(**values))
    return {campaign: tuple(rows) for campaign, rows in found.items()}


def needs_recording(
    known: Mapping[str, tuple[VersionRow, ...]], loaded: Mapping[str, LoadedCampaign], *, now: datetime
) -> bool:
    """Whether `record_versions` would write anything; saves a transaction with every look."""
    if {name for name, rows in known.items() if rows[-1].vanished_at is None} != set(loaded):
        return True
    return any(
        known[name][-1].digest != file.digest
        or known[name][-1].first_seen_at > now
        or not now - SEEN_EVERY < known[name][-1].last_seen_at <= now
        for name, file in loaded.items()
    )


def record_versions(connection: Connection, loaded: Mapping[str, LoadedCampaign], *, mode: Mode, now: datetime) -> None:
    """Note which versions are there now: new ones, those still there, those that vanished.

    Dates that lie after ``now`` come from a clock that was wrong; they are set back.
    """
    lock_planning(connection)
    present = {name: rows[-1] for name, rows in versions(connection, mode=mode).items() if rows[-1].vanished_at is None}
    table = campaign_version
    for name, row in present.items():
        same = name in loaded and loaded[name].digest == row.digest
        connection.execute(
            sa.update(table)
            .where(table.c.id == row.id)
            .values(
                first_seen_at=min(row.first_seen_at, now),
                last_seen_at=now if same else min(row.last_seen_at, now),
                vanished_at=None if same else now,
            )
        )
    for name, file in loaded.items():
        if name not in present or present[name].digest != file.digest:
            connection.execute(
                sa.insert(table).values(
                    mode=mode,
                    campaign=name,
                    digest=file.digest,
                    schedule=file.schedule,
                    first_seen_at=now,
                    last_seen_at=now,
                )
            )


def confirm(connection: Connection, campaign: str, *, mode: Mode, now: datetime) -> bool:
    """Say yes to what the present version of a campaign asks for; False: there was nothing to confirm."""
    done = connection.execute(
        sa.update(campaign_version)
        .where(
            campaign_version.c.mode == mode,
            campaign_version.c.campaign == campaign,
            campaign_version.c.vanished_at.is_(None),
            campaign_version.c.confirmed_at.is_(None),
        )
        .values(confirmed_at=now)
    )
    return done.rowcount > 0


def pause(connection: Connection, campaign: str, *, by: str, now: datetime) -> bool:
    """Stop planning and sending of a campaign, or of all (`ALL`); False: it was paused already."""
    done = connection.execute(
        insert(connection, campaign_control)
        .values(campaign=campaign, paused_at=now, paused_by=by)
        .on_conflict_do_nothing(index_elements=["campaign"])
        .returning(campaign_control.c.campaign)
    )
    return done.first() is not None


def resume(connection: Connection, campaign: str) -> bool:
    """End a pause; `ALL` ends the pause of all, not those of single campaigns. False: there was none."""
    done = connection.execute(sa.delete(campaign_control).where(campaign_control.c.campaign == campaign))
    return done.rowcount > 0


def paused_campaigns(connection: Connection) -> dict[str, datetime]:
    """Since when each paused campaign is paused (UTC); the key `ALL` stands for all."""
    rows = connection.execute(sa.select(campaign_control.c.campaign, campaign_control.c.paused_at))
    return {row[0]: row[1] for row in rows}


def paused_since(paused: Mapping[str, datetime], campaign: str) -> datetime | None:
    """Since when a campaign is paused, by itself or with all; None: it is not."""
    return min((paused[name] for name in (campaign, ALL) if name in paused), default=None)


def is_paused(connection: Connection, campaign: str) -> bool:
    """Whether nothing of this campaign may be planned or sent."""
    return paused_since(paused_campaigns(connection), campaign) is not None
