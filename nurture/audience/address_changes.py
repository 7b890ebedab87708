"""A reader wants mail at another address: asked for on the page of a mail, done when somebody there says yes.

Who holds a mail may ask, so nothing changes before the new address answered, and the old one is told. What the
person decided at the old address holds at the new one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from nurture.address import AddressError, parse_address
from nurture.audience.moved_addresses import new_address_columns, others_at
from nurture.audience.suppressed import suppressed_addresses
from nurture.store import Connection, Store, address_changes, contact_changes, events, feedback
from nurture.store.address_changes import AddressChange
from nurture.store.contacts import people_by_id
from nurture.store.leaving import LeftMail
from nurture.vocabulary import EventKind, Mode, ProposalKind
from nurture.workspace.workspace import Workspace

KEPT: Final = timedelta(days=7)  # so long the question can be answered
_DAY: Final = timedelta(days=1)
_MOST: Final = 3  # questions a day for one contact: the page must not be a way to trouble strangers
_MOST_OF_ALL: Final = 100
_SOURCE: Final = "the reader"


def ask(connection: Connection, mail: LeftMail, text: str, *, language: str, now: datetime) -> str | None:
    """Keep the wish of a mail's reader, in this transaction; the address as it will be written to.

    None: this is no address, or no new one, or there were too many wishes today; or the mail went to an address that
    the person left, whose mailbox may be somebody else's by now.
    """
    assert mail.contact_id is not None, "who was erased has no address to change"
    if mail.recipient_key != mail.present_hash:
        return None
    try:
        address = parse_address(text)
    except AddressError:
        return None
    if not address.key.isascii() or address.key == (mail.present_address or "").casefold():
        return None
    too_many = address_changes.asked_since(connection, now - _DAY, contact_id=mail.contact_id) >= _MOST
    if too_many or address_changes.asked_since(connection, now - _DAY) >= _MOST_OF_ALL:
        return None
    address_changes.ask(
        connection,
        mail.contact_id,
        mode=mail.mode,
        language=language,
        address_hash=mail.present_hash or "",
        new_address=address.text,
        now=now,
    )
    return address.text


def obstacle(store: Store, workspace: Workspace, change: AddressChange, *, now: datetime) -> bool:
    """Whether the new address cannot be written to: suppressed, or another contact's; then the clinic gets a proposal.

    Raises `SecretError`.
    """
    with store.read() as connection:
        person = people_by_id(connection, [change.contact_id]).get(change.contact_id)
        taken = person is None or bool(others_at(connection, person, parse_address(change.new_address)))
    if not taken and change.new_address not in suppressed_addresses(store, workspace, [change.new_address]):
        return False
    with store.write() as connection:
        _propose(connection, change, now)
    return True


def open_change(connection: Connection, number: int, *, now: datetime) -> AddressChange | None:
    """The wish with this id while it can be answered: the contact's last one, at most a week old.

    None also where the contact's address changed otherwise since.
    """
    change = address_changes.find(connection, number)
    if change is None or now - change.asked_at >= KEPT:
        return None
    if change.confirmed_at is not None:
        return change
    current = address_changes.newest(connection, change.contact_id) == change.id
    return change if current and change.present_hash == change.address_hash else None


def confirm(store: Store, key: bytes, change: AddressChange, *, now: datetime) -> bool:
    """Move the contact to its new address; twice is as good as once.

    False where somebody else has that address by now, which the clinic then finds among its proposals. What is
    tried with a mail of the sandbox moves nobody. ``key`` is the secret of address hashes.
    """
    if change.confirmed_at is not None:
        return True
    with store.write() as connection:
        present = address_changes.find(connection, change.id)
        if present is not None and present.confirmed_at is not None:
            return True
        person = people_by_id(connection, [change.contact_id]).get(change.contact_id)
        if person is None or person.erased_at is not None or person.address_hash != change.address_hash:
            return False  # also where the staff was faster since `open_change`
        address = parse_address(change.new_address)
        if others_at(connection, person, address):
            _propose(connection, change, now)
            return False
        if not address_changes.confirm(connection, change.id, old_address=person.address, now=now):
            return True
        if change.mode is Mode.SANDBOX:
            return True
        columns = new_address_columns(connection, person, address, key, others=(), source=_SOURCE, now=now)
        contact_changes.update_contacts(connection, {person.id: columns}, now=now)
        events.record(connection, EventKind.PREFERRED, now, contact_id=person.id, data={"changed": "address"})
    return True


def _propose(connection: Connection, change: AddressChange, now: datetime) -> None:
    if change.mode is Mode.LIVE:
        feedback.propose(connection, change.contact_id, ProposalKind.MOVED, change.new_address, now, key=None)
