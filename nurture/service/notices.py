"""Notices to the clinic's own people, over the default sender's account; in the sandbox to its mail server.

They are no history: no edition, no delivery. Only the account's limits are drawn on, as by tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nurture.composing.dkim import Signer
from nurture.composing.headers import new_message_id
from nurture.composing.notice import Notice, compose_notice
from nurture.delivery import advice
from nurture.delivery.dialing import DialError
from nurture.delivery.event_loop import run_async
from nurture.delivery.messages import OutgoingMessage
from nurture.delivery.pacing import Allowance
from nurture.delivery.routes import route_for
from nurture.delivery.tokens import Tap
from nurture.delivery.trial import Meter, hand_over
from nurture.errors import SenderError
from nurture.service.house import House
from nurture.vocabulary import AttemptOutcome
from nurture.workspace.settings import Settings


@dataclass(frozen=True, slots=True)
class Words:
    """What a notice says."""

    to: str
    subject: str
    text: str


def own_addresses(settings: Settings) -> frozenset[str]:
    """The addresses (casefolded) at which readers' answers arrive: a notice that went there would come back to us."""
    found = [sender.address for sender in settings.senders.values()]
    found += [sender.reply_to for sender in settings.senders.values() if sender.reply_to]
    return frozenset(map(str.casefold, found))


def send_notices(house: House, notices: Sequence[Words], *, sandbox: tuple[str, int] | None) -> None:
    """Send them all, now; returns when the server took at least one.

    ``sandbox`` is where the sandbox's server listens, if it runs. Raises `SenderError` if none could be sent,
    `SecretError` for a key or a password.
    """
    settings, mode, now = house.workspace.settings, house.mode(), house.clock.now()
    name = settings.default_sender
    sender = settings.senders[name]
    route = route_for(name, sender, mode=mode, sandbox=sandbox, root=house.root)
    signer = Signer.from_settings(sender, root=house.root)
    mails = []
    for words in notices:
        message_id = new_message_id(sender.address)
        notice = Notice(message_id, now, settings.clinic.name, sender.address, words.to, words.subject, words.text)
        raw = compose_notice(notice)
        signed = signer.sign(raw, at=now) + raw
        mails.append(OutgoingMessage(message_id, now, sender.address, words.to, signed, {}))
    tap = Tap(mode, name, Allowance(sender.limits.per_minute, sender.limits.per_day), settings.zone)
    try:
        endings = run_async(hand_over(route, mails, Meter(house.store, tap, house.clock)))
    except DialError as error:
        raise SenderError(advice.about_session(error, sender=name)) from error
    if not any(ending.end.outcome is AttemptOutcome.SENT for ending in endings):
        end = endings[0].end
        said = " ".join(filter(None, (str(end.code or ""), end.enhanced, end.answer)))
        raise SenderError(f"the notice to {mails[0].envelope_to} was not sent: {said}")
