"""Alerts by mail to the clinic's own people, over whichever of its senders works."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from nurture.composing.dkim import Signer
from nurture.composing.headers import new_message_id
from nurture.composing.notice import Notice
from nurture.delivery.connection import Timeouts
from nurture.delivery.dialing import DialError
from nurture.delivery.event_loop import run_async
from nurture.delivery.messages import OutgoingMessage
from nurture.delivery.pacing import Allowance
from nurture.delivery.routes import route_for
from nurture.delivery.tokens import Tap
from nurture.delivery.trial import Meter, hand_over
from nurture.errors import NurtureError
from nurture.reports.alerts import words_for_outside
from nurture.service.house import House
from nurture.store import senders
from nurture.store.alerts import Alert
from nurture.vocabulary import AttemptOutcome, Mode
from nurture.workspace.settings import Settings

log = logging.getLogger("nurture")

# A loop that ends waits for this.
_PATIENCE = 25.0
_SENDERS = 3
_TIMEOUTS = Timeouts(greeting=10, command=10, data=10, body=20)


def people_to_tell(settings: Settings) -> tuple[str, ...]:
    """Who gets alerts by mail."""
    return settings.alerts.to or settings.test_recipients


def mail_alerts(house: House, alerts: Sequence[Alert]) -> bool:
    """One mail with all of them to each of the people; True if somebody's was taken.

    A sender that is stopped is left out; where one's server does not take the mail, the next one tries.
    """
    settings = house.workspace.settings
    left = list(people_to_tell(settings))
    notice = alert_notice(settings.clinic.name, alerts, settings.zone)
    for name in _senders(house):
        try:
            taken = _hand_over(house, name, notice, left)
        except (NurtureError, DialError) as error:
            log.warning("alerts cannot be mailed over %s: %s", name, error)
            continue
        left = [to for to in left if to not in taken]
        if not left:
            break
    return len(left) < len(people_to_tell(settings))


def alert_notice(clinic: str, alerts: Sequence[Alert], zone: ZoneInfo) -> Notice:
    """What the clinic's people read: what it is about, since when; nobody's name and no server's words."""
    first = words_for_outside(alerts[0]).partition(":")[0]
    subject = first if len(alerts) == 1 else f"{first} and {len(alerts) - 1} more"
    lines = [f"nurture at {clinic} needs a person:", ""]
    for alert in alerts:
        lines += [f"- {words_for_outside(alert)}", f"  since {_local(alert.raised_at, zone)}", ""]
    lines += [
        "On the clinic's computer `nurture alerts` shows the whole words and `nurture status` how things stand.",
        "A program wrote this mail; nobody reads an answer.",
    ]
    return Notice(f"nurture: {subject}", "\n".join(lines) + "\n")


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M}"


def _senders(house: House) -> Iterator[str]:
    """Those with a mail account that are not stopped, the default first; a few, for each may take its time."""
    settings, now = house.workspace.settings, house.clock.now()
    with house.store.read() as connection:
        stopped = {row.sender for row in senders.stopped(connection, Mode.LIVE, now)}
    able = (name for name, sender in settings.senders.items() if sender.smtp and name not in stopped)
    return islice(able, _SENDERS)


def _hand_over(house: House, name: str, notice: Notice, people: Sequence[str]) -> set[str]:
    """Those whose mail this sender's server took."""
    settings, now = house.workspace.settings, house.clock.now()
    sender = settings.senders[name]
    route = route_for(name, sender, mode=Mode.LIVE, sandbox=None, root=house.root)
    route.read_password()
    signer = Signer.from_settings(sender, root=house.root)
    messages = []
    for to in people:
        message_id = new_message_id(sender.address)
        raw = notice.mail(sender, to, message_id=message_id, date=now)
        signed = signer.sign(raw, at=now) + raw
        messages.append(OutgoingMessage(message_id, now, sender.address, to, signed, {}))
    tap = Tap(Mode.LIVE, name, Allowance(sender.limits.per_minute, sender.limits.per_day), settings.zone)
    meter = Meter(house.store, tap, house.clock)
    endings = run_async(hand_over(route, messages, meter, timeouts=_TIMEOUTS, patience=_PATIENCE))
    return {
        message.envelope_to
        for message, ending in zip(messages, endings, strict=True)
        if ending.end.outcome is AttemptOutcome.SENT
    }
