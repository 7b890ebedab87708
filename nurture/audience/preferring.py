"""What a reader chooses on the page of a mail: topics, how often, a pause, whether reading is noted.

It is the person's own act, as leaving is (`leaving`), and acts at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from nurture.audience import leaving
from nurture.audience.leaving import Choice
from nurture.store import Connection, events, meta
from nurture.store.leaving import LeftMail
from nurture.store.suppressions import topics_left
from nurture.store.wishes import Wish, chosen_for_real, keep_wish, topics_sent, wish_of
from nurture.vocabulary import EventKind, Mode

GAPS: Final = (None, 14, 30, 90)  # days; None: as the clinic does
LONGEST_PAUSE: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Preferences:
    """What stands on the page. ``topics`` says of each whether it is wanted; ``left`` that all mail was stopped."""

    topics: dict[str, bool]
    wish: Wish
    left: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the form says. ``topics`` are those that stay wanted; ``wish`` may hold anything."""

    topics: frozenset[str]
    wish: Wish


def preferences(connection: Connection, mail: LeftMail) -> Preferences:
    """What the reader of a mail chose so far. Only topics that came in a mail are told."""
    assert mail.contact_id is not None, "who was erased has no preferences"
    left = {row.topic for key in _hashes(mail) for row in topics_left(connection, key)}
    known = {mail.topic, *topics_sent(connection, mail.contact_id, mode=mail.mode)}
    return Preferences(
        topics={topic: topic not in left for topic in sorted(known)},
        wish=wish_of(connection, mail.contact_id),
        left=leaving.standing(connection, mail).everything,
    )


def prefer(connection: Connection, mail: LeftMail, wanted: Wanted, *, now: datetime, today: date) -> Preferences:
    """Do what the form says, in this transaction; twice is as good as once. ``today`` is the clinic's date."""
    before = preferences(connection, mail)
    assert mail.contact_id is not None, "who was erased has no preferences"
    changed = []
    for topic, was in before.topics.items():
        if (stays := topic in wanted.topics) is not was:
            choice = Choice.RETURN if stays else Choice.TOPIC
            if leaving.decide_topic(connection, replace(mail, topic=topic), choice, now=now):
                changed.append(topic)
    wish = _allowed(connection, mail, before.wish, bounded(wanted.wish, today))
    if wish != before.wish:
        keep_wish(connection, mail.contact_id, wish, now=now)
        changed.append("how often")
    if changed:
        events.record(
            connection,
            EventKind.PREFERRED,
            now,
            delivery_id=mail.delivery_id,
            edition_id=mail.edition_id,
            contact_id=mail.contact_id,
            data={"changed": ", ".join(changed)},
        )
    return preferences(connection, mail)


def _allowed(connection: Connection, mail: LeftMail, before: Wish, wanted: Wish) -> Wish:
    """As far as this mail's holder may say: nobody but the clinic has one of the sandbox, which ends what it tried.

    The mailbox of an earlier address may be somebody else's by now, as in `leaving`.
    """
    assert mail.contact_id is not None, "who was erased has no preferences"
    if mail.mode is Mode.SANDBOX and (
        meta.get_mode(connection) is Mode.LIVE or chosen_for_real(connection, mail.contact_id)
    ):
        return before
    return wanted if mail.present_hash == mail.recipient_key else stricter(before, wanted)


def stricter(one: Wish, other: Wish) -> Wish:
    """The rarer mail, the longer pause, the no. Pure."""
    pauses = [each.paused_until for each in (one, other) if each.paused_until is not None]
    return Wish(
        gap=max(one.gap or 0, other.gap or 0) or None,
        paused_until=max(pauses, default=None),
        may_track=False if False in (one.may_track, other.may_track) else one.may_track,
    )


def bounded(wish: Wish, today: date) -> Wish:
    """A wish that can be kept: a known gap, a pause that ends within a year and is not over. Pure."""
    pause = wish.paused_until
    if pause is not None:
        pause = None if pause < today else min(pause, today + LONGEST_PAUSE)
    return replace(wish, gap=wish.gap if wish.gap in GAPS else None, paused_until=pause)


def _hashes(mail: LeftMail) -> tuple[str, ...]:
    return tuple({mail.recipient_key, mail.present_hash or mail.recipient_key})
