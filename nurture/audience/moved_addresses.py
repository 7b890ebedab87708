"""A contact's new address inherits what the person decided at the old one."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from nurture.store import Connection
from nurture.store.suppressions import active_suppression, suppress
from nurture.vocabulary import SuppressionReason, SuppressionScope

# A bounce is about the old address; everything else about the person.
_ABOUT_THE_ADDRESS: Final = (SuppressionReason.HARD_BOUNCED, SuppressionReason.SOFT_BOUNCED)


def carry_suppression(
    connection: Connection, old_hash: str, new_hash: str, *, shown: str, source: str, now: datetime
) -> bool:
    """Suppress the new address if the person left (or complained ...) at the old one; True if it did."""
    found = active_suppression(connection, SuppressionScope.ADDRESS, old_hash)
    if found is None or found.reason in _ABOUT_THE_ADDRESS:
        return False
    return suppress(
        connection,
        SuppressionScope.ADDRESS,
        new_hash,
        shown=shown,
        reason=found.reason,
        source=f"{source}, address changed",
        now=now,
    )
