"""Suppressions: addresses, domains and organizations that must not be mailed.

Addresses are keyed by their hash, so that one survives the erasure of its
contact; an address that left one topic by the hash and the topic. Only rows
without ``lifted_at`` suppress; lifted ones are history.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.expressions import one_of
from nurture.store.inserting import insert
from nurture.store.schema import suppression
from nurture.vocabulary import SuppressionReason, SuppressionScope

# What somebody did with a mail of the sandbox; it ends when the clinic goes live.
REHEARSED = "sandbox: "
# The end of a source: it goes along with the person from an earlier address.
CARRIED = ", address changed"
# Why a suppression ended in whose place an erasure came.
ERASED = "the contact was erased"


@dataclass(frozen=True, slots=True)
class SuppressionRow:
    """One suppression, active while ``lifted_at`` is None. Instants are UTC."""

    id: int
    scope: SuppressionScope
    key: str
    shown: str | None
    reason: SuppressionReason
    source: str
    created_at: datetime
    lifted_at: datetime | None
    lifted_because: str | None

    @property
    def topic(self) -> str | None:
        """The topic that the address left; None where it is suppressed for all mail."""
        return self.key.partition("/")[2] if self.scope is SuppressionScope.TOPIC else None

    @property
    def rehearsed(self) -> bool:
        """Whether it comes from a mail of the sandbox."""
        return self.source.startswith(REHEARSED)


class Reachable(Protocol):
    """What a suppression can hit; `contacts.PersonRow` fits."""

    @property
    def id(self) -> int:
        """The contact."""
        ...

    @property
    def address_hash(self) -> str:
        """Keyed hash of the address."""
        ...

    @property
    def domain(self) -> str | None:
        """Domain of the address, lower-case A-labels."""
        ...

    @property
    def organization_id(self) -> int | None:
        """The contact's organization."""
        ...


def topic_key(address_hash: str, topic: str) -> str:
    """The key of an address that left one topic."""
    return f"{address_hash}/{topic}"


