"""``nurture loop-test``: whether mail to a plus-address of a sender comes into the mailbox that nurture reads.

Only then do mails get return paths of their own (`composing.return_path`): many servers refuse such addresses, or
write them in small letters, and every bounce would be lost.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import datetime

from nurture.clock import monotonic
from nurture.composing.link_tokens import LONGEST_NUMBER, make_token
from nurture.composing.return_path import return_path
from nurture.errors import InputError, SenderError
from nurture.service.account import account_of, answer_of, hand_over_now
from nurture.service.house import House
from nurture.service.inbox import read_mailbox
from nurture.service.link_keys import link_keys
from nurture.service.own_people import Words, notice_mails
from nurture.store import way_out
from nurture.vocabulary import AttemptOutcome, LinkPurpose

PATIENCE = 120.0  # seconds until a mail to ourselves must have come
_PAUSE = 2.0
_WORDS = """\
This mail went to a plus-address of yours. If it comes back to the mailbox that nurture reads, bounces can name the mail
that they are about. Nobody needs to do anything; you may delete it.
"""


@dataclass(frozen=True, slots=True)
class Looped:
    """A sender with ``verp``; ``seen_at`` (UTC): when a mail to its plus-address was last seen to arrive, or never."""

    sender: str
    address: str
    seen_at: datetime | None


def loop_test(house: House, *, patience: float = PATIENCE) -> tuple[Looped, ...]:
    """Send a mail to the plus-address of each sender with ``verp``, and read the mailbox until all came, or time is up.

    Raises `InputError` where there is nothing to test or no mailbox to read, `SenderError` if a mail does not leave.
    """
    settings = house.workspace.settings
    senders = {name: sender.address for name, sender in settings.senders.items() if sender.verp}
    if not senders:
        raise InputError("no sender in nurture.yaml has `verp: true`, so no plus-address is used")
    read_mailbox(house)  # what lies there already is looked at first; without a mailbox this says so
    began = house.clock.now()
    for name, address in senders.items():
        _send(house, name, address)
    end = monotonic() + patience
    while True:
        read_mailbox(house)
        with house.store.read() as connection:
            found = tuple(Looped(*sender, way_out.loop_seen(connection, sender[1])) for sender in senders.items())
        if all(each.seen_at is not None and each.seen_at >= began for each in found) or monotonic() >= end:
            return found
        time.sleep(_PAUSE)


def _send(house: House, name: str, address: str) -> None:
    now, number = house.clock.now(), secrets.randbelow(LONGEST_NUMBER)
    token = make_token(link_keys(house.store, house.data, now=now).newest, LinkPurpose.PROBE, number, "")
    with house.store.write() as connection:
        way_out.await_loop(connection, address, number)
    account = account_of(house, name)
    to = return_path(address, token)
    mails = notice_mails(house, account, [Words(to, "A mail to myself", _WORDS)])
    (ending,) = hand_over_now(house, account, mails)
    if ending.end.outcome is not AttemptOutcome.SENT:
        raise SenderError(
            f"the mail server of {name} does not take mail for {to}: {answer_of(ending)}; leave `verp` out"
        )
