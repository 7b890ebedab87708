"""Kill points that no mail server can see: the database is asked around each COMMIT.

It looks at the rows, not at the product's functions, so the product may be
rebuilt under it.
"""

from collections.abc import Callable
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor

from nurture.store import Store


class KillPoint(StrEnum):
    """When a worker kills itself."""

    CLAIMED = "claimed"  # rows are claimed, no try of them is recorded
    BEGUN = "begun"  # a try is recorded, nothing was dialed or offered for it
    MARKED = "marked"  # the mark is durable, nothing of the body has left
    SETTLING = "settling"  # the yes was read, its COMMIT did not begin
    SETTLED = "settled"  # the yes is durable


_IN_HAND = "SELECT d.id * 1000 + d.claim FROM delivery d WHERE d.state = 'sending' AND d.marked_at IS"
_TRIED = "EXISTS (SELECT 1 FROM attempt a WHERE a.delivery_id = d.id AND a.claim = d.claim AND a.outcome IS NULL)"
_SENT = "SELECT count(*) FROM delivery WHERE state = 'sent'"
_QUESTIONS = {
    KillPoint.CLAIMED: f"{_IN_HAND} NULL AND NOT {_TRIED}",
    KillPoint.BEGUN: f"{_IN_HAND} NULL AND {_TRIED}",
    KillPoint.MARKED: f"{_IN_HAND} NOT NULL",
    KillPoint.SETTLING: _SENT,
    KillPoint.SETTLED: _SENT,
}


def watch(store: Store, point: KillPoint, nth: int, kill: Callable[[], object]) -> None:
    """Call ``kill`` at the ``nth`` COMMIT that brings something new to the point."""
    with store.read() as connection:
        seen = set(connection.exec_driver_sql(_QUESTIONS[point]).scalars())
    left = nth

    def look(cursor: DBAPICursor) -> None:
        nonlocal seen, left
        cursor.execute(_QUESTIONS[point])
        found = {row[0] for row in cursor.fetchall()}
        left -= not found <= seen
        seen = found
        if not left:
            kill()

    if point is KillPoint.SETTLING:

        @sa.event.listens_for(store._writer, "commit")
        def before_commit(connection: sa.Connection) -> None:
            look(connection.connection.cursor())

    else:

        @sa.event.listens_for(store._writer, "checkin")
        def after_commit(connection: DBAPIConnection | None, _: object) -> None:
            if connection is not None:
                look(connection.cursor())
                connection.rollback()
