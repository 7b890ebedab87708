"""Erasing a contact everywhere: also from the sandbox's mails and from previews."""

from __future__ import annotations

from nurture.audience.contacts import find_contact
from nurture.audience.erasing import Erased, erase_contact
from nurture.sandbox.maildir import empty_messages
from nurture.service.house import House
from nurture.store.erasure import message_ids_to
from nurture.store.maintenance import forget_freed


def erase(house: House, who: str) -> Erased:
    """Erase one contact (address or id): its mails in the sandbox, all previews, then its data in the database.

    The files go first, so that after a failure the contact is still there to be
    erased again. Raises as `erase_contact` does.
    """
    with house.store.read() as connection:
        mails = message_ids_to(connection, find_contact(connection, who).id)
    empty_messages(house.maildir, mails)
    for preview in house.previews.glob("*"):
        preview.unlink(missing_ok=True)
    done = erase_contact(house.store, who, now=house.clock.now())
    forget_freed(house.store)
    return done
