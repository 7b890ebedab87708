"""Which database this is, and how far it went: what tells a restored or copied one from its original.

A live database has a name (others get one with their first backup), and a number that grows while mail leaves. The same
number is kept outside the clinic's folder (`delivery/outside.py`); a copy of
yesterday brings yesterday's number back.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from nurture.store import meta
from nurture.store.inserting import insert
from nurture.store.schema import attempt, delivery
from nurture.store.schema import meta as meta_table
from nurture.store.transitions import move
from nurture.vocabulary import DeliveryState, Mode

_NAME = "instance"
_HIGH_WATER = "high_water"
_RESTORED_UNTIL = "restored_until"


@dataclass(frozen=True, slots=True)
class HighWater:
    """How far a database went: ``number`` grows; ``token`` is new each time, so that two copies never agree by chance.

    ``host`` is the machine that sent, ``at`` when (UTC).
    """

    number: int
    token: str
    host: str
    at: datetime


def name(connection: sa.Connection) -> str | None:
    """The database's name; None before it first sent live mail or was backed up into a folder."""
    return meta.get(connection, _NAME)


def ensure_name(connection: sa.Connection) -> str:
    """The database's name, made now if it has none yet. Copies share it."""
    for key, value in ((_NAME, secrets.token_hex(8)), (_HIGH_WATER, "")):
        # two workers may start at the same moment
        new = insert(connection, meta_table).values(key=key, value=value)
        connection.execute(new.on_conflict_do_nothing(index_elements=["key"]))
    found = name(connection)
    assert found is not None
    return found


def high_water(connection: sa.Connection, *, to_raise: bool = False) -> HighWater | None:
    """How far it went; None if it never sent live mail. ``to_raise`` keeps others out until the transaction ends."""
    query = sa.select(meta_table.c.value).where(meta_table.c.key == _HIGH_WATER)
    text: str | None = connection.scalar(query.with_for_update() if to_raise else query)
    if not text:
        return None
    found = json.loads(text)
    return HighWater(found["number"], found["token"], found["host"], datetime.fromisoformat(found["at"]))


def raise_high_water(connection: sa.Connection, *, above: int, host: str, now: datetime) -> HighWater:
    """A number higher than ``above``, with a new token."""
    risen = HighWater(above + 1, secrets.token_hex(8), host, now)
    text = json.dumps({"number": risen.number, "token": risen.token, "host": host, "at": now.isoformat()})
    meta.put(connection, _HIGH_WATER, text)
    return risen


def last_try_at(connection: sa.Connection) -> datetime | None:
    """When the last try began that this database knows (UTC)."""
    found: datetime | None = connection.scalar(
        sa.select(attempt.c.started_at).order_by(attempt.c.started_at.desc()).limit(1)
    )
    return found


def hold_due(connection: sa.Connection, until: datetime, now: datetime) -> int:
    """Hold live mails that were due until then: the original may have sent them; how many.

    They stay held until somebody lets them go or their time is over.
    """
    held = move(
        connection,
        DeliveryState.QUEUED,
        DeliveryState.HELD,
        now,
        where=(delivery.c.mode == Mode.LIVE) & (delivery.c.next_attempt_at <= until),
        values={"reason": "may have been sent after this copy was made"},
        data={"reason": "a restored copy: it may have been sent after the copy was made"},
    )
    return len(held)


def set_restored_until(connection: sa.Connection, until: datetime) -> None:
    """No edition that was due until then is made: the original may have made it."""
    meta.put(connection, _RESTORED_UNTIL, until.isoformat())


def restored_until(connection: sa.Connection) -> datetime | None:
    """Until when (UTC) editions belong to an original that was lost; None if none was."""
    text = meta.get(connection, _RESTORED_UNTIL)
    return datetime.fromisoformat(text) if text else None
