"""The last gate: may this delivery leave now?

The same expressions stand in the mark's UPDATE and in the question for the
reason, so both always agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import sqlalchemy as sa

from nurture.store.consents import consent_holds
from nurture.store.editions import may_send
from nurture.store.schema import contact, delivery, edition
from nurture.store.suppressions import suppressed
from nurture.store.wishes import not_paused
from nurture.vocabulary import DeliveryState, EditionState, SkipReason


@dataclass(frozen=True, slots=True)
class Refusal:
    """The gate said no: what the delivery becomes and why.

    ``state`` is None where the row is not this worker's any more; then nothing was changed.
    """

    state: DeliveryState | None
    reason: str | None


def _edition_is_ready() -> sa.ColumnElement[bool]:
    return sa.exists().where(edition.c.id == delivery.c.edition_id, edition.c.state == EditionState.READY)


def _edition_may_send() -> sa.ColumnElement[bool]:
    return sa.exists().where(edition.c.id == delivery.c.edition_id, may_send())


def _edition_is_held() -> sa.ColumnElement[bool]:
    return sa.exists().where(edition.c.id == delivery.c.edition_id, edition.c.held_at.is_not(None))


def _contact_where(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.exists().where(contact.c.id == delivery.c.contact_id, *conditions)


def _contact_stays() -> sa.ColumnElement[bool]:
    return _contact_where(contact.c.erased_at.is_(None))


def _contact_in_use() -> sa.ColumnElement[bool]:
    return _contact_where(contact.c.archived_at.is_(None))


def _contact_not_paused(today: date) -> sa.ColumnElement[bool]:
    return _contact_where(not_paused(today))


def _address_unchanged() -> sa.ColumnElement[bool]:
    # planned for another address: it may have been a stranger's
    return delivery.c.address.is_not(None) & _contact_where(contact.c.address_hash == delivery.c.recipient_key)


def _suppressed() -> sa.ColumnElement[bool]:
    organization = sa.select(contact.c.organization_id).where(contact.c.id == delivery.c.contact_id)
    topic = sa.select(edition.c.topic).where(edition.c.id == delivery.c.edition_id)
    return suppressed(
        delivery.c.recipient_key,
        delivery.c.domain,
        organization.correlate(delivery).scalar_subquery(),
        topic=topic.correlate(delivery).scalar_subquery(),
    )


def _consented(today: date) -> sa.ColumnElement[bool]:
    return consent_holds(delivery.c.contact_id, delivery.c.consent_mask, on=today)


@lru_cache(maxsize=4)
def may_leave(today: date) -> sa.ColumnElement[bool]:
    """A condition on ``delivery``: edition, contact, suppression and consent allow it.

    ``today`` is the clinic's date; a consent is good through its last day.
    """
    return sa.and_(
        _edition_may_send(),
        _contact_stays(),
        _contact_where(contact.c.archived_at.is_(None), not_paused(today)),
        _address_unchanged(),
        sa.not_(_suppressed()),
        _consented(today),
    )


# Asked for each mail: building the expressions anew would cost more than asking.
@lru_cache(maxsize=4)
def _question(today: date) -> sa.Select[bool, bool, bool, bool, bool, bool, bool, bool]:
    return sa.select(
        _edition_is_ready().label("ready"),
        _edition_is_held().label("held"),
        _contact_stays().label("stays"),
        _contact_in_use().label("in_use"),
        _contact_not_paused(today).label("not_paused"),
        _address_unchanged().label("unchanged"),
        _suppressed().label("suppressed"),
        _consented(today).label("consented"),
    ).where(delivery.c.id == sa.bindparam("delivery_id"))


def refusal(connection: sa.Connection, delivery_id: int, today: date) -> Refusal | None:
    """Why the gate is shut for this delivery; None if it is open."""
    found = connection.execute(_question(today), {"delivery_id": delivery_id}).one()
    if not found.ready:
        return Refusal(DeliveryState.CANCELED, "the edition was canceled")
    if found.held:
        return Refusal(DeliveryState.QUEUED, "the edition is held")
    if not found.stays:
        return Refusal(DeliveryState.CANCELED, "the contact was erased")
    if not found.in_use:
        return Refusal(DeliveryState.SKIPPED, SkipReason.ARCHIVED)
    if not found.not_paused:
        return Refusal(DeliveryState.SKIPPED, SkipReason.PAUSED)
    if found.suppressed:
        return Refusal(DeliveryState.SKIPPED, SkipReason.SUPPRESSED)
    if not found.consented:
        return Refusal(DeliveryState.SKIPPED, SkipReason.NO_CONSENT)
    if not found.unchanged:
        return Refusal(DeliveryState.CANCELED, "the contact's address changed after planning")
    return None
