"""A contact's new address inherits what the person decided at the old one."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from nurture.store import Connection
from nurture.store.suppressions import REHEARSED, active_suppression, suppress, topic_key, topics_left
from nurture.vocabulary import SuppressionReason, SuppressionScope

# A bounce is about the old address; everything else about the person.
_ABOUT_THE_ADDRESS: Final = (SuppressionReason.HARD_BOUNCED, SuppressionReason.SOFT_BOUNCED)


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
    return f"{rehearsed}{source}, address changed"
