"""A mail that was sent, composed again byte for byte from what the database keeps."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from nurture.composing.dkim import Signer
from nurture.composing.edition import EditionContent
from nurture.composing.message import ComposedMessage, Composer
from nurture.composing.recipient import INERT, LinkTokens, Recipient
from nurture.delivery.messages import EditionLink, link_key, link_tokens
from nurture.errors import SecretError
from nurture.service.house import House
from nurture.store import editions

if TYPE_CHECKING:
    from nurture.store.log import DeliveryHistory


def as_sent(house: House, history: DeliveryHistory) -> ComposedMessage | None:
    """The exact mail of a delivery; None before it was composed, or after its contact was erased.

    The edition keeps its content and the delivery its values, Message-ID and
    Date, so nothing that changed since can change the result, but the sender's
    DKIM keys: it is signed with today's, or not at all where they are gone. Where the
    key of its links is gone, they are inert.
    """
    row = history.delivery
    if row.message_id is None or history.message_date is None or history.values is None or row.address is None:
        return None
    with house.store.read() as connection:
        content = editions.content_of(connection, row.edition_id)
        sender = editions.sender_of(connection, row.edition_id)
    if not content:
        return None
    edition = EditionContent.from_json(content)
    recipient = Recipient(
        delivery_id=row.id,
        message_id=row.message_id,
        date=history.message_date,
        address=row.address,
        variant=row.variant,
        values=history.values,
        news_ids=history.news_ids,
        tokens=_tokens(house, edition, history),
    )
    message = Composer(edition).compose(recipient)
    return replace(message, raw=_signature(house, sender, message.raw, history.message_date) + message.raw)


def _tokens(house: House, edition: EditionContent, history: DeliveryHistory) -> LinkTokens:
    try:
        key = link_key(edition, house.data)
    except SecretError:
        return INERT
    row = history.delivery
    return link_tokens(
        key,
        EditionLink.of(row.edition_id, edition),
        delivery_id=row.id,
        recipient_key=history.recipient_key,
        values=history.values or {},
    )


def _signature(house: House, sender: str, raw: bytes, at: datetime) -> bytes:
    settings = house.workspace.settings.senders.get(sender)
    if settings is None:
        return b""
    try:
        return Signer.from_settings(settings, root=house.root).sign(raw, at=at)
    except SecretError:
        return b""
