"""What the owner was shown of an edition before it leaves, and what people said before it was made.

An edition that is not made yet has no row of its own, so these are kept by its name. Of several contents of one
edition the one that was seen last is in force.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.editions import EditionId, EditionRow, get
from nurture.store.inserting import insert
from nurture.store.schema import delivery, edition, edition_hold, edition_notice
from nurture.vocabulary import DeliveryState, EditionState, Mode, SkipReason


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """One content of an edition. ``digest`` tells it from others; instants are UTC, as in the table."""

    id: int
    mode: Mode
    campaign: str
    occurrence: str
    digest: str
    due_at: datetime
    seen_at: datetime
    sent_at: datetime | None
    message_id: str | None
    taken_by: tuple[str, ...]
    tries: int
    next_try_at: datetime | None
    approved_at: datetime | None
    approved_by: str | None

    @property
    def public_id(self) -> EditionId:
        """The edition's name."""
        return EditionId(self.campaign, self.occurrence)


@dataclass(frozen=True, slots=True)
class HoldRow:
    """Somebody held an edition before it was made (UTC)."""

    held_at: datetime
    held_by: str


@dataclass(frozen=True, slots=True)
class PlannedGroup:
    """So many rows of an edition are alike; ``reason`` None: they are mails, to leave from ``not_before`` on (UTC)."""

    variant: str
    news_list_id: int | None
    reason: SkipReason | None
    not_before: datetime
    not_after: datetime
    count: int


def record(
    connection: Connection, name: EditionId, *, mode: Mode, digest: str, due_at: datetime, now: datetime
) -> NoticeRow:
    """Take down what readers would get now; a content that is in force already stays as it is."""
    known = of_edition(connection, name, mode=mode)
    if known and known[-1].digest == digest:
        return known[-1]
    table = edition_notice
    connection.execute(
        insert(connection, table)
        .values(
            mode=mode,
            campaign=name.campaign,
            occurrence=name.occurrence,
            digest=digest,
            due_at=due_at,
            seen_at=now,
            taken_by=[],
        )
        .on_conflict_do_update(
            index_elements=["mode", "campaign", "occurrence", "digest"], set_={"seen_at": now, "due_at": due_at}
        )
    )
    return of_edition(connection, name, mode=mode)[-1]


def of_edition(connection: Connection, name: EditionId, *, mode: Mode) -> tuple[NoticeRow, ...]:
    """All contents that an edition ever had, the one in force last."""
    found = connection.execute(
        sa.select(edition_notice)
        .where(
            edition_notice.c.mode == mode,
            edition_notice.c.campaign == name.campaign,
            edition_notice.c.occurrence == name.occurrence,
        )
        .order_by(edition_notice.c.seen_at, edition_notice.c.id)
    )
    return tuple(map(_row, found.mappings()))


def in_force(connection: Connection, *, mode: Mode, due_after: datetime) -> dict[EditionId, NoticeRow]:
    """The content in force of every edition that was due then or later (UTC)."""
    rows = connection.execute(
        sa.select(edition_notice)
        .where(edition_notice.c.mode == mode, edition_notice.c.due_at >= due_after)
        .order_by(edition_notice.c.seen_at, edition_notice.c.id)
    )
    return {row.public_id: row for row in map(_row, rows.mappings())}


def begin_try(
    connection: Connection, notice_id: int, *, message_id: str, until: datetime, now: datetime
) -> NoticeRow | None:
    """Before a try: nobody else tries before ``until`` (UTC); None: somebody does, or it is sent.

    ``message_id`` counts at the first try; later ones carry the same.
    """
    table = edition_notice
    done = connection.execute(
        sa.update(table)
        .where(
            table.c.id == notice_id,
            table.c.sent_at.is_(None),
            table.c.next_try_at.is_(None) | (table.c.next_try_at <= now),
        )
        .values(next_try_at=until, tries=table.c.tries + 1, message_id=sa.func.coalesce(table.c.message_id, message_id))
    )
    if not done.rowcount:
        return None
    return _row(connection.execute(sa.select(table).where(table.c.id == notice_id)).mappings().one())


