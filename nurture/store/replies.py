"""What people wrote back: taken once, answered or done, and forgotten in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.address import clean_lines, clean_text
from nurture.store import meta
from nurture.store.inserting import insert
from nurture.store.schema import delivery, reply, reply_answer
from nurture.store.schema import meta as meta_table
from nurture.vocabulary import Mode, ReplyTopic

MAX_WORDS = 10_000  # characters that are kept of what somebody wrote
_MAX_LINE = 500  # of a sender and a subject
_MAX_REFERENCES = 50  # a thread is known by fewer
BY_ERASURE = "erasure"
_DIGEST = "reply digest"  # in `meta`, by mode: when the owner was told


@dataclass(frozen=True, slots=True)
class NewReply:
    """A person's answer. ``key`` is of the mail's content: the same each time it is read.

    ``sender`` is who wrote as the mail shows it, ``address`` their bare address. Message-IDs stand
    without angle brackets. ``received_at`` is UTC. Texts may be anything; they are cleaned and cut here.
    """

    key: str
    mode: Mode
    received_at: datetime
    account: str
    folder: str
    sender: str
    address: str
    subject: str
    words: str
    topic: ReplyTopic
    message_id: str | None = None
    references: Sequence[str] = ()
    delivery_id: int | None = None
    contact_id: int | None = None
    organization_id: int | None = None


@dataclass(frozen=True, slots=True)
class OwnAnswer:
    """A mail that the clinic sent, found in the Sent folder or as a copy.

    ``answers`` are the Message-IDs of In-Reply-To and References, ``recipients`` the addresses in To and Cc.
    ``automatic``: a machine wrote it (RFC 3834 5), so it answers nobody.
    """

    key: str
    sent_at: datetime
    sender: str
    words: str
    message_id: str | None
    answers: Sequence[str]
    recipients: Sequence[str]
    automatic: bool = False


def take(connection: Connection, new: NewReply) -> int | None:
    """Keep a reply; its number, or None if it was taken before."""
    values = {
        "mode": new.mode,
        "key": new.key,
        "received_at": new.received_at,
        "account": new.account,
        "folder": new.folder,
        "delivery_id": new.delivery_id,
        "contact_id": new.contact_id,
        "organization_id": new.organization_id,
        "sender": clean_text(new.sender)[:_MAX_LINE],
        "sender_key": clean_text(new.address).casefold()[:_MAX_LINE],
        "subject": clean_text(new.subject)[:_MAX_LINE],
        "words": clean_lines(new.words, longest=MAX_WORDS),
        "topic": new.topic,
        "message_id": _clean_id(new.message_id),
        "references": [clean_text(each) for each in new.references][-_MAX_REFERENCES:],
    }
    statement = insert(connection, reply).values(values).on_conflict_do_nothing(index_elements=["key"])
    number: int | None = connection.scalar(statement.returning(reply.c.id))
    return number


def answered(connection: Connection, answer: OwnAnswer, *, mode: Mode) -> tuple[int, ...]:
    """An answer of the clinic stops the clocks of what it answers; the numbers of these replies.

    It answers replies that it names, and those from its recipients that nobody answered before it was sent.
    The first answer counts, in whatever order they are read. A mail of a campaign answers nobody.
    """
    if answer.automatic or _is_ours(connection, answer.message_id):
        return ()
    named = reply.c.message_id.in_([clean_text(each) for each in answer.answers][-_MAX_REFERENCES:])
    recipients = [each.casefold() for each in answer.recipients]
    meant = reply.c.sender_key.in_(recipients) & _is_open() & (reply.c.received_at <= answer.sent_at)
    numbers = tuple(
        connection.scalars(sa.select(reply.c.id).where(reply.c.mode == mode, sa.or_(named, meant)).order_by(reply.c.id))
    )
    for number in numbers:
        _answer(connection, number, answer)
    return numbers


def _answer(connection: Connection, number: int, answer: OwnAnswer) -> None:
    kept = insert(connection, reply_answer).values(
        reply_id=number,
        key=answer.key,
        sent_at=answer.sent_at,
        sender=clean_text(answer.sender)[:_MAX_LINE],
        words=clean_lines(answer.words, longest=MAX_WORDS),
    )
    connection.execute(kept.on_conflict_do_nothing(index_elements=["reply_id", "key"]))
    # the clocks of two servers differ: an answer is never earlier than what it answers
    at = sa.case((reply.c.received_at > answer.sent_at, reply.c.received_at), else_=answer.sent_at)
    earlier = sa.or_(reply.c.answered_at.is_(None), reply.c.answered_at > answer.sent_at)
    connection.execute(sa.update(reply).where(reply.c.id == number, earlier).values(answered_at=at))


def _is_ours(connection: Connection, message_id: str | None) -> bool:
    if message_id is None:
        return False
    ours = sa.select(delivery.c.id).where(delivery.c.message_id == f"<{message_id}>")
    return connection.execute(ours.limit(1)).first() is not None


def done(connection: Connection, number: int, *, by: str, now: datetime) -> bool:
    """Somebody says that a reply needs nothing more; False: it was answered or done before."""
    return _change(connection, number, {"done_at": now, "done_by": by})


def snooze(connection: Connection, number: int, *, until: datetime) -> bool:
    """Nobody is asked about an open reply before ``until`` (UTC); False: it is not open."""
    return _change(connection, number, {"snoozed_until": until})


def assign(connection: Connection, number: int, person: str) -> bool:
    """An open reply is this person's (a key under `staff`) to answer; False: it is not open."""
    return _change(connection, number, {"assigned_to": person})


