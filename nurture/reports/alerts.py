"""Alerts in words, and which of them are told outside of this program, when. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from nurture.store.alerts import Alert, Untold
from nurture.vocabulary import AlertKind

# What ends by itself in this time is nobody's trouble.
SETTLES = timedelta(minutes=2)

# Their messages are our own words about editions and counts. In others stand words of servers and of errors, which
# may name a person.
_WITHOUT_PEOPLE = frozenset(
    {
        AlertKind.UNCERTAIN_DELIVERIES,
        AlertKind.EDITION_HELD,
        AlertKind.EDITION_MISSED,
        AlertKind.CONFIRM_EDITION,
        AlertKind.WORKER_DIED,
    }
)
# Anybody can cause these by a mail, as many as they like: told together, so that the day's mails are left for others.
_BY_STRANGERS = frozenset({AlertKind.LEAVE_UNPROVEN, AlertKind.MAIL_UNFOLLOWED})
_A_DAY = timedelta(days=1)


def headline(alert: Alert) -> str:
    """What it is and what it is about: ``sender stopped (clinic)``."""
    return f"{alert.kind.replace('_', ' ')} ({alert.subject})"


def in_words(alert: Alert) -> str:
    """All of it, in one line, for the clinic's own screen."""
    return f"{headline(alert)}: {' '.join(alert.message.split())}"


def words_for_outside(alert: Alert) -> str:
    """As `in_words`, as far as no person can be named in it: for mails and other programs."""
    return in_words(alert) if alert.kind in _WITHOUT_PEOPLE else headline(alert)


def ripe(found: Iterable[Untold], *, now: datetime, again_after: timedelta) -> tuple[Alert, ...]:
    """Those to tell now: they have stood for `SETTLES`, and none like them was told within ``again_after``.

    Of the kinds that strangers can cause none was told within a day.
    """
    return tuple(
        each.alert for each in found if now - each.alert.raised_at >= SETTLES and _may_be_told(each, now, again_after)
    )


def _may_be_told(each: Untold, now: datetime, again_after: timedelta) -> bool:
    if each.alert.kind in _BY_STRANGERS:
        return each.kind_told is None or now - each.kind_told >= _A_DAY
    return each.last_told is None or now - each.last_told >= again_after