def end_try(
    connection: Connection, notice_id: int, *, taken_by: Collection[str], again_at: datetime | None, now: datetime
) -> None:
    """After a try: whose mail was taken until now; ``again_at`` None: everybody's."""
    connection.execute(
        sa.update(edition_notice)
        .where(edition_notice.c.id == notice_id)
        .values(taken_by=sorted(taken_by), next_try_at=again_at, sent_at=now if again_at is None else None)
    )


def approve(connection: Connection, notice_id: int, *, by: str, now: datetime) -> None:
    """Somebody lets this content go."""
    connection.execute(
        sa.update(edition_notice).where(edition_notice.c.id == notice_id).values(approved_at=now, approved_by=by)
    )


def hold(connection: Connection, name: EditionId, *, mode: Mode, by: str, now: datetime) -> bool:
    """Hold an edition that is not made yet; False: somebody did already."""
    done = connection.execute(
        insert(connection, edition_hold)
        .values(mode=mode, campaign=name.campaign, occurrence=name.occurrence, held_at=now, held_by=by)
        .on_conflict_do_nothing(index_elements=["mode", "campaign", "occurrence"])
        .returning(edition_hold.c.occurrence)
    )
    return done.first() is not None


def end_hold(connection: Connection, name: EditionId, *, mode: Mode) -> bool:
    """Take a `hold` back; False: there was none."""
    done = connection.execute(
        sa.delete(edition_hold).where(
            edition_hold.c.mode == mode,
            edition_hold.c.campaign == name.campaign,
            edition_hold.c.occurrence == name.occurrence,
        )
    )
    return done.rowcount > 0


def holds(connection: Connection, *, mode: Mode) -> dict[EditionId, HoldRow]:
    """The editions that were held before they were made."""
    rows = connection.execute(sa.select(edition_hold).where(edition_hold.c.mode == mode))
    return {EditionId(row.campaign, row.occurrence): HoldRow(row.held_at, row.held_by) for row in rows}


def unsent_under_way(connection: Connection, *, mode: Mode) -> tuple[tuple[EditionRow, NoticeRow], ...]:
    """Editions that are ready, that nobody let go yet, and that the owner has not seen as they are."""
    rows = connection.execute(
        sa.select(edition.c.id)
        .where(edition.c.mode == mode, edition.c.state == EditionState.READY, edition.c.approved_at.is_(None))
        .order_by(edition.c.due_at, edition.c.id)
    )
    found = []
    for edition_id in rows.scalars().all():
        row = get(connection, edition_id)
        known = of_edition(connection, row.public_id, mode=mode)
        if known and known[-1].sent_at is None:
            found.append((row, known[-1]))
    return tuple(found)


def planned_groups(connection: Connection, edition_id: int) -> tuple[PlannedGroup, ...]:
    """What an edition that is made means for how many people."""
    columns = (
        delivery.c.variant,
        delivery.c.news_list_id,
        sa.case((delivery.c.state == DeliveryState.SKIPPED, delivery.c.reason)).label("reason"),
        delivery.c.not_before,
        delivery.c.not_after,
    )
    rows = sa.select(*columns).where(delivery.c.edition_id == edition_id).subquery()
    query = sa.select(*rows.c, sa.func.count().label("people")).group_by(*rows.c)
    return tuple(
        PlannedGroup(
            row.variant,
            row.news_list_id,
            SkipReason(row.reason) if row.reason else None,
            row.not_before,
            row.not_after,
            row.people,
        )
        for row in connection.execute(query)
    )


def _row(row: sa.RowMapping) -> NoticeRow:
    values: dict[str, Any] = dict(row)
    return NoticeRow(**values | {"mode": Mode(row["mode"]), "taken_by": tuple(row["taken_by"])})
