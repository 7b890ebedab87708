"""A contact's new address inherits what the person decided at the old one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from nurture.address import Address, address_hash
from nurture.audience.import_plan import address_columns
from nurture.store import Connection
from nurture.store.contacts import PersonRow, people_by_address
from nurture.store.suppressions import CARRIED, REHEARSED, active_suppression, suppress, topic_key, topics_left
from nurture.vocabulary import SuppressionReason, SuppressionScope

# A bounce is about the old address; everything else about the person.
_ABOUT_THE_ADDRESS: Final = (SuppressionReason.HARD_BOUNCED, SuppressionReason.SOFT_BOUNCED)


def others_at(connection: Connection, person: PersonRow, address: Address) -> list[PersonRow]:
    """Who else has that address."""
    return [other for other in people_by_address(connection, [address.key]).values() if other.id != person.id]


def new_address_columns(
    connection: Connection,
    person: PersonRow,
    address: Address,
    key: bytes,
    *,
    others: Collection[PersonRow],
    source: str,
    now: datetime,
) -> dict[str, Any]:
    """The columns of a contact that moves to ``address``, beside ``others`` who have it; suppressions go along.

    ``key`` is the secret of address hashes.
    """
    new_hash = address_hash(address.key, key)
    columns: dict[str, Any] = address_columns(address, new_hash)
    if address.key != person.address_key:
        columns["household"] = max((other.household + 1 for other in others), default=0)
        carry_suppression(connection, person.address_hash, new_hash, shown=address.text, source=source, now=now)
    return columns


def carry_suppression(
    connection: Connection, old_hash: str, new_hash: str, *, shown: str, source: str, now: datetime
) -> bool:
    """Suppress the new address if the person left (or complained ...) at the old one; True if it did for all mail.

    What the person left topic by topic goes along, too.
    """
    for row in topics_left(connection, old_hash):
        suppress(
            connection,
            SuppressionScope.TOPIC,
            topic_key(new_hash, row.topic or ""),
            shown=f"{shown}: {row.topic}",
            reason=row.reason,
            source=_moved(row.source, source),
            now=now,
        )
    found = active_suppression(connection, SuppressionScope.ADDRESS, old_hash)
    if found is None or found.reason in _ABOUT_THE_ADDRESS:
        return False
    return suppress(
        connection,
        SuppressionScope.ADDRESS,
        new_hash,
        shown=shown,
        reason=found.reason,
        source=_moved(found.source, source),
        now=now,
    )


def _moved(old: str, source: str) -> str:
    rehearsed = REHEARSED if old.startswith(REHEARSED) else ""
    return f"{rehearsed}{source}{CARRIED}"
