"""Token buckets, learned rates and put-offs: one row for each sender, one for each provider that needs one.

The row is locked while tokens are taken, so all workers together take no more
than there are. On PostgreSQL its time is the database's own, because the clocks
of several machines never agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime

import sqlalchemy as sa

from nurture.store.inserting import insert
from nurture.store.schema import attempt, delivery, pace
from nurture.vocabulary import Mode

THE_SENDER = ""  # in the place of a provider: the row is about the sender itself


@dataclass(frozen=True, slots=True)
class PaceRow:
    """How fast a sender may go, or a sender to one ``provider``.

    ``learned`` is in mails a minute; a server refused at ``ceiling``, first
    ``slow_since``. Until ``put_off_until`` the provider gets no mail, after
    ``put_offs`` times in a row. ``reason`` are the server's last words.
    """

    mode: Mode
    sender: str
    provider: str
    tokens: float
    filled_at: datetime
    day: date
    used: int = 0
    learned: float | None = None
    ceiling: float | None = None
    changed_at: datetime | None = None
    slow_since: datetime | None = None
    put_off_until: datetime | None = None
    put_offs: int = 0
    reason: str | None = None


_ROW = sa.select(pace).where(
    pace.c.mode == sa.bindparam("its_mode"),
    pace.c.sender == sa.bindparam("its_sender"),
    pace.c.provider == sa.bindparam("its_provider"),
)
# SQLite leaves FOR UPDATE out: its write lock is held already
_LOCKED = _ROW.with_for_update()
_PRESENT = sa.select(sa.func.clock_timestamp(type_=sa.DateTime(timezone=True)))


def present(connection: sa.Connection, now: datetime) -> datetime:
    """The instant that counts for buckets: the database's on PostgreSQL, else ``now``."""
    if connection.dialect.name != "postgresql":
        return now
    found: datetime = connection.execute(_PRESENT).scalar_one()
    return found


def lock(connection: sa.Connection, mode: Mode, sender: str, provider: str = THE_SENDER) -> PaceRow | None:
    """A row that nobody else changes until the end of the transaction; None: there is none yet."""
    rows = connection.execute(_LOCKED, {"its_mode": mode, "its_sender": sender, "its_provider": provider})
    found = rows.mappings().first()
    return None if found is None else PaceRow(**found)


def lock_new(connection: sa.Connection, row: PaceRow) -> PaceRow:
    """The same for a row that was not there a moment ago: made, unless another worker was faster."""
    connection.execute(insert(connection, pace).values(asdict(row)).on_conflict_do_nothing())
    there = lock(connection, row.mode, row.sender, row.provider)
    assert there is not None
    return there


def save(connection: sa.Connection, row: PaceRow) -> None:
    """Write a row, new or not."""
    values = asdict(row)
    keys = ("mode", "sender", "provider")
    changed = {name: value for name, value in values.items() if name not in keys}
    statement = insert(connection, pace).values(values)
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))


def forget(connection: sa.Connection, row: PaceRow) -> None:
    """There is nothing to remember any more."""
    connection.execute(
        sa.delete(pace).where(pace.c.mode == row.mode, pace.c.sender == row.sender, pace.c.provider == row.provider)
    )


def of_sender(connection: sa.Connection, mode: Mode, sender: str) -> Mapping[str, PaceRow]:
    """A sender's rows by provider; its own under `THE_SENDER`."""
    rows = connection.execute(sa.select(pace).where(pace.c.mode == mode, pace.c.sender == sender))
    return {row["provider"]: PaceRow(**row) for row in rows.mappings()}


def all_rows(connection: sa.Connection, mode: Mode) -> tuple[PaceRow, ...]:
    """Every row of a mode, by sender and provider."""
    rows = connection.execute(sa.select(pace).where(pace.c.mode == mode).order_by(pace.c.sender, pace.c.provider))
    return tuple(PaceRow(**row) for row in rows.mappings())


def observed(
    connection: sa.Connection, sender: str, *, domains: tuple[str, ...] = (), since: datetime, until: datetime
) -> int:
    """How many tries of a sender began in a span of time; with ``domains`` only those to addresses there."""
    query = (
        sa.select(sa.func.count())
        .select_from(attempt)
        .where(attempt.c.started_at > since, attempt.c.started_at <= until, attempt.c.sender == sender)
    )
    if domains:
        query = query.join(delivery, delivery.c.id == attempt.c.delivery_id).where(delivery.c.domain.in_(domains))
    return connection.execute(query).scalar_one()
