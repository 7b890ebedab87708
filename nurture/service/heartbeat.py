"""The job `heartbeat`: asks a silent mailbox whether it still gets mail, and holds live editions while it does not."""

from __future__ import annotations

import secrets
from datetime import datetime

from nurture.inbox.heartbeat import SILENCE, STOPS_WHAT_RUNS, Beat, Pulse, beat, probe_due
from nurture.service.house import House
from nurture.service.own_people import Words, mail_own_people
from nurture.service.running.jobs import MAILBOX
from nurture.store import Connection, alerts, heartbeat
from nurture.vocabulary import MAILBOX_UNREADABLE, NO_MAIL_COMES, AlertKind, Mode
from nurture.workspace.mailbox import Mailbox
from nurture.workspace.settings import Settings


def keep_watch(house: House) -> Beat | None:
    """Look once; how the mailbox does, or None where there is nothing to watch: no mailbox, or no live mail.

    Raises `SenderError` or `SecretError` if the mail to ourselves cannot be sent; then the next run tries again.
    """
    settings, mailbox, now = house.workspace.settings, house.workspace.settings.mailbox, house.clock.now()
    if mailbox is None or house.mode() is not Mode.LIVE:
        _let_go(house, now)
        return None
    with house.store.write() as connection:
        heard = heartbeat.look(connection, mailbox.account, job=MAILBOX, now=now)
        pulse = Pulse(heard.heard_at, heard.probe_sent_at, heard.failing_since, heard.looked_at)
        found = beat(pulse, now)
        _act(connection, mailbox, found, pulse, now)
    if probe_due(pulse, now):
        _probe(house, settings, mailbox)
    return found


def _let_go(house: House, now: datetime) -> None:
    with house.store.read() as connection:
        if heartbeat.standing_hold(connection) is None:
            return
    with house.store.write() as connection:
        heartbeat.release(connection, now=now)
        alerts.resolve_all(connection, AlertKind.MAILBOX_SILENT, now)


def _act(connection: Connection, mailbox: Mailbox, found: Beat, pulse: Pulse, now: datetime) -> None:
    if found is Beat.WELL:
        heartbeat.release(connection, now=now)
        alerts.resolve_all(connection, AlertKind.MAILBOX_SILENT, now)
        return
    because = MAILBOX_UNREADABLE if found is Beat.UNREADABLE else NO_MAIL_COMES
    heartbeat.hold(connection, mailbox.account, because, running=found in STOPS_WHAT_RUNS, now=now)
    if found in STOPS_WHAT_RUNS:
        alerts.raise_alert(connection, AlertKind.MAILBOX_SILENT, mailbox.account, _words(found, pulse), now)


def _words(found: Beat, pulse: Pulse) -> str:
    end = "live editions are held until then; nurture approve EDITION lets one go on all the same"
    if found is Beat.UNREADABLE:
        return f"{MAILBOX_UNREADABLE}: nurture status says why; {end}"
    return (
        f"{NO_MAIL_COMES} since {pulse.heard_at:%Y-%m-%d}, nor did our own mail to the reply address arrive: look "
        f"whether the mailbox is full, a filter moves mail away, or the address leads elsewhere; {end}"
    )


def _probe(house: House, settings: Settings, mailbox: Mailbox) -> None:
    """A mail from the default sender to its own reply address; its subject is like no other."""
    sender = settings.senders[settings.default_sender]
    words = Words(
        to=sender.reply_to or sender.address,
        subject=f"nurture looks whether mail arrives here ({secrets.token_hex(6)})",
        text=(
            f"For {SILENCE.days} days no mail has come into this mailbox. nurture sent this one to see whether answers "
            "would arrive. You need not do anything, and may delete it."
        ),
    )
    mail_own_people(house, [words], sandbox=None)
    with house.store.write() as connection:
        heartbeat.probe_left(connection, mailbox.account, house.clock.now())
