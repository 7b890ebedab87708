"""Opens and clicks: the mail of a link found by its number, and what is noted of a visit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import takewhile
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from nurture.store.expressions import one_of_parameter
from nurture.store.schema import contact, delivery, event
from nurture.vocabulary import DeliveryState, EventKind, Visitor

KINDS = (EventKind.OPENED, EventKind.CLICKED)


@dataclass(frozen=True, slots=True)
class VisitedMail:
    """A delivery whose pixel or link was asked for. ``sent_at`` (UTC) None: it has not left yet.

    ``may_note`` False: the contact was erased, or wants nothing noted by now.
    """

    delivery_id: int
    edition_id: int
    contact_id: int | None
    recipient_key: str
    sent_at: datetime | None
    may_note: bool


@dataclass(frozen=True, slots=True)
class LinkedMail:
    """What links of a mail are signed for, and its edition; neither ever changes."""

    delivery_id: int
    edition_id: int
    recipient_key: str


@dataclass(frozen=True, slots=True)
class NotedVisit:
    """An open or a click in the log. ``data`` as `new_visit` makes it."""

    id: int
    delivery_id: int
    at: datetime
    data: Mapping[str, Any]


VISITOR = event.c.data["visitor"].as_string()


def by_reader(kind: EventKind, *, proxies: bool = False) -> sa.ColumnElement[bool]:
    """For WHERE: an open or click was a person's; with ``proxies`` also where a provider fetched for its reader."""
    found = VISITOR == Visitor.PERSON
    return sa.or_(found, VISITOR == Visitor.MAIL_PROXY) if proxies and kind is EventKind.OPENED else found


_MAILS = sa.select(
    delivery.c.id,
    delivery.c.edition_id,
    delivery.c.contact_id,
    delivery.c.recipient_key,
    sa.case((delivery.c.state == DeliveryState.SENT, delivery.c.settled_at), else_=delivery.c.marked_at),
    sa.and_(delivery.c.contact_id.is_not(None), sa.func.coalesce(contact.c.may_track, sa.true())),
).join_from(delivery, contact, delivery.c.contact_id == contact.c.id, isouter=True)
_NOTED = (
    sa.select(event.c.id, event.c.delivery_id, event.c.at, event.c.data)
    .where(event.c.kind.in_(KINDS))
    .order_by(event.c.id)
)
_LINKED = sa.select(delivery.c.id, delivery.c.edition_id, delivery.c.recipient_key)
_OTHER = event.alias()
_REJUDGE = (
    sa.update(event)
    .where(
        event.c.id == sa.bindparam("event_id"),
        ~sa.exists().where(_OTHER.c.dedupe_key == sa.bindparam("new_key")),
    )
    .values(data=sa.bindparam("new_data", type_=event.c.data.type), dedupe_key=sa.bindparam("new_key"))
)


def find_mails(connection: Connection, delivery_ids: Sequence[int], *, hold: bool = False) -> dict[int, VisitedMail]:
    """The deliveries with these ids, as far as they are there. A few hundred at once.

    With ``hold`` nobody is erased before the end of this write transaction.
    """
    rows = connection.execute(_asked("held mails" if hold else "mails", connection.dialect.name), {"ids": delivery_ids})
    return {row[0]: VisitedMail(row[0], row[1], row[2], row[3], row[4], bool(row[5])) for row in rows}


def linked_mails(connection: Connection, delivery_ids: Sequence[int]) -> dict[int, LinkedMail]:
    """The deliveries with these ids, as far as they are there. A few hundred at once."""
    rows = connection.execute(_asked("linked", connection.dialect.name), {"ids": delivery_ids})
    return {row[0]: LinkedMail(*row) for row in rows}


def noted(connection: Connection, delivery_ids: Sequence[int]) -> dict[int, list[NotedVisit]]:
    """What was noted of these deliveries, oldest first."""
    found: dict[int, list[NotedVisit]] = {}
    for row in connection.execute(_asked("noted", connection.dialect.name), {"ids": delivery_ids}):
        found.setdefault(row.delivery_id, []).append(NotedVisit(row.id, row.delivery_id, row.at, row.data))
    return found


def visit_key(kind: EventKind, subject: str, link: int | None, visitor: str) -> str:
    """The first touch of each kind of visitor counts; what comes again has this key again."""
    return f"{kind}:{subject}:{'' if link is None else link}:{visitor}"


def new_visit(
    kind: EventKind,
    at: datetime,
    data: Mapping[str, Any],
    *,
    key: str,
    edition_id: int,
    mail: VisitedMail | None = None,
) -> dict[str, Any]:
    """The row of a visit, of a mail or (without one) of an edition as a whole."""
    return {
        "kind": kind,
        "at": at,
        "delivery_id": mail.delivery_id if mail else None,
        "edition_id": edition_id,
        "contact_id": mail.contact_id if mail else None,
        "data": dict(data),
        "dedupe_key": key,
    }


def opens_of_edition(connection: Connection, edition_id: int) -> int:
    """How many visitors the pixel has that all past patients of an edition share."""
    query = sa.select(sa.func.count()).where(
        event.c.edition_id == edition_id, event.c.kind == EventKind.OPENED, event.c.delivery_id.is_(None)
    )
    return connection.scalar(query) or 0


def note(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write visits; those whose key is there already stay as they are."""
    if rows:
        connection.execute(_insert(connection.dialect.name), list(rows))


def rejudge(connection: Connection, visit: NotedVisit, data: Mapping[str, Any], *, key: str) -> None:
    """A noted visit turns out to be another's; where that one's first touch is noted already, it goes."""
    values = {"event_id": visit.id, "new_data": dict(data), "new_key": key}
    if connection.execute(_REJUDGE, values).rowcount == 0:
        connection.execute(sa.delete(event).where(event.c.id == visit.id))


def forget_details(
    connection: Connection, names: Collection[str], *, after_id: int, before: datetime, limit: int = 2000
) -> int | None:
    """Take ``names`` out of the data of visits that are older than ``before``, among the next events after an id.

    Gives back the last id that was looked at; None: the next event is younger, or there is none.
    """
    rows = connection.execute(_NEXT.limit(limit), {"after_id": after_id}).all()
    old = list(takewhile(lambda row: row.at < before, rows))
    for row in old:
        if row.kind in KINDS and not row.data.keys().isdisjoint(names):
            kept = {name: value for name, value in row.data.items() if name not in names}
            connection.execute(sa.update(event).where(event.c.id == row.id).values(data=kept))
    return old[-1].id if old else None


_NEXT = (
    sa.select(event.c.id, event.c.kind, event.c.at, event.c.data)
    .where(event.c.id > sa.bindparam("after_id"))
    .order_by(event.c.id)
)


# Built once for each database; one text however many ids there are.
@cache
def _asked(what: str, dialect: str) -> sa.Select[Any]:
    if what == "noted":
        return _NOTED.where(one_of_parameter(dialect, event.c.delivery_id, "ids"))
    mails = (_LINKED if what == "linked" else _MAILS).where(one_of_parameter(dialect, delivery.c.id, "ids"))
    return mails.with_for_update(read=True, of=delivery) if what == "held mails" else mails


@cache
def _insert(dialect: str) -> sa.Insert:
    made = postgresql.insert(event) if dialect == "postgresql" else sqlite.insert(event)
    return made.on_conflict_do_nothing(index_elements=["dedupe_key"])
