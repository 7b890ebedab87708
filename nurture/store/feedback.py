"""What came back about addresses: counted for decisions, absences and proposals kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store import events
from nurture.store.expressions import one_of
from nurture.store.inserting import insert
from nurture.store.matching import OurMail
from nurture.store.schema import absence, contact, delivery, event, organization, proposal, suppression
from nurture.vocabulary import (
    BounceAct,
    BounceKind,
    DeliveryState,
    EventKind,
    Mode,
    ProposalKind,
    SuppressionReason,
    SuppressionScope,
)

_ANYBODY_AWAY = sa.select(absence.c.contact_id).where(absence.c.until >= sa.bindparam("on_day")).limit(1)
_ALIVE = (EventKind.REPLIED, EventKind.CLICKED)  # a reader showed life: soft bounces before count no more


def record(
    connection: Connection, kind: EventKind, mail: OurMail, now: datetime, *, key: str, data: Mapping[str, Any]
) -> bool:
    """One event of a delivery; False if this inbound mail (``key``) said so before."""
    return events.record(
        connection,
        kind,
        now,
        delivery_id=mail.delivery_id,
        edition_id=mail.edition_id,
        contact_id=mail.contact_id,
        data=data,
        dedupe_key=key,
    )


def soft_bounces(connection: Connection, contact_id: int, *, mode: Mode) -> tuple[datetime, ...]:
    """When soft bounces of a contact came since it last showed life, oldest first; each delivery counts once (UTC)."""
    alive = sa.select(sa.func.max(event.c.at)).where(event.c.contact_id == contact_id, event.c.kind.in_(_ALIVE))
    since = connection.scalar(alive)
    query = (
        sa.select(sa.func.min(event.c.at))
        .join(delivery, delivery.c.id == event.c.delivery_id)
        .where(
            event.c.contact_id == contact_id,
            event.c.kind == EventKind.BOUNCED,
            event.c.data["kind"].as_string().in_([BounceKind.SOFT, BounceKind.HARD]),
            event.c.data["proven"].as_boolean(),
            delivery.c.mode == mode,
        )
        .group_by(event.c.delivery_id)
    )
    if since is not None:
        query = query.where(event.c.at > since)
    return tuple(sorted(connection.execute(query).scalars()))


def hard_bounces(connection: Connection, edition_id: int) -> tuple[int, int]:
    """About how many mails of an edition we were told that the address does not exist, and how many were sent."""
    hard = sa.select(sa.func.count(event.c.delivery_id.distinct())).where(
        event.c.edition_id == edition_id,
        event.c.kind == EventKind.BOUNCED,
        event.c.data["act"].as_string().in_([BounceAct.SUPPRESS_HARD, BounceAct.DOUBT]),
    )
    sent = sa.select(sa.func.count()).where(delivery.c.edition_id == edition_id, delivery.c.state == DeliveryState.SENT)
    return connection.scalar(hard) or 0, connection.scalar(sent) or 0


def complaints(connection: Connection, campaign: str, *, mode: Mode, since: datetime) -> tuple[int, int]:
    """About how many mails of a campaign, sent since then, readers complained; and how many were sent."""
    sent = (
        (delivery.c.mode == mode)
        & (delivery.c.campaign == campaign)
        & (delivery.c.state == DeliveryState.SENT)
        & (delivery.c.settled_at >= since)
    )
    about = (
        sa.select(sa.func.count(delivery.c.id.distinct()))
        .join_from(delivery, event, event.c.delivery_id == delivery.c.id)
        .where(sent, event.c.kind == EventKind.COMPLAINED)
    )
    return connection.scalar(about) or 0, connection.scalar(sa.select(sa.func.count()).where(sent)) or 0


def away(connection: Connection, contact_id: int, until: date, now: datetime) -> None:
    """The contact is away up to this day; what was told last counts."""
    statement = insert(connection, absence).values(contact_id=contact_id, until=until, told_at=now)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["contact_id"], set_={"until": until, "told_at": now})
    )


def absences(connection: Connection, contact_ids: Sequence[int], *, on: date) -> dict[int, date]:
    """Who of these is away on a day, and up to which day."""
    if connection.execute(_ANYBODY_AWAY, {"on_day": on}).first() is None:
        return {}  # as on most days; a plan asks for every page
    query = sa.select(absence.c.contact_id, absence.c.until).where(
        absence.c.until >= on, one_of(connection, absence.c.contact_id, contact_ids)
    )
    return {row.contact_id: row.until for row in connection.execute(query)}


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a machine, or a reader on a page, said of a contact; ``new_address`` where one was named."""

    id: int
    contact_id: int
    kind: ProposalKind
    new_address: str | None
    made_at: datetime


