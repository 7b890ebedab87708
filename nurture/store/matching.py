"""To which of our mails, and to whom, a mail that came in belongs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.schema import attempt, contact, delivery, edition
from nurture.vocabulary import DeliveryState, Mode


@dataclass(frozen=True, slots=True)
class OurMail:
    """A delivery that an inbound mail may be about. ``address`` and ``contact_id`` are None once erased."""

    delivery_id: int
    mode: Mode
    edition_id: int
    campaign: str
    topic: str
    contact_id: int | None
    organization_id: int | None
    recipient_key: str  # hash of the address it went to
    address: str | None
    state: DeliveryState


@dataclass(frozen=True, slots=True)
class Known:
    """A contact, by an address."""

    contact_id: int
    address_hash: str
    address: str
    organization_id: int | None


_MAILS = sa.select(
    delivery.c.id,
    delivery.c.mode,
    delivery.c.edition_id,
    delivery.c.campaign,
    edition.c.topic,
    delivery.c.contact_id,
    delivery.c.organization_id,
    delivery.c.recipient_key,
    delivery.c.address,
    delivery.c.state,
).join_from(delivery, edition, delivery.c.edition_id == edition.c.id)

_GUESSED_NEVER = 20  # characters of a server's own id

# what left, or may have left
_WENT = delivery.c.state.in_([DeliveryState.SENT, DeliveryState.UNCERTAIN, DeliveryState.SENDING, DeliveryState.FAILED])


def by_ids(connection: Connection, delivery_ids: Sequence[int]) -> tuple[OurMail, ...]:
    """The deliveries with these numbers, in the order given; unknown ones are left out."""
    found = connection.execute(_MAILS.where(delivery.c.id.in_(delivery_ids))).mappings()
    rows = {row["id"]: _mail(row) for row in found}
    return tuple(rows[each] for each in dict.fromkeys(delivery_ids) if each in rows)


def by_message_ids(connection: Connection, message_ids: Sequence[str]) -> tuple[OurMail, ...]:
    """The deliveries with these Message-IDs (without angle brackets), in the order given."""
    asked = dict.fromkeys(f"<{each}>" for each in message_ids)  # a delivery keeps the field as it left
    query = _MAILS.add_columns(delivery.c.message_id).where(delivery.c.message_id.in_(asked))
    rows = {row["message_id"]: _mail(row) for row in connection.execute(query).mappings()}
    return tuple(rows[each] for each in asked if each in rows)


def by_relay_ids(connection: Connection, message_ids: Sequence[str]) -> tuple[OurMail, ...]:
    """The deliveries that a mail server took under these Message-IDs of its own, in the order given.

    A server names its id with or without its domain. Short ones are left out: they come again, and can be guessed.
    """
    asked = [name for each in message_ids for name in (each, each.rpartition("@")[0]) if len(name) >= _GUESSED_NEVER]
    if not asked:
        return ()
    query = _MAILS.add_columns(attempt.c.relay_id).join(attempt, attempt.c.delivery_id == delivery.c.id)
    found = connection.execute(query.where(attempt.c.relay_id.in_(asked))).mappings()
    rows = {row["relay_id"]: _mail(row) for row in found}
    return tuple(rows[each] for each in dict.fromkeys(asked) if each in rows)


def last_to(connection: Connection, contact_ids: Sequence[int], *, since: datetime, until: datetime) -> OurMail | None:
    """The latest mail that left to one of these contacts between two instants (UTC)."""
    query = (
        _MAILS.where(
            delivery.c.contact_id.in_(contact_ids),
            _WENT,
            delivery.c.settled_at >= since,
            delivery.c.settled_at <= until,
        )
        .order_by(delivery.c.settled_at.desc(), delivery.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else _mail(row)


def people_at(connection: Connection, address_keys: Sequence[str]) -> tuple[Known, ...]:
    """The contacts with these addresses (casefolded), archived ones too; the lowest id first."""
    query = (
        sa.select(contact.c.id, contact.c.address_hash, contact.c.address, contact.c.organization_id)
        .where(contact.c.address_key.in_(address_keys), contact.c.erased_at.is_(None))
        .order_by(contact.c.id)
    )
    return tuple(Known(*row) for row in connection.execute(query))


def organization_at(connection: Connection, domain: str) -> int | None:
    """The organization whose contacts have addresses at this domain; None if there is none, or more than one."""
    query = (
        sa.select(contact.c.organization_id)
        .distinct()
        .where(contact.c.domain == domain, contact.c.organization_id.is_not(None), contact.c.erased_at.is_(None))
        .limit(2)
    )
    found = connection.execute(query).scalars().all()
    return found[0] if len(found) == 1 else None


def _mail(row: sa.RowMapping) -> OurMail:
    return OurMail(
        delivery_id=row["id"],
        mode=Mode(row["mode"]),
        edition_id=row["edition_id"],
        campaign=row["campaign"],
        topic=row["topic"],
        contact_id=row["contact_id"],
        organization_id=row["organization_id"],
        recipient_key=row["recipient_key"],
        address=row["address"],
        state=DeliveryState(row["state"]),
    )
