"""The mail by which somebody leaves: found by the number in its link."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.schema import contact, delivery, edition
from nurture.vocabulary import Mode


@dataclass(frozen=True, slots=True)
class LeftMail:
    """A delivery, and who has it. ``address`` is None, and ``present_hash`` too, where the contact was erased.

    ``recipient_key`` is the hash of the address that the mail went to,
    ``present_hash`` of the one that the contact has now.
    """

    delivery_id: int
    mode: Mode
    edition_id: int
    topic: str
    contact_id: int | None
    recipient_key: str
    address: str | None
    present_hash: str | None
    present_address: str | None


_MAIL = (
    sa.select(
        delivery.c.id,
        delivery.c.mode,
        delivery.c.edition_id,
        edition.c.topic,
        delivery.c.contact_id,
        delivery.c.recipient_key,
        delivery.c.address,
        contact.c.address_hash,
        contact.c.address.label("present_address"),
    )
    .join_from(delivery, edition, delivery.c.edition_id == edition.c.id)
    .join(contact, delivery.c.contact_id == contact.c.id, isouter=True)
    .where(delivery.c.id == sa.bindparam("delivery_id"))
)


def find_mail(connection: Connection, delivery_id: int) -> LeftMail | None:
    """The delivery with this id; None if there is none."""
    row = connection.execute(_MAIL, {"delivery_id": delivery_id}).one_or_none()
    if row is None:
        return None
    return LeftMail(
        delivery_id=row.id,
        mode=Mode(row.mode),
        edition_id=row.edition_id,
        topic=row.topic,
        contact_id=row.contact_id,
        recipient_key=row.recipient_key,
        address=row.address,
        present_hash=row.address_hash,
        present_address=row.present_address,
    )
