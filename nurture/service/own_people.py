"""Notices to the clinic's own people, over the default sender's account; in the sandbox to its mail server.

They are no history: no edition, no delivery. Only the account's limits are drawn on, as by tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nurture.composing.headers import new_message_id
from nurture.composing.notice import Notice, compose_notice
from nurture.delivery.messages import OutgoingMessage
from nurture.errors import SenderError
from nurture.service.account import Account, account_of, answer_of, hand_over_now
from nurture.service.house import House
from nurture.vocabulary import AttemptOutcome


@dataclass(frozen=True, slots=True)
class Words:
    """What a notice says; ``answered``: an answer goes where the sender's readers answer to."""

    to: str
    subject: str
    text: str
    answered: bool = False


def mail_own_people(house: House, notices: Sequence[Words], *, sandbox: tuple[str, int] | None) -> None:
    """Send them all, now; returns when the server took at least one.

    ``sandbox`` is where the sandbox's server listens, if it runs. Raises `SenderError` if none could be sent,
    `SecretError` for a key or a password.
    """
    account = account_of(house, house.workspace.settings.default_sender, mode=house.mode(), sandbox=sandbox)
    mails = notice_mails(house, account, notices)
    endings = hand_over_now(house, account, mails)
    if not any(ending.end.outcome is AttemptOutcome.SENT for ending in endings):
        raise SenderError(f"the notice to {mails[0].envelope_to} was not sent: {answer_of(endings[0])}")


def notice_mails(house: House, account: Account, notices: Sequence[Words]) -> list[OutgoingMessage]:
    """The mails of that account, signed."""
    now, sender = house.clock.now(), account.sender
    mails = []
    for words in notices:
        message_id = new_message_id(sender.address)
        reply_to = sender.reply_to if words.answered else None
        notice = Notice(message_id, now, sender.name, sender.address, words.to, words.subject, words.text, reply_to)
        raw = compose_notice(notice)
        signed = account.signer.sign(raw, at=now) + raw
        mails.append(OutgoingMessage(message_id, now, sender.address, words.to, signed, {}))
    return mails
