"""What the database knows of itself: its mode, when it was made, when it went live."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.schema import meta
from nurture.vocabulary import Mode


def get(connection: Connection, key: str) -> str | None:
    """The value kept under ``key``, or None."""
    value: str | None = connection.scalar(sa.select(meta.c.value).where(meta.c.key == key))
    return value


def put(connection: Connection, key: str, value: str) -> None:
    """Keep ``value`` under ``key``, in place of an older one."""
    if connection.execute(meta.update().where(meta.c.key == key).values(value=value)).rowcount == 0:
        connection.execute(meta.insert().values(key=key, value=value))


def get_mode(connection: Connection) -> Mode:
    """Where mail goes; the sandbox until the clinic goes live."""
    return Mode(get(connection, "mode") or Mode.SANDBOX)


def in_mode(mode: Mode | sa.BindParameter[str]) -> sa.ColumnElement[bool]:
    """For WHERE: the clinic is in this mode now."""
    present = sa.select(meta.c.value).where(meta.c.key == "mode").scalar_subquery()
    return sa.func.coalesce(present, Mode.SANDBOX.value) == mode


def set_mode(connection: Connection, mode: Mode, now: datetime) -> None:
    """Change where mail goes; ``now`` is kept as the start of the live time."""
    put(connection, "mode", mode)
    if mode is Mode.LIVE:
        put(connection, "live_since", now.isoformat())


def live_since(connection: Connection) -> datetime | None:
    """When the clinic last went live (aware, UTC), or None."""
    return _instant(get(connection, "live_since"))


def started_at(connection: Connection) -> datetime | None:
    """When this database was made (aware, UTC); None only while it is being made."""
    return _instant(get(connection, "started_at"))


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
