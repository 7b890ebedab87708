"""Suppressing by hand: an address, a domain or an organization must not be mailed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from nurture.address import Address, AddressError, address_hash, clean_text, parse_address
from nurture.audience.address_key import load_address_key
from nurture.errors import InputError, NotFoundError
from nurture.store import Connection, Store
from nurture.store.consents import consents_of
from nurture.store.contact_changes import record_contact_events
from nurture.store.contacts import people_by_address
from nurture.store.organizations import name_key, organizations_by_name
from nurture.store.suppressions import SuppressionRow, active_suppression, before_erasure, lift, suppress
from nurture.vocabulary import ConsentKind, EventKind, SuppressionReason, SuppressionScope
from nurture.workspace.settings import Settings
from nurture.workspace.workspace import Workspace

_MAX_REASON: Final = 500


@dataclass(frozen=True, slots=True)
class Target:
    """What is suppressed. ``shown`` is what people see."""

    scope: SuppressionScope
    key: str
    shown: str


def suppress_by_hand(
    store: Store,
    workspace: Workspace,
    *,
    address: str | None = None,
    domain: str | None = None,
    organization: str | None = None,
    reason: SuppressionReason = SuppressionReason.MANUAL,
    source: str = "cli",
    now: datetime,
) -> bool:
    """Suppress exactly one of address, domain or organization (its name); False if it was already.

    An address need not belong to a contact. Raises `InputError` for what is no
    address or domain, `NotFoundError` for an unknown organization.
    """
    key = load_address_key(store, workspace.root / "data")
    with store.write() as connection:
        target = _target(connection, key, address, domain, organization)
        done = suppress(connection, target.scope, target.key, shown=target.shown, reason=reason, source=source, now=now)
        if done and target.scope is SuppressionScope.ADDRESS:
            people = people_by_address(connection, [target.shown.casefold()])
            data = {"reason": reason, "source": source}
            record_contact_events(connection, EventKind.SUPPRESSED, now, [(data, list(people))])
        return done


def lift_by_hand(
    store: Store,
    workspace: Workspace,
    *,
    address: str | None = None,
    domain: str | None = None,
    organization: str | None = None,
    because: str,
    now: datetime,
) -> SuppressionReason:
    """End a suppression; ``because`` is kept. Gives back why it was set.

    Who left comes back only by themselves, or by a written consent of a later day; who
    complained only by themselves. Raises `InputError` for that and without a reason,
    `NotFoundError` if nothing is suppressed.
    """
    words = clean_text(because)[:_MAX_REASON]
    if not words:
        raise InputError("say why the suppression may be lifted, e.g. --because 'asked for news again, mail of 3 May'")
    key = load_address_key(store, workspace.root / "data")
    with store.write() as connection:
        target = _target(connection, key, address, domain, organization)
        found = active_suppression(connection, target.scope, target.key)
        if found is None:
            raise NotFoundError(f"{target.shown} is not suppressed")
        if target.scope is SuppressionScope.ADDRESS and not found.rehearsed:
            _refuse_own_choice(connection, workspace.settings, found, target.shown, now)
        lift(connection, target.scope, target.key, because=words, now=now)
        return found.reason


def _refuse_own_choice(
    connection: Connection, settings: Settings, found: SuppressionRow, address: str, now: datetime
) -> None:
    """What a person decided is not the staff's to undo (15 USC 7704 (a)(4), CASL 11)."""
    earlier = before_erasure(connection, found.key) if found.reason is SuppressionReason.ERASED else None
    if SuppressionReason.COMPLAINED in (found.reason, earlier and earlier.reason):
        raise InputError(
            f"{address} complained about our mail; only the person can come back, by the link in one of our mails"
        )
    if found.reason is not SuppressionReason.UNSUBSCRIBED:
        return
    left, today = settings.today(found.created_at), settings.today(now)
    people = list(people_by_address(connection, [address.casefold()]))
    consents = [consent for each in consents_of(connection, people).values() for consent in each]
    if not any(
        consent.kind is ConsentKind.WRITTEN and consent.obtained_on > left and consent.holds(today)
        for consent in consents
    ):
        raise InputError(
            f"{address} left on {left}; the person comes back by the link in one of our mails, or by a written consent "
            f"of a later day; record that first: nurture contacts edit {address} --consent written:DAY:FORM"
        )


def _target(
    connection: Connection, key: bytes, address: str | None, domain: str | None, organization: str | None
) -> Target:
    if sum(value is not None for value in (address, domain, organization)) != 1:
        raise InputError("name one address, or one --domain, or one --organization")
    if address is not None:
        parsed = _parse(address, address)
        return Target(SuppressionScope.ADDRESS, address_hash(parsed.key, key), parsed.text)
    if domain is not None:
        parsed = _parse(f"a@{domain.strip().removeprefix('@')}", domain)
        return Target(SuppressionScope.DOMAIN, parsed.domain, parsed.domain)
    assert organization is not None, "one of the three is given"
    found = organizations_by_name(connection, [name_key(organization)])
    if not found:
        raise NotFoundError(f"there is no organization {organization!r}")
    (row,) = found.values()
    return Target(SuppressionScope.ORGANIZATION, str(row.id), row.name)


def _parse(text: str, written: str) -> Address:
    try:
        return parse_address(text)
    except AddressError as error:
        raise InputError(f"{written}: {error}") from error
