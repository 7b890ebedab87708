"""Leaving and coming back by the link in a mail: the person's own act.

It is about the address that the mail went to, and the one that the contact has by now. Whoever was erased can still
leave: the hash of the address is kept with the delivery, and somebody else may have the mailbox.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from nurture.store import Connection, events
from nurture.store.leaving import LeftMail, find_mail
from nurture.store.suppressions import (
    CARRIED,
    REHEARSED,
    SuppressionRow,
    active_suppression,
    lift,
    suppress,
    topic_key,
)
from nurture.vocabulary import EventKind, Mode, SuppressionReason, SuppressionScope

# What a person decided; only the person takes it back. An erasure was asked for, too, but nobody comes back from it.
_OWN: Final = (SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINED)
_KEPT: Final = (*_OWN, SuppressionReason.ERASED)


class Choice(StrEnum):
    """What somebody asks for."""

    EVERYTHING = "everything"  # no more mail at all
    TOPIC = "topic"  # no more mail of this mail's topic
    RETURN = "return"  # mail again, as before


class Way(StrEnum):
    """How the reader said so."""

    ONE_CLICK = "one click"  # the mail program's own button (RFC 8058)
    PAGE = "page"  # the button on the page
    REPLY = "reply"  # an answer in plain words


@dataclass(frozen=True, slots=True)
class Standing:
    """What the reader of a mail has left by now; ``may_return``: by the button on the page."""

    everything: bool
    topic: bool
    may_return: bool


def standing(connection: Connection, mail: LeftMail) -> Standing:
    """What the reader of ``mail`` has left."""
    rows = [
        [
            (row, each)
            for each in _keys(mail, scope)
            if (row := active_suppression(connection, scope, each.key)) is not None and _counts(row)
        ]
        for scope in _SCOPES.values()
    ]
    everything, topic = rows
    return Standing(
        everything=bool(everything),
        topic=bool(topic),
        may_return=any(_may_lift(connection, row, mail, each) for row, each in (*everything, *topic)),
    )


def decide(
    connection: Connection, mail: LeftMail, choice: Choice, *, way: Way, now: datetime, words: str | None = None
) -> Standing:
    """Do what the reader of ``mail`` asks for, in this transaction; twice is as good as once.

    Gives back what is left then. ``words``: the reader's own, kept in the log.
    """
    if choice is Choice.RETURN:
        changed = [
            scope
            for scope in _SCOPES.values()
            for each in _keys(mail, scope)
            if _lift(connection, mail, scope, each, now)
        ]
        kind = EventKind.RETURNED
    else:
        scope = _SCOPES[choice]
        changed = [scope for each in _keys(mail, scope) if _suppress(connection, mail, scope, each, now)]
        kind = EventKind.UNSUBSCRIBED
    if changed:
        data = {"from": choice, "by": way} | ({"words": words} if words else {})
        events.record(
            connection,
            kind,
            now,
            delivery_id=mail.delivery_id,
            edition_id=mail.edition_id,
            contact_id=mail.contact_id,
            data=data if kind is EventKind.UNSUBSCRIBED else {},
        )
    return standing(connection, mail)


def decide_topic(connection: Connection, mail: LeftMail, choice: Choice, *, now: datetime) -> bool:
    """Leave the topic of ``mail`` or come back to it, without a word in the log; False if nothing changed."""
    scope = SuppressionScope.TOPIC
    if choice is Choice.RETURN:
        changed = [_lift(connection, mail, scope, each, now) for each in _keys(mail, scope)]
    else:
        changed = [_suppress(connection, mail, scope, each, now) for each in _keys(mail, scope)]
    return any(changed)


_SCOPES: Final = {Choice.EVERYTHING: SuppressionScope.ADDRESS, Choice.TOPIC: SuppressionScope.TOPIC}


@dataclass(frozen=True, slots=True)
class _Key:
    """A key that a choice is about, and as people see it. ``here``: of the address that the mail went to."""

    key: str
    shown: str | None
    here: bool


def _keys(mail: LeftMail, scope: SuppressionScope) -> Iterator[_Key]:
    hashes = {mail.recipient_key: mail.address}
    if mail.present_hash is not None:
        hashes[mail.present_hash] = mail.present_address
    for address_hash, address in sorted(hashes.items()):  # one order, so that two at once do not wait for each other
        here = address_hash == mail.recipient_key
        if scope is SuppressionScope.ADDRESS:
            yield _Key(address_hash, address, here)
        else:
            shown = None if address is None else f"{address}: {mail.topic}"
            yield _Key(topic_key(address_hash, mail.topic), shown, here)


def _suppress(connection: Connection, mail: LeftMail, scope: SuppressionScope, each: _Key, now: datetime) -> bool:
    """False if the person has left already, also by other means."""
    found = active_suppression(connection, scope, each.key)
    if found is not None:
        if _counts(found) and not (found.rehearsed and mail.mode is Mode.LIVE):
            return False
        if mail.mode is Mode.SANDBOX and not found.rehearsed:
            return False  # what is tried ends when the clinic goes live, and would end with it what it replaced
        # a bounce may be lifted by the staff; what the person says now may not, so it takes its place
        lift(connection, scope, each.key, because="the person left", now=now)
    reason, source = SuppressionReason.UNSUBSCRIBED, _source(mail)
    return suppress(connection, scope, each.key, shown=each.shown, reason=reason, source=source, now=now)


def _lift(connection: Connection, mail: LeftMail, scope: SuppressionScope, each: _Key, now: datetime) -> bool:
    found = active_suppression(connection, scope, each.key)
    if found is None or not _may_lift(connection, found, mail, each):
        return False
    return lift(connection, scope, each.key, because=f"the person's own act, {_source(mail)}", now=now)


def _counts(row: SuppressionRow) -> bool:
    """Whether the person left; a bounce or the staff's decision is something else."""
    return row.reason in _KEPT


def _may_lift(connection: Connection, row: SuppressionRow, mail: LeftMail, each: _Key) -> bool:
    """A mail of the sandbox is in nobody's hands but the clinic's: it lifts only what another one set.

    A mailbox that a person moved away from may be somebody else's by now: what was not decided there stays.
    """
    own = row.reason in _OWN and (mail.mode is Mode.LIVE or row.rehearsed)
    return own and (each.here or _decided_at(connection, row, mail.recipient_key))


def _decided_at(connection: Connection, row: SuppressionRow, recipient_key: str) -> bool:
    source = row.source.removeprefix(REHEARSED)
    if source.endswith(CARRIED):
        return True
    word, _, number = source.partition(" ")
    by = find_mail(connection, int(number)) if word == "mail" and number.isdecimal() else None
    return by is not None and by.recipient_key == recipient_key


def _source(mail: LeftMail) -> str:
    rehearsed = REHEARSED if mail.mode is Mode.SANDBOX else ""
    return f"{rehearsed}mail {mail.delivery_id}"
