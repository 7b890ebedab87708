"""Erasing a contact on request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nurture.audience.contacts import find_contact
from nurture.errors import InputError
from nurture.store import Connection, Store
from nurture.store.erasure import erase_contact as empty_contact
from nurture.store.erasure import others_with_address
from nurture.store.suppressions import ERASED, active_suppression, forget_shown, lift, suppress
from nurture.vocabulary import SuppressionReason, SuppressionScope


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done. ``suppressed`` is False only where somebody else still uses the address."""

    contact_id: int
    canceled: int
    suppressed: bool


def erase_contact(store: Store, who: str, *, now: datetime) -> Erased:
    """Erase one contact (address or id) in one transaction.

    Personal data goes from the contact, its deliveries, attempts and events;
    the counts stay, and a keyed hash keeps the address suppressed. Others who
    share the address keep theirs. Raises `NotFoundError`, or `InputError` if it was erased already.
    """
    with store.write() as connection:
        person = find_contact(connection, who)
        if person.erased_at is not None:
            raise InputError(f"contact {person.id} was erased already")
        canceled = empty_contact(connection, person.id, now=now)
        if others_with_address(connection, person.address_hash, person.id):
            return Erased(person.id, canceled, suppressed=False)
        forget_shown(connection, person.address_hash)
        _suppress(connection, person.address_hash, source=f"contact {person.id}", now=now)
        return Erased(person.id, canceled, suppressed=True)


def _suppress(connection: Connection, address_hash: str, *, source: str, now: datetime) -> None:
    """In the place of what kept mail away before: a bounce may be lifted, and what was tried in the sandbox ends."""
    scope, reason = SuppressionScope.ADDRESS, SuppressionReason.ERASED
    found = active_suppression(connection, scope, address_hash)
    if found is not None and found.reason is reason and not found.rehearsed:
        return
    lift(connection, scope, address_hash, because=ERASED, now=now)
    suppress(connection, scope, address_hash, shown=None, reason=reason, source=source, now=now)
