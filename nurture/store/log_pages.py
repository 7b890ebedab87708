"""Which deliveries a page of the log shows, whatever is asked for, at the same cost anywhere in a log of any size.

Pages go by a delivery's time, newest first. Its time is ``next_attempt_at``:
when it is due, or was due at its last try; it never goes with the state. The
indices behind it go by state, then time: the newest of each state are looked
up, a few entries of an index each, and the newest of all taken. So one index
serves a filter with states and without, and a mail that is sent moves in few.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from nurture.store.schema import delivery, edition
from nurture.vocabulary import DeliveryState, Mode


@dataclass(frozen=True, slots=True)
class Filter:
    """Which deliveries: all that is given must hold; times are half open, [since, until)."""

    mode: Mode
    campaign: str | None = None
    edition_id: int | None = None
    contact_ids: tuple[int, ...] | None = None
    states: tuple[DeliveryState, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    def __contains__(self, time: datetime) -> bool:
        """Whether a time lies within its bounds."""
        return (self.since is None or self.since <= time) and (self.until is None or time < self.until)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended; the next one begins after it."""

    time: datetime
    id: int


def newest_ids(which: Filter, *, after: Position | None = None, limit: int = 50) -> sa.Select[int]:
    """The ids of up to ``limit`` deliveries, the newest first, that come after the position ``after``."""
    if which.contact_ids is not None:
        # all that somebody ever got, which is little; materialized, else another index may be taken
        columns = delivery.c["id", "mode", "campaign", "edition_id", "contact_id", "state", "next_attempt_at"]
        theirs = sa.select(*columns).where(delivery.c.contact_id.in_(which.contact_ids))
        rows: sa.FromClause = theirs.cte("theirs").prefix_with("MATERIALIZED")
        return _newest(rows, *_fits(which, rows), sa.or_(*_spans(which, after, rows)), limit=limit).with_only_columns(
            rows.c.id
        )
    looks = (
        _newest(delivery, *_scope(which), delivery.c.state == state, span, limit=limit)
        for state in which.states or DeliveryState
        for span in _spans(which, after, delivery)
    )
    merged = sa.union_all(*(sa.select(look.subquery()) for look in looks)).subquery()
    return _newest(merged, limit=limit).with_only_columns(merged.c.id)


def _newest(rows: sa.FromClause, *conditions: sa.ColumnElement[bool], limit: int) -> sa.Select[Any]:
    found = sa.select(rows.c.id, rows.c.next_attempt_at).where(*conditions)
    return found.order_by(rows.c.next_attempt_at.desc(), rows.c.id.desc()).limit(limit)


def _scope(which: Filter) -> list[sa.ColumnElement[bool]]:
    """What leads in the index: an edition, a campaign, or the mode alone."""
    if which.edition_id is not None:
        # its mode and campaign are asked of the edition, as its index has neither; nothing fits NULL
        asked = sa.select(edition.c.id).where(edition.c.id == which.edition_id, edition.c.mode == which.mode)
        if which.campaign is not None:
            asked = asked.where(edition.c.campaign == which.campaign)
        return [delivery.c.edition_id == asked.scalar_subquery()]
    found = [delivery.c.mode == which.mode]
    return found if which.campaign is None else [*found, delivery.c.campaign == which.campaign]


def _spans(which: Filter, after: Position | None, rows: sa.FromClause) -> list[sa.ColumnElement[bool]]:
    """The stretches of time to look through: after a position the rest of its moment, then what is older.

    One comparison of (time, id) would say the same, but SQLite looks up only
    its time, and the mails of one edition have all the same. Nor does the rest
    of a moment get bounds: SQLite may take those for its search.
    """
    time = rows.c.next_attempt_at
    ends = [end for end in (which.until, after.time if after else None) if end is not None]
    spans: list[sa.ColumnElement[bool]] = [
        sa.and_(
            sa.true() if which.since is None else time >= which.since,
            sa.true() if not ends else time < min(ends),
        )
    ]
    if after is not None and after.time in which:
        spans.append(sa.and_(time == after.time, rows.c.id < after.id))
    return spans


def conditions(which: Filter) -> list[sa.ColumnElement[bool]]:
    """The filter for WHERE, over deliveries."""
    return [*_fits(which, delivery), *_spans(which, None, delivery)]


def _fits(which: Filter, rows: sa.FromClause) -> list[sa.ColumnElement[bool]]:
    found = [rows.c.mode == which.mode]
    if which.campaign is not None:
        found.append(rows.c.campaign == which.campaign)
    if which.edition_id is not None:
        found.append(rows.c.edition_id == which.edition_id)
    if which.contact_ids is not None:
        found.append(rows.c.contact_id.in_(which.contact_ids))
    if which.states:
        found.append(rows.c.state.in_(which.states))
    return found
