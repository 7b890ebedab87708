"""Replies as people look at them: those that wait, one with its thread, when each was answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.replies import BY_ERASURE
from nurture.store.schema import contact, contact_category, delivery, edition, organization, reply, reply_answer
from nurture.vocabulary import Category, Mode, ReplyTopic


@dataclass(frozen=True, slots=True)
class ReplyRow:
    """One reply. ``person`` and ``organization`` are names that we know; ``sender`` is as the mail shows it.

    ``sender``, ``subject`` and ``words`` are None once forgotten. ``edition`` is None if no mail of ours
    is known that it answers. ``private``: a past patient wrote, or somebody whom nothing makes a partner.
    """

    id: int
    received_at: datetime
    sender: str | None
    person: str | None
    organization: str | None
    private: bool
    subject: str | None
    words: str | None
    topic: ReplyTopic
    campaign: str | None
    edition: str | None
    delivery_id: int | None
    answered_at: datetime | None
    done_at: datetime | None
    done_by: str | None
    snoozed_until: datetime | None
    assigned_to: str | None
    warned_at: datetime | None
    overdue_told_at: datetime | None

    @property
    def ended_at(self) -> datetime | None:
        """When it was first answered, or somebody said that it is done."""
        return min(filter(None, (self.answered_at, self.done_at)), default=None)


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """What the clinic wrote back."""

    reply_id: int
    sent_at: datetime
    sender: str | None
    words: str | None


@dataclass(frozen=True, slots=True)
class Thread:
    """A reply with what belongs to it: further replies of the same person to the same mail, and all answers."""

    reply: ReplyRow
    others: tuple[ReplyRow, ...]
    answers: tuple[AnswerRow, ...]

    @property
    def replies(self) -> tuple[ReplyRow, ...]:
        """All that the person wrote."""
        return (self.reply, *self.others)


@dataclass(frozen=True, slots=True)
class ReplyTimes:
    """When a reply came and was answered or done; ``campaign`` None: it answers no mail that we know."""

    received_at: datetime
    ended_at: datetime | None
    topic: ReplyTopic
    campaign: str | None


_PATIENT = sa.exists().where(
    contact_category.c.contact_id == reply.c.contact_id, contact_category.c.category == Category.PAST_PATIENT
)
_UNKNOWN = reply.c.contact_id.is_(None) & reply.c.organization_id.is_(None)
_SELECT = (
    sa.select(
        reply,
        contact.c.title,
        contact.c.first_name,
        contact.c.last_name,
        organization.c.name.label("organization"),
        sa.or_(_PATIENT, _UNKNOWN).label("private"),
        delivery.c.campaign,
        edition.c.occurrence,
    )
    .join_from(reply, contact, contact.c.id == reply.c.contact_id, isouter=True)
    .join(
        organization,
        organization.c.id == sa.func.coalesce(reply.c.organization_id, contact.c.organization_id),
        isouter=True,
    )
    .join(delivery, delivery.c.id == reply.c.delivery_id, isouter=True)
    .join(edition, edition.c.id == delivery.c.edition_id, isouter=True)
)


def open_replies(connection: Connection, *, mode: Mode) -> tuple[ReplyRow, ...]:
    """The replies that nobody answered and nobody called done, oldest first."""
    query = _SELECT.where(reply.c.mode == mode, reply.c.answered_at.is_(None), reply.c.done_at.is_(None))
    return tuple(map(_row, connection.execute(query.order_by(reply.c.received_at, reply.c.id)).mappings()))


def latest(connection: Connection, *, mode: Mode, limit: int) -> tuple[ReplyRow, ...]:
    """The replies that came last, whatever became of them, the newest first."""
    query = _SELECT.where(reply.c.mode == mode).order_by(reply.c.received_at.desc(), reply.c.id.desc())
    return tuple(map(_row, connection.execute(query.limit(limit)).mappings()))


def find(connection: Connection, number: int, *, mode: Mode) -> ReplyRow | None:
    """The reply with this number; None if there is none in this mode."""
    query = _SELECT.where(reply.c.id == number, reply.c.mode == mode)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _row(row)


def thread(connection: Connection, number: int, *, mode: Mode) -> Thread | None:
    """A reply with its thread; None if there is none with this number in this mode."""
    found = find(connection, number, mode=mode)
    if found is None:
        return None
    one = connection.execute(sa.select(reply).where(reply.c.id == number)).mappings().one()
    same_mail = reply.c.delivery_id == one["delivery_id"]
    named = reply.c.message_id.in_(one["references"])
    query = _SELECT.where(
        reply.c.mode == mode, reply.c.id != number, reply.c.sender_key == one["sender_key"], sa.or_(same_mail, named)
    )
    others = tuple(map(_row, connection.execute(query.order_by(reply.c.received_at, reply.c.id)).mappings()))
    numbers = [number, *(other.id for other in others)]
    answers = sa.select(*reply_answer.c["reply_id", "sent_at", "sender", "words"]).where(
        reply_answer.c.reply_id.in_(numbers)
    )
    rows = connection.execute(answers.order_by(reply_answer.c.sent_at, reply_answer.c.reply_id))
    return Thread(found, others, tuple(AnswerRow(*row) for row in rows))


def times_since(connection: Connection, start: datetime, *, mode: Mode) -> Iterator[ReplyTimes]:
    """When replies came and were answered, of those that came from ``start`` (UTC) on, oldest first.

    Without those that nobody had answered when their writer was erased.
    """
    query = (
        sa.select(*reply.c["received_at", "answered_at", "done_at", "topic"], delivery.c.campaign)
        .join_from(reply, delivery, delivery.c.id == reply.c.delivery_id, isouter=True)
        .where(
            reply.c.mode == mode,
            reply.c.received_at >= start,
            sa.or_(reply.c.done_by.is_(None), reply.c.done_by != BY_ERASURE),
        )
        .order_by(reply.c.received_at, reply.c.id)
    )
    for row in connection.execute(query):
        ended = min(filter(None, (row.answered_at, row.done_at)), default=None)
        yield ReplyTimes(row.received_at, ended, ReplyTopic(row.topic), row.campaign)


def _row(row: sa.RowMapping) -> ReplyRow:
    name = " ".join(filter(None, (row["title"], row["first_name"], row["last_name"])))
    return ReplyRow(
        id=row["id"],
        received_at=row["received_at"],
        sender=row["sender"],
        person=name or None,
        organization=row["organization"],
        private=bool(row["private"]),
        subject=row["subject"],
        words=row["words"],
        topic=ReplyTopic(row["topic"]),
        campaign=row["campaign"],
        edition=None if row["occurrence"] is None else f"{row['campaign']}@{row['occurrence']}",
        delivery_id=row["delivery_id"],
        answered_at=row["answered_at"],
        done_at=row["done_at"],
        done_by=row["done_by"],
        snoozed_until=row["snoozed_until"],
        assigned_to=row["assigned_to"],
        warned_at=row["warned_at"],
        overdue_told_at=row["overdue_told_at"],
    )
