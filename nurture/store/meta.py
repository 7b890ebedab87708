"""What the database knows of itself: its mode, when it was made, when it went live, whose opt-outs it took over."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store import suppressions, wishes
from nurture.store.inserting import insert
from nurture.store.schema import meta
from nurture.vocabulary import Mode, SuppressionReason


def get(connection: Connection, key: str) -> str | None:
    """The value kept under ``key``, or None."""
    value: str | None = connection.scalar(sa.select(meta.c.value).where(meta.c.key == key))
    return value


def put(connection: Connection, key: str, value: str) -> None:
    """Keep ``value`` under ``key``, in place of an older one."""
    statement = insert(connection, meta).values(key=key, value=value)
    connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": value}))


def get_mode(connection: Connection) -> Mode:
    """Where mail goes; the sandbox until the clinic goes live."""
    return Mode(get(connection, "mode") or Mode.SANDBOX)


def in_mode(mode: Mode | sa.BindParameter[str]) -> sa.ColumnElement[bool]:
    """For WHERE: the clinic is in this mode now."""
    present = sa.select(meta.c.value).where(meta.c.key == "mode").scalar_subquery()
    return sa.func.coalesce(present, Mode.SANDBOX.value) == mode


def set_mode(connection: Connection, mode: Mode, now: datetime) -> None:
    """Change where mail goes; ``now`` is kept as the start of the live time.

    Who left by a mail of the sandbox, which only the clinic can have seen, is there again.
    """
    put(connection, "mode", mode)
    if mode is Mode.LIVE:
        suppressions.lift_rehearsed(connection, because="the clinic went live", now=now)
        wishes.forget_rehearsed(connection)
        put(connection, "live_since", now.isoformat())


def live_since(connection: Connection) -> datetime | None:
    """When the clinic last went live (aware, UTC), or None."""
    return _instant(get(connection, "live_since"))


def started_at(connection: Connection) -> datetime | None:
    """When this database was made (aware, UTC); None only while it is being made."""
    return _instant(get(connection, "started_at"))


def backed_up_at(connection: Connection) -> datetime | None:
    """When `nurture db backup` last made a copy of this database (aware, UTC), or None."""
    return _instant(get(connection, "backed_up_at"))


def set_backed_up(connection: Connection, now: datetime) -> None:
    """Remember that a copy was made."""
    put(connection, "backed_up_at", now.isoformat())


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


@dataclass(frozen=True, slots=True)
class PreviousList:
    """One file with the opt-outs of the mail system before; ``opt_outs`` counts its rows by reason. UTC."""

    file: str
    imported_at: datetime
    opt_outs: Mapping[SuppressionReason, int]


def previous_list(connection: Connection) -> tuple[PreviousList, ...]:
    """The files whose opt-outs were imported (``nurture suppress import``), oldest first; empty if none ever was."""
    return tuple(
        PreviousList(
            file=kept["file"],
            imported_at=datetime.fromisoformat(kept["imported_at"]),
            opt_outs={SuppressionReason(reason): count for reason, count in kept["opt_outs"].items()},
        )
        for kept in json.loads(get(connection, "previous_list") or "[]")
    )


def record_previous_list(connection: Connection, files: Iterable[PreviousList]) -> None:
    """Remember that these files' opt-outs were imported; one that is known with the same counts stays as it is."""
    kept = list(previous_list(connection))
    for file in files:
        if (file.file, file.opt_outs) not in [(one.file, one.opt_outs) for one in kept]:
            kept.append(file)
    rows = [
        {
            "file": file.file,
            "imported_at": file.imported_at.isoformat(),
            "opt_outs": {reason.value: count for reason, count in file.opt_outs.items()},
        }
        for file in kept
    ]
    put(connection, "previous_list", json.dumps(rows))