def told(connection: Connection, *, warned: Sequence[int], overdue: Sequence[int], now: datetime) -> None:
    """The owner was told of these replies."""
    for column, numbers in ((reply.c.warned_at, warned), (reply.c.overdue_told_at, overdue)):
        connection.execute(sa.update(reply).where(reply.c.id.in_(numbers), column.is_(None)).values({column.name: now}))


def last_digest(connection: Connection, *, mode: Mode) -> datetime | None:
    """When the owner was last told who waits (UTC), or None."""
    kept = meta.get(connection, f"{_DIGEST} {mode}")
    return datetime.fromisoformat(kept) if kept else None


def turn_digest(connection: Connection, *, mode: Mode, last: datetime | None, to: datetime | None) -> bool:
    """Take the turn to tell the owner, or give it back (``to`` the instant before); False: another was faster."""
    key = f"{_DIGEST} {mode}"
    connection.execute(insert(connection, meta_table).values(key=key, value="").on_conflict_do_nothing())
    was, becomes = (each.isoformat() if each else "" for each in (last, to))
    turn = sa.update(meta_table).where(meta_table.c.key == key, meta_table.c.value == was).values(value=becomes)
    return connection.execute(turn).rowcount > 0


def forget_words(connection: Connection, *, before: datetime) -> int:
    """Empty what people wrote before then, and what the clinic answered to it; of how many replies."""
    old = reply.c.received_at < before
    numbers = sa.select(reply.c.id).where(old)
    connection.execute(
        sa.update(reply_answer)
        .where(reply_answer.c.reply_id.in_(numbers), reply_answer.c.words.is_not(None))
        .values(words=None)
    )
    emptied = sa.update(reply).where(old, sa.or_(reply.c.words.is_not(None), reply.c.subject.is_not(None)))
    return connection.execute(emptied.values(words=None, subject=None)).rowcount


def forget_contact(
    connection: Connection, contact_id: int, delivery_ids: sa.ScalarSelect[int], *, now: datetime
) -> None:
    """Of replies by a contact, or to mails to it, only when they came and were answered stays; open ones are done."""
    theirs = sa.or_(reply.c.contact_id == contact_id, reply.c.delivery_id.in_(delivery_ids))
    numbers = list(connection.scalars(sa.select(reply.c.id).where(theirs)))
    connection.execute(
        sa.update(reply_answer).where(reply_answer.c.reply_id.in_(numbers)).values(sender=None, words=None)
    )
    empty: dict[str, Any] = dict.fromkeys(("contact_id", "sender", "sender_key", "subject", "words", "message_id"))
    chosen = reply.c.id.in_(numbers)
    connection.execute(sa.update(reply).where(chosen).values({**empty, "references": []}))
    ended = {"done_at": now, "done_by": BY_ERASURE}
    connection.execute(sa.update(reply).where(chosen, _is_open()).values(ended))


def _change(connection: Connection, number: int, values: dict[str, Any]) -> bool:
    return connection.execute(sa.update(reply).where(reply.c.id == number, _is_open()).values(values)).rowcount > 0


def _is_open() -> sa.ColumnElement[bool]:
    return reply.c.answered_at.is_(None) & reply.c.done_at.is_(None)


def _clean_id(message_id: str | None) -> str | None:
    return None if message_id is None else clean_text(message_id)[:_MAX_LINE]