def propose(
    connection: Connection,
    contact_id: int,
    kind: ProposalKind,
    new_address: str | None,
    now: datetime,
    *,
    key: str | None,
) -> bool:
    """Keep a proposal until somebody decides; False if an open one says the same kind of thing.

    ``key`` is the inbound mail that said so; None: the reader did, on a page.
    """
    done = connection.execute(
        insert(connection, proposal)
        .values(contact_id=contact_id, kind=kind, new_address=new_address, inbound_key=key, made_at=now)
        .on_conflict_do_nothing(index_elements=["contact_id", "kind"], index_where=sa.text("decided_at IS NULL"))
        .returning(proposal.c.id)
    )
    return done.first() is not None


def open_proposals(connection: Connection) -> tuple[Proposal, ...]:
    """The proposals that nobody decided about, oldest first."""
    query = sa.select(proposal).where(proposal.c.decided_at.is_(None)).order_by(proposal.c.id)
    return tuple(
        Proposal(row.id, row.contact_id, ProposalKind(row.kind), row.new_address, row.made_at)
        for row in connection.execute(query)
    )


def decide_proposal(connection: Connection, proposal_id: int, *, accepted: bool, now: datetime) -> bool:
    """Somebody decided; False if it was decided before, or never made."""
    done = connection.execute(
        sa.update(proposal)
        .where(proposal.c.id == proposal_id, proposal.c.decided_at.is_(None))
        .values(decided_at=now, accepted=accepted)
    )
    return done.rowcount > 0


@dataclass(frozen=True, slots=True)
class DeadAddress:
    """A contact whose address does not work any more, with what helps to reach the person.

    ``reason`` None: it is said not to exist, by a bounce that was doubted, and gets mail until somebody looked.
    """

    contact_id: int
    name: str
    address: str
    organization: str | None
    phone: str | None
    reason: SuppressionReason | None
    since: datetime


_WHO = (
    contact.c.id,
    contact.c.first_name,
    contact.c.last_name,
    contact.c.address,
    contact.c.phone,
    organization.c.name.label("organization"),
    organization.c.phone.label("organization_phone"),
)
_PRESENT = contact.c.archived_at.is_(None) & contact.c.erased_at.is_(None)
_ACTIVE = (
    (suppression.c.scope == SuppressionScope.ADDRESS)
    & (suppression.c.key == contact.c.address_hash)
    & suppression.c.lifted_at.is_(None)
)
_DEAD = (
    sa.select(*_WHO, suppression.c.reason, suppression.c.created_at.label("since"))
    .join_from(contact, suppression, _ACTIVE)
    .join(organization, organization.c.id == contact.c.organization_id, isouter=True)
    .where(_PRESENT, suppression.c.reason.in_([SuppressionReason.HARD_BOUNCED, SuppressionReason.SOFT_BOUNCED]))
)
_DOUBTED = (
    sa.select(*_WHO, sa.null().label("reason"), sa.func.max(event.c.at).label("since"))
    .join_from(contact, event, event.c.contact_id == contact.c.id)
    .join(organization, organization.c.id == contact.c.organization_id, isouter=True)
    .where(
        _PRESENT,
        event.c.kind == EventKind.BOUNCED,
        event.c.data["act"].as_string() == BounceAct.DOUBT,
        ~sa.exists().where(_ACTIVE),
    )
    .group_by(contact.c.id, organization.c.id)
)


def dead_addresses(connection: Connection) -> tuple[DeadAddress, ...]:
    """Contacts, neither archived nor erased, whose address bounced for good, or so a doubted bounce says.

    The latest first.
    """
    rows = [*connection.execute(_DEAD), *connection.execute(_DOUBTED)]
    return tuple(
        DeadAddress(
            contact_id=row.id,
            name=" ".join(filter(None, (row.first_name, row.last_name))),
            address=row.address,
            organization=row.organization,
            phone=row.phone or row.organization_phone,
            reason=SuppressionReason(row.reason) if row.reason else None,
            since=row.since,
        )
        for row in sorted(rows, key=lambda row: (row.since, row.id), reverse=True)
    )
