"""Erasing a person: all that tells who it was goes, the counts stay (GDPR article 17)."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store import inbound, replies
from nurture.store.schema import (
    absence,
    address_change,
    attempt,
    consent,
    contact,
    contact_category,
    contact_tag,
    delivery,
    event,
    proposal,
)
from nurture.store.transitions import move
from nurture.vocabulary import DeliveryState, EventKind

# Columns of a contact that stay: they say that there was somebody, not who.
_KEPT = ("id", "address_hash", "household", "created_at", "updated_at", "archived_at", "erased_at", "attributes")


def erase_contact(connection: Connection, contact_id: int, *, now: datetime) -> int:
    """Empty the contact and all its history in this transaction; how many waiting deliveries were canceled.

    Deliveries, attempts and events stay as rows without address, values and the
    server's words, so that accounts still balance. The suppression is the caller's.
    """
    # first, and as whoever settles a delivery does: what is written at this moment is emptied too, or comes later
    connection.execute(sa.select(delivery.c.id).where(delivery.c.contact_id == contact_id).with_for_update()).all()
    canceled = 0
    for state in (DeliveryState.QUEUED, DeliveryState.HELD):
        canceled += len(
            move(
                connection,
                state,
                DeliveryState.CANCELED,
                now,
                where=delivery.c.contact_id == contact_id,
                values={"reason": "the contact was erased"},
            )
        )
    _empty_history(connection, contact_id, now)
    for table in (contact_category, contact_tag, consent, absence, proposal, address_change):
        connection.execute(sa.delete(table).where(table.c.contact_id == contact_id))
    connection.execute(
        sa.update(contact)
        .where(contact.c.id == contact_id)
        .values(
            {
                **{column.name: None for column in contact.c if column.name not in _KEPT},
                "attributes": {},
                "updated_at": now,
                "erased_at": now,
            }
        )
    )
    connection.execute(sa.insert(event).values(kind=EventKind.ERASED, at=now, contact_id=contact_id, data={}))
    return canceled


def _empty_history(connection: Connection, contact_id: int, now: datetime) -> None:
    deliveries = sa.select(delivery.c.id).where(delivery.c.contact_id == contact_id).scalar_subquery()
    inbound.forget_contact(connection, contact_id, deliveries)
    replies.forget_contact(connection, contact_id, deliveries, now=now)
    # servers like to repeat the address in their answers
    connection.execute(
        sa.update(attempt).where(attempt.c.delivery_id.in_(deliveries)).values(answer=None, relay_id=None)
    )
    connection.execute(
        sa.update(event)
        .where(sa.or_(event.c.contact_id == contact_id, event.c.delivery_id.in_(deliveries)))
        .values(data={})
    )
    words_of_servers = delivery.c.state.in_((DeliveryState.FAILED, DeliveryState.SENDING, DeliveryState.UNCERTAIN))
    connection.execute(
        sa.update(delivery)
        .where(delivery.c.contact_id == contact_id)
        .values(
            contact_id=None,
            address=None,
            domain=None,
            values=sa.null(),
            reason=sa.case((words_of_servers, sa.null()), else_=delivery.c.reason),
        )
    )


def message_ids_to(connection: Connection, contact_id: int) -> frozenset[str]:
    """The Message-IDs of all mails that were composed for this contact."""
    query = sa.select(delivery.c.message_id).where(delivery.c.contact_id == contact_id)
    return frozenset(found for found in connection.scalars(query) if found is not None)


def others_with_address(connection: Connection, address_hash: str, contact_id: int) -> int:
    """How many other people, not erased, have the same address."""
    query = sa.select(sa.func.count()).where(
        contact.c.address_hash == address_hash, contact.c.id != contact_id, contact.c.erased_at.is_(None)
    )
    return connection.scalar(query) or 0
