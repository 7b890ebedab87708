"""Alerts by mail to the clinic's own people, over whichever of its senders works."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from nurture.errors import NurtureError
from nurture.reports.alerts import words_for_outside
from nurture.service.account import account_of, hand_over_now
from nurture.service.house import House
from nurture.service.own_people import Words, notice_mails
from nurture.store import senders
from nurture.store.alerts import Alert
from nurture.vocabulary import AttemptOutcome, Mode
from nurture.workspace.settings import Settings

log = logging.getLogger("nurture")

# A loop that ends waits for this.
_PATIENCE = 25.0
_SENDERS = 3


def people_to_tell(settings: Settings) -> tuple[str, ...]:
    """Who gets alerts by mail."""
    return settings.alerts.to or settings.test_recipients


def mail_alerts(house: House, alerts: Sequence[Alert]) -> bool:
    """One mail with all of them to each of the people; True if somebody's was taken.

    A sender that is stopped is left out; where one's server does not take the mail, the next one tries.
    """
    settings = house.workspace.settings
    left = list(people_to_tell(settings))
    for name in _senders(house):
        try:
            taken = _hand_over(house, name, alerts, left)
        except NurtureError as error:
            log.warning("alerts cannot be mailed over %s: %s", name, error)
            continue
        left = [to for to in left if to not in taken]
        if not left:
            break
    return len(left) < len(people_to_tell(settings))


def alert_words(settings: Settings, alerts: Sequence[Alert], *, to: str) -> Words:
    """What somebody at the clinic reads: what it is about, since when; nobody's name and no server's words."""
    first = words_for_outside(alerts[0]).partition(":")[0]
    subject = first if len(alerts) == 1 else f"{first} and {len(alerts) - 1} more"
    lines = [f"nurture at {settings.clinic.name} needs a person:", ""]
    for alert in alerts:
        lines += [f"- {words_for_outside(alert)}", f"  since {_local(alert.raised_at, settings.zone)}", ""]
    lines += [
        "On the clinic's computer `nurture alerts` shows the whole words and `nurture status` how things stand.",
        "A program wrote this mail; nobody reads an answer.",
    ]
    return Words(to, f"nurture: {subject}", "\n".join(lines) + "\n")


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M}"


def _senders(house: House) -> Iterator[str]:
    """Those with a mail account that are not stopped, the default first; a few, for each may take its time."""
    settings, now = house.workspace.settings, house.clock.now()
    with house.store.read() as connection:
        stopped = {row.sender for row in senders.stopped(connection, Mode.LIVE, now)}
    able = (name for name, sender in settings.senders.items() if sender.smtp and name not in stopped)
    return islice(able, _SENDERS)


def _hand_over(house: House, name: str, alerts: Sequence[Alert], people: Sequence[str]) -> set[str]:
    """Those whose mail this sender's server took."""
    account = account_of(house, name)
    mails = notice_mails(house, account, [alert_words(house.workspace.settings, alerts, to=to) for to in people])
    endings = hand_over_now(house, account, mails, patience=_PATIENCE)
    return {
        mail.envelope_to
        for mail, ending in zip(mails, endings, strict=True)
        if ending.end.outcome is AttemptOutcome.SENT
    }
