"""A sender's own mail account, for the few mails that go to the clinic's own people and leave no history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nurture.composing.dkim import Signer
from nurture.delivery import advice
from nurture.delivery.dialing import DialError
from nurture.delivery.event_loop import run_async
from nurture.delivery.messages import OutgoingMessage
from nurture.delivery.pacing import Allowance
from nurture.delivery.routes import Route, route_for
from nurture.delivery.tokens import Tap
from nurture.delivery.transaction import Ending
from nurture.delivery.trial import PATIENCE, Meter, hand_over
from nurture.errors import SenderError
from nurture.service.house import House
from nurture.vocabulary import Mode
from nurture.workspace.settings import Sender


@dataclass(frozen=True, slots=True)
class Account:
    """The sender ``name`` as mail of that mode uses it."""

    name: str
    mode: Mode
    sender: Sender
    route: Route
    signer: Signer


def account_of(house: House, name: str, *, mode: Mode = Mode.LIVE, sandbox: tuple[str, int] | None = None) -> Account:
    """The account of a sender; raises `SenderError` where it has none, `SecretError` for a key or a password.

    In sandbox mode it is the sandbox's server, at ``sandbox``.
    """
    sender = house.workspace.settings.senders[name]
    route = route_for(name, sender, mode=mode, sandbox=sandbox, root=house.root)
    route.read_password()  # one that is missing is told before anything is done
    return Account(name, mode, sender, route, Signer.from_settings(sender, root=house.root))


def hand_over_now(
    house: House, account: Account, messages: Sequence[OutgoingMessage], *, patience: float = PATIENCE
) -> list[Ending]:
    """How each of these mails ended, within ``patience`` seconds; raises `SenderError` if there is no session."""
    if not messages:
        return []
    limits = account.sender.limits
    # not the warm-up plan: it is about strangers' mailboxes, and mails to our own people come before its first day
    tap = Tap(account.mode, account.name, Allowance(limits.per_minute, limits.per_day), house.workspace.settings.zone)
    meter = Meter(house.store, tap, house.clock)
    try:
        return run_async(hand_over(account.route, messages, meter, patience=patience))
    except DialError as error:
        raise SenderError(advice.about_session(error, sender=account.name)) from error


def answer_of(ending: Ending) -> str:
    """The server's words, or ours where it said nothing."""
    end = ending.end
    return " ".join(filter(None, (str(end.code or ""), end.enhanced, end.answer)))
