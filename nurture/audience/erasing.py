"""Erasing a contact on request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nurture.audience.contacts import find_contact
from nurture.errors import InputError
from nurture.store import Store
from nurture.store.erasure import erase_contact as empty_contact
from nurture.store.erasure import others_with_address
from nurture.store.suppressions import active_suppression, forget_shown, suppress
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
        if active_suppression(connection, SuppressionScope.ADDRESS, person.address_hash) is None:
            suppress(
                connection,
                SuppressionScope.ADDRESS,
                person.address_hash,
                shown=None,
                reason=SuppressionReason.ERASED,
                source=f"contact {person.id}",
                now=now,
            )
        return Erased(person.id, canceled, suppressed=True)
