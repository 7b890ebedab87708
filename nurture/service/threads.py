"""Replies and the mails that they answer: shown, ended, put off, given to somebody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nurture.errors import InputError
from nurture.reports.log import delivery_history
from nurture.reports.replies import reply_thread
from nurture.service.house import House
from nurture.service.sent_mail import as_sent
from nurture.store import replies
from nurture.store.reply_pages import ReplyRow
from nurture.workspace.settings import Person
from nurture.workspace.suggestions import did_you_mean


@dataclass(frozen=True, slots=True)
class OurMail:
    """The mail that somebody answers; ``text`` is None where it cannot be composed again."""

    sent_at: datetime
    subject: str
    text: str | None


def our_mail(house: House, reply: ReplyRow) -> OurMail | None:
    """The mail of ours that a reply answers; None if none is known."""
    if reply.delivery_id is None:
        return None
    history = delivery_history(house.store, reply.delivery_id)
    mail = as_sent(house, history)
    sent_at = history.delivery.settled_at or history.delivery.time
    if mail is None:
        return OurMail(sent_at, "(gone)", None)
    return OurMail(sent_at, mail.subject, mail.text)


def end_reply(house: House, number: int, *, by: str) -> bool:
    """Somebody says that a reply needs nothing more; False: it was over before. `NotFoundError` if there is none."""
    reply_thread(house.store, number)
    with house.store.write() as connection:
        return replies.done(connection, number, by=by, now=house.clock.now())


def snooze_reply(house: House, number: int, *, until: datetime) -> None:
    """Nobody is asked about a reply before ``until``; raises as `assign_reply`."""
    reply_thread(house.store, number)
    with house.store.write() as connection:
        if not replies.snooze(connection, number, until=until):
            raise _over(number)


def assign_reply(house: House, number: int, staff: str) -> Person:
    """Give a reply to a person of the staff.

    Raises `NotFoundError` if there is no such reply, `InputError` if it is over or nobody has this key.
    """
    people = house.workspace.settings.staff
    if staff not in people:
        hint = did_you_mean(staff, people) or f"; there are {', '.join(people) or 'none: write them into nurture.yaml'}"
        raise InputError(f"nobody under `staff` is called {staff!r}{hint}")
    reply_thread(house.store, number)
    with house.store.write() as connection:
        if not replies.assign(connection, number, staff):
            raise _over(number)
    return people[staff]


def _over(number: int) -> InputError:
    return InputError(f"reply {number} was answered or done already; nothing was changed")
