"""The job `addresses`: asks at the new addresses that readers wish for, and tells the old ones afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from nurture.address import masked_address
from nurture.audience.address_changes import KEPT, obstacle
from nurture.audience.suppressed import suppressed_addresses
from nurture.composing.link_tokens import make_token
from nurture.composing.way_out import address_link
from nurture.errors import NurtureError
from nurture.service.account import Account, account_of, hand_over_now
from nurture.service.house import House
from nurture.service.link_keys import link_keys
from nurture.service.own_people import Words, notice_mails
from nurture.store import address_changes
from nurture.store.address_changes import AddressChange
from nurture.vocabulary import AttemptOutcome, LinkPurpose
from nurture.workspace.settings import Clinic

_AGAIN: Final = timedelta(minutes=15)  # until a mail that was refused for now is tried again ...
_TRIED_FOR: Final = timedelta(days=1)  # ... for so long after it was asked for
_ASK: Final = {
    "en": (
        "Shall our mails come to this address?",
        """\
Somebody asked us to send our mails to this address. Until now they go to {old}.

If that was you, open this page and say yes there, within {days} days:

{link}

If it was not you, do nothing: then nothing changes.
""",
    ),
    "es": (
        "¿Deben llegar nuestros correos a esta dirección?",
        """\
Alguien nos pidió enviar nuestros correos a esta dirección. Hasta ahora llegan a {old}.

Si fue usted, abra esta página y responda que sí, dentro de {days} días:

{link}

Si no fue usted, no haga nada: entonces nada cambia.
""",
    ),
}
_TELL: Final = {
    "en": (
        "Our mails go to your new address now",
        """\
As asked for on our page, our mails go to {new} from now on, and not to this address any more.

If you did not ask for that, please answer this mail, or call us: {phone}
""",
    ),
    "es": (
        "Nuestros correos llegan ahora a su nueva dirección",
        """\
Como se pidió en nuestra página, desde ahora nuestros correos llegan a {new} y ya no a esta dirección.

Si usted no lo pidió, responda a este correo o llámenos: {phone}
""",
    ),
}


def mail_about_addresses(house: House, *, sandbox: tuple[str, int] | None) -> int:
    """Send the mails that are due about new addresses; how many a server took.

    ``sandbox`` is where the sandbox's server listens. Raises `SenderError` if there is no session, `SecretError` for
    a key or a password; then the next run tries again.
    """
    settings, mode, now = house.workspace.settings, house.mode(), house.clock.now()
    with house.store.read() as connection:
        due = address_changes.due(connection, mode=mode, now=now)
    if not due or settings.public_url is None:
        return 0
    account = account_of(house, settings.default_sender, mode=mode, sandbox=sandbox)
    return sum(_mail_about(house, account, change, settings.public_url, now) for change in due)


def forget_addresses(house: House) -> None:
    """Forget what nobody said yes to within its time, and what was done long ago."""
    with house.store.write() as connection:
        address_changes.forget(connection, before=house.clock.now() - KEPT)


def _mail_about(house: House, account: Account, change: AddressChange, url: str, now: datetime) -> bool:
    words = _news(house, change) if change.confirmed_at is not None else _question(house, change, url, now)
    with house.store.write() as connection:  # before the mail: two loops on one database send one
        if not address_changes.turn_mail(connection, change.id, last=change.mail_at, to=None) or words is None:
            return False
    try:
        (ending,) = hand_over_now(house, account, notice_mails(house, account, [words]))
    except NurtureError:
        _try_again(house, change, now)
        raise
    outcome = ending.end.outcome
    if outcome not in (AttemptOutcome.SENT, AttemptOutcome.FAILED, AttemptOutcome.UNCERTAIN):
        _try_again(house, change, now)
    return outcome is AttemptOutcome.SENT


def _try_again(house: House, change: AddressChange, now: datetime) -> None:
    if now - change.asked_at < _TRIED_FOR:
        with house.store.write() as connection:
            address_changes.turn_mail(connection, change.id, last=None, to=now + _AGAIN)


def _question(house: House, change: AddressChange, url: str, now: datetime) -> Words | None:
    if obstacle(house.store, house.workspace, change, now=now):
        return None
    key = link_keys(house.store, house.data, now=now).newest
    link = address_link(url, make_token(key, LinkPurpose.ADDRESS, change.id, change.new_address))
    subject, text = _ASK[change.language]
    old = masked_address(change.present_address or "")
    return _words(house, change.new_address, subject, text.format(old=old, link=link, days=KEPT.days))


def _news(house: House, change: AddressChange) -> Words | None:
    old = change.old_address
    if old is None or old in suppressed_addresses(house.store, house.workspace, [old]):
        return None
    subject, text = _TELL[change.language]
    phone = house.workspace.settings.clinic.phone
    return _words(house, old, subject, text.format(new=masked_address(change.new_address), phone=phone))


def _words(house: House, to: str, subject: str, text: str) -> Words:
    clinic = house.workspace.settings.clinic
    return Words(to, f"{clinic.name}: {subject}", f"{text}\n{_contact_data(clinic)}", answered=True)


def _contact_data(clinic: Clinic) -> str:
    return f"{clinic.name}\n{clinic.address.line} · {clinic.phone}"
