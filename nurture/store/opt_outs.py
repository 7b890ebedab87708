"""Suppressing many addresses at once, with what was decided about them before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.expressions import one_of
from nurture.store.inserting import insert
from nurture.store.schema import suppression
from nurture.vocabulary import SuppressionReason, SuppressionScope


@dataclass(frozen=True, slots=True)
class AddressSuppression:
    """What one address's suppression is to be. ``since`` is UTC; ``source`` says where it comes from."""

    address_hash: str
    shown: str
    reason: SuppressionReason
    source: str
    since: datetime


@dataclass(frozen=True, slots=True)
class PastSuppression:
    """One suppression of an address as it stands; active while ``lifted_at`` is None. Instants are UTC."""

    reason: SuppressionReason
    since: datetime
    lifted_at: datetime | None


def active_suppressions(connection: Connection, address_hashes: Sequence[str]) -> dict[str, PastSuppression]:
    """The active suppressions of these addresses themselves, by hash. At most a few thousand at once."""
    table = suppression.c
    query = sa.select(table.key, table.reason, table.created_at).where(
        table.scope == SuppressionScope.ADDRESS,
        one_of(connection, table.key, address_hashes),
        table.lifted_at.is_(None),  # the index is of the active ones
    )
    return {
        key: PastSuppression(SuppressionReason(reason), since, None) for key, reason, since in connection.execute(query)
    }


def lifted_suppressions(connection: Connection) -> dict[str, list[PastSuppression]]:
    """All suppressions of addresses that were lifted, by hash: few, each by hand and with a reason."""
    table = suppression.c
    query = sa.select(table.key, table.reason, table.created_at, table.lifted_at).where(
        table.scope == SuppressionScope.ADDRESS, table.lifted_at.is_not(None)
    )
    found: dict[str, list[PastSuppression]] = {}
    for key, reason, since, lifted_at in connection.execute(query):
        found.setdefault(key, []).append(PastSuppression(SuppressionReason(reason), since, lifted_at))
    return found


def suppress_addresses(connection: Connection, rows: Sequence[AddressSuppression]) -> None:
    """Suppress addresses; where one is suppressed already, the first one stays (as in `suppressions.suppress`)."""
    if rows:
        connection.execute(
            insert(connection, suppression).on_conflict_do_nothing(),
            [
                {
                    "scope": SuppressionScope.ADDRESS,
                    "key": row.address_hash,
                    "shown": row.shown,
                    "reason": row.reason,
                    "source": row.source,
                    "created_at": row.since,
                }
                for row in rows
            ],
        )


def strengthen(connection: Connection, rows: Sequence[AddressSuppression]) -> None:
    """Give active suppressions of addresses another reason, source and date; what people see of them stays."""
    if not rows:
        return
    statement = (
        sa.update(suppression)
        .where(
            suppression.c.scope == SuppressionScope.ADDRESS,
            suppression.c.key == sa.bindparam("hash_"),
            suppression.c.lifted_at.is_(None),
        )
        .values(reason=sa.bindparam("reason_"), source=sa.bindparam("source_"), created_at=sa.bindparam("since_"))
    )
    connection.execute(
        statement,
        [
            {"hash_": row.address_hash, "reason_": row.reason, "source_": row.source, "since_": row.since}
            for row in rows
        ],
    )
