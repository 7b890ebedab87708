"""What readers chose for themselves: how often they get mail, from when on, and whether reading is noted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.expressions import one_of_parameter
from nurture.store.schema import contact, delivery, edition, event
from nurture.vocabulary import DeliveryState, EventKind, Mode


@dataclass(frozen=True, slots=True)
class Wish:
    """``gap``: at most one newsletter or broadcast in so many days; None: as the clinic does.

    ``paused_until`` is the last day without mail; ``may_track`` as in the contact.
    """

    gap: int | None = None
    paused_until: date | None = None
    may_track: bool | None = None

    def pauses(self, on: date) -> bool:
        """Whether there shall be no mail on that day."""
        return self.paused_until is not None and on <= self.paused_until


NO_WISH = Wish()


def wishes(connection: Connection, contact_ids: Sequence[int], *, on: date) -> dict[int, Wish]:
    """The wishes about mail of these contacts that hold on a day; who has none is left out. A few thousand at most."""
    rows = connection.execute(_wishes(connection.dialect.name), {"ids": contact_ids, "day": on})
    return {row.id: Wish(row.mail_gap, row.paused_until, row.may_track) for row in rows}


def wish_of(connection: Connection, contact_id: int) -> Wish:
    """All that one contact chose."""
    row = connection.execute(_ONE, {"contact_id": contact_id}).one_or_none()
    return NO_WISH if row is None else Wish(row.mail_gap, row.paused_until, row.may_track)


def keep_wish(connection: Connection, contact_id: int, wish: Wish, *, now: datetime) -> None:
    """Keep what a contact chose, in place of what was chosen before."""
    values = {"mail_gap": wish.gap, "paused_until": wish.paused_until, "may_track": wish.may_track, "updated_at": now}
    connection.execute(sa.update(contact).where(contact.c.id == contact_id).values(values))


def forget_rehearsed(connection: Connection) -> None:
    """What was chosen by mails of the sandbox, which only the clinic can have seen, holds no longer.

    A no to having reading noted stays: that is the safe side. So does what a person chose for real before or since.
    """
    tried, real = (_chose(mode) for mode in (Mode.SANDBOX, Mode.LIVE))
    connection.execute(sa.update(contact).where(tried, sa.not_(real)).values(mail_gap=None, paused_until=None))


def chosen_for_real(connection: Connection, contact_id: int) -> bool:
    """Whether the contact ever chose by a live mail."""
    return connection.scalar(sa.select(contact.c.id).where(contact.c.id == contact_id, _chose(Mode.LIVE))) is not None


def _chose(mode: Mode) -> sa.ColumnElement[bool]:
    """For WHERE, over ``contact``: it chose by a mail of this mode."""
    mine = sa.select(event.c.id).join(delivery, event.c.delivery_id == delivery.c.id)
    chose = event.c.kind == EventKind.PREFERRED
    return mine.where(chose, event.c.contact_id == contact.c.id, delivery.c.mode == mode).correlate(contact).exists()


def not_paused(today: date) -> sa.ColumnElement[bool]:
    """For WHERE, over ``contact``: there may be mail today."""
    return contact.c.paused_until.is_(None) | (contact.c.paused_until < today)


def topics_sent(connection: Connection, contact_id: int, *, mode: Mode) -> tuple[str, ...]:
    """The topics of all mails that a contact got, in their order."""
    arrived = delivery.c.state.in_((DeliveryState.SENT, DeliveryState.UNCERTAIN))
    query = (
        sa.select(edition.c.topic)
        .distinct()
        .join(delivery, delivery.c.edition_id == edition.c.id)
        .where(delivery.c.contact_id == contact_id, delivery.c.mode == mode, arrived)
        .order_by(edition.c.topic)
    )
    return tuple(connection.scalars(query))


_CHOICES = (contact.c.id, contact.c.mail_gap, contact.c.paused_until, contact.c.may_track)
_ONE = sa.select(*_CHOICES).where(contact.c.id == sa.bindparam("contact_id"))


@cache
def _wishes(dialect: str) -> sa.Select[tuple[int, int | None, date | None, bool | None]]:
    paused = contact.c.paused_until >= sa.bindparam("day", type_=sa.Date())
    return sa.select(*_CHOICES).where(
        one_of_parameter(dialect, contact.c.id, "ids"), contact.c.mail_gap.is_not(None) | paused
    )
