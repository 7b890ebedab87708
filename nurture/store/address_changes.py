"""New addresses that readers asked for, until somebody at that address said yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.schema import address_change, contact
from nurture.vocabulary import Mode


@dataclass(frozen=True, slots=True)
class AddressChange:
    """One wish. Instants are UTC.

    ``address_hash`` is the contact's when it was asked for; ``old_address`` where mail went before the yes.
    ``mail_at``: when a mail about it is due, None: none is. ``present_address`` is the contact's now.
    """

    id: int
    contact_id: int
    mode: Mode
    language: str
    address_hash: str
    new_address: str
    old_address: str | None
    asked_at: datetime
    mail_at: datetime | None
    confirmed_at: datetime | None
    present_address: str | None
    present_hash: str


_CHANGES = sa.select(
    address_change, contact.c.address.label("present_address"), contact.c.address_hash.label("present_hash")
).join_from(address_change, contact, contact.c.id == address_change.c.contact_id)


def ask(
    connection: Connection,
    contact_id: int,
    *,
    mode: Mode,
    language: str,
    address_hash: str,
    new_address: str,
    now: datetime,
) -> None:
    """Keep a wish; its question is due now."""
    connection.execute(
        sa.insert(address_change).values(
            contact_id=contact_id,
            mode=mode,
            language=language,
            address_hash=address_hash,
            new_address=new_address,
            asked_at=now,
            mail_at=now,
        )
    )


def asked_since(connection: Connection, since: datetime, *, contact_id: int | None = None) -> int:
    """How many wishes came after ``since``, of one contact or of all."""
    query = sa.select(sa.func.count()).where(address_change.c.asked_at > since)
    if contact_id is not None:
        query = query.where(address_change.c.contact_id == contact_id)
    return connection.scalar(query) or 0


def find(connection: Connection, number: int) -> AddressChange | None:
    """The wish with this id."""
    row = connection.execute(_CHANGES.where(address_change.c.id == number)).mappings().one_or_none()
    return None if row is None else _change(row)


def newest(connection: Connection, contact_id: int) -> int | None:
    """The id of the last wish of a contact: it takes the place of those before."""
    query = sa.select(address_change.c.id).where(address_change.c.contact_id == contact_id)
    found: int | None = connection.scalar(query.order_by(address_change.c.id.desc()).limit(1))
    return found


def due(connection: Connection, *, mode: Mode, now: datetime) -> Sequence[AddressChange]:
    """About which of them a mail is due, the oldest first."""
    query = _CHANGES.where(address_change.c.mode == mode, address_change.c.mail_at <= now)
    return [_change(row) for row in connection.execute(query.order_by(address_change.c.id)).mappings()]


def turn_mail(connection: Connection, number: int, *, last: datetime | None, to: datetime | None) -> bool:
    """Move the instant of the next mail from ``last`` to ``to``; False if another process did before."""
    at = address_change.c.mail_at
    done = connection.execute(
        sa.update(address_change)
        .where(address_change.c.id == number, at.is_(None) if last is None else at == last)
        .values(mail_at=to)
    )
    return done.rowcount > 0


def confirm(connection: Connection, number: int, *, old_address: str | None, now: datetime) -> bool:
    """Somebody at the new address said yes; the news is due now. False if that was said before."""
    done = connection.execute(
        sa.update(address_change)
        .where(address_change.c.id == number, address_change.c.confirmed_at.is_(None))
        .values(confirmed_at=now, mail_at=now, old_address=old_address)
    )
    return done.rowcount > 0


def forget(connection: Connection, *, before: datetime) -> None:
    """Delete what was asked for before that."""
    connection.execute(sa.delete(address_change).where(address_change.c.asked_at < before))


def _change(row: sa.RowMapping) -> AddressChange:
    return AddressChange(**{**row, "mode": Mode(row["mode"])})