def suppressed(
    address_hash: sa.ColumnElement[str],
    domain: sa.ColumnElement[str],
    organization_id: sa.ColumnElement[int],
    *,
    topic: sa.ColumnElement[str],
) -> sa.ColumnElement[bool]:
    """For WHERE: an active suppression covers this address (also for one topic only), domain or organization.

    Four look-ups in the unique index of the active ones; never NULL.
    """
    table = suppression.alias()

    def active(scope: SuppressionScope, key: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        # literals: SQLite takes the partial index only where it can prove its condition
        return sa.exists().where(table.c.scope == scope.value, table.c.key == key, table.c.lifted_at.is_(None))

    return sa.or_(
        active(SuppressionScope.ADDRESS, address_hash),
        active(SuppressionScope.TOPIC, address_hash + "/" + topic),
        active(SuppressionScope.DOMAIN, domain),
        active(SuppressionScope.ORGANIZATION, sa.cast(organization_id, sa.Text)),
    )


def suppressions_of(connection: Connection, people: Iterable[Reachable]) -> dict[int, tuple[SuppressionRow, ...]]:
    """The active suppressions that cover each contact, those for one topic too; who has none is left out.

    At most a few hundred people at once.
    """
    people = tuple(people)
    wanted: dict[tuple[str, str], list[int]] = {}
    for person in people:
        wanted.setdefault((SuppressionScope.ADDRESS, person.address_hash), []).append(person.id)
        if person.domain:
            wanted.setdefault((SuppressionScope.DOMAIN, person.domain), []).append(person.id)
        if person.organization_id is not None:
            wanted.setdefault((SuppressionScope.ORGANIZATION, str(person.organization_id)), []).append(person.id)
    found: dict[int, list[SuppressionRow]] = {}
    for person in people:
        if rows := topics_left(connection, person.address_hash):
            found[person.id] = list(rows)
    for scope in SuppressionScope:
        keys = [key for wanted_scope, key in wanted if wanted_scope == scope]
        if not keys:
            continue
        query = sa.select(suppression).where(
            suppression.c.scope == scope, suppression.c.key.in_(keys), suppression.c.lifted_at.is_(None)
        )
        for row in connection.execute(query).mappings():
            for contact_id in wanted[(scope, row["key"])]:
                found.setdefault(contact_id, []).append(_row(row))
    return {contact_id: tuple(rows) for contact_id, rows in found.items()}


def topics_left(connection: Connection, address_hash: str) -> tuple[SuppressionRow, ...]:
    """The active suppressions of an address for single topics, in the order of the topics."""
    query = sa.select(suppression).where(
        suppression.c.scope == SuppressionScope.TOPIC.value,
        suppression.c.key.startswith(topic_key(address_hash, ""), autoescape=True),
        suppression.c.lifted_at.is_(None),
    )
    return tuple(map(_row, connection.execute(query.order_by(suppression.c.key)).mappings()))


def active_suppression(connection: Connection, scope: SuppressionScope, key: str) -> SuppressionRow | None:
    """The active suppression with exactly this key, or None."""
    row = (
        connection.execute(
            sa.select(suppression).where(
                suppression.c.scope == scope, suppression.c.key == key, suppression.c.lifted_at.is_(None)
            )
        )
        .mappings()
        .one_or_none()
    )
    return None if row is None else _row(row)


def active_by_address(connection: Connection, address_hashes: Sequence[str]) -> dict[str, SuppressionReason]:
    """Why these addresses themselves are suppressed, by hash; the others are left out."""
    query = sa.select(suppression.c.key, suppression.c.reason).where(
        suppression.c.scope == SuppressionScope.ADDRESS,
        one_of(connection, suppression.c.key, address_hashes),
        suppression.c.lifted_at.is_(None),
    )
    return {row.key: SuppressionReason(row.reason) for row in connection.execute(query)}


def suppress(
    connection: Connection,
    scope: SuppressionScope,
    key: str,
    *,
    shown: str | None,
    reason: SuppressionReason,
    source: str,
    now: datetime,
) -> bool:
    """Set a suppression; False if one is active already (the first one stays).

    ``key`` is an address hash, a domain or an organization's id in digits;
    ``source`` says where it comes from. Two at the same moment do no harm.
    """
    done = connection.execute(
        insert(connection, suppression)
        .values(scope=scope, key=key, shown=shown, reason=reason, source=source, created_at=now)
        .on_conflict_do_nothing()  # the unique index of the active ones decides
        .returning(suppression.c.id)
    )
    return done.one_or_none() is not None


def lift(connection: Connection, scope: SuppressionScope, key: str, *, because: str, now: datetime) -> bool:
    """End the active suppression with this key; False if there is none."""
    done = connection.execute(
        sa.update(suppression)
        .where(suppression.c.scope == scope, suppression.c.key == key, suppression.c.lifted_at.is_(None))
        .values(lifted_at=now, lifted_because=because)
    )
    return done.rowcount > 0


def before_erasure(connection: Connection, key: str) -> SuppressionRow | None:
    """What kept mail from an address until its contact was erased; None: nothing did."""
    query = sa.select(suppression).where(
        suppression.c.scope == SuppressionScope.ADDRESS,
        suppression.c.key == key,
        suppression.c.lifted_because == ERASED,
    )
    row = connection.execute(query.order_by(suppression.c.id.desc()).limit(1)).mappings().one_or_none()
    return None if row is None else _row(row)


def lift_rehearsed(connection: Connection, *, because: str, now: datetime) -> int:
    """End all suppressions that come from mails of the sandbox; how many there were."""
    done = connection.execute(
        sa.update(suppression)
        .where(suppression.c.source.startswith(REHEARSED), suppression.c.lifted_at.is_(None))
        .values(lifted_at=now, lifted_because=because)
    )
    return done.rowcount


def forget_shown(connection: Connection, address_hash: str) -> None:
    """Take the readable address out of every suppression of this hash, lifted ones and those of topics too."""
    connection.execute(
        sa.update(suppression)
        .where(
            sa.or_(
                sa.and_(suppression.c.scope == SuppressionScope.ADDRESS, suppression.c.key == address_hash),
                sa.and_(
                    suppression.c.scope == SuppressionScope.TOPIC,
                    suppression.c.key.startswith(topic_key(address_hash, ""), autoescape=True),
                ),
            )
        )
        .values(shown=None)
    )


def list_suppressions(connection: Connection, *, lifted: bool = False) -> Iterator[SuppressionRow]:
    """Active suppressions (with ``lifted`` also the ended ones), newest first."""
    query = sa.select(suppression).order_by(suppression.c.id.desc())
    if not lifted:
        query = query.where(suppression.c.lifted_at.is_(None))
    for row in connection.execute(query.execution_options(yield_per=500)).mappings():
        yield _row(row)


def _row(values: sa.RowMapping) -> SuppressionRow:
    return SuppressionRow(
        id=values["id"],
        scope=SuppressionScope(values["scope"]),
        key=values["key"],
        shown=values["shown"],
        reason=SuppressionReason(values["reason"]),
        source=values["source"],
        created_at=values["created_at"],
        lifted_at=values["lifted_at"],
        lifted_because=values["lifted_because"],
    )
