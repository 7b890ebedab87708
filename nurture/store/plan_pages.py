"""The rows of a plan, page by page: the database makes them from the contacts, in one step for all who get the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from nurture.store import news
from nurture.store.editions import EditionRow
from nurture.store.expressions import one_of_parameter
from nurture.store.readers import Reader
from nurture.store.schema import contact, delivery, edition
from nurture.vocabulary import Category, DeliveryState, SkipReason

PAGE_ROWS = 2000  # deliveries in one transaction: workers wait for its end


@dataclass(frozen=True, slots=True)
class PlannedDelivery:
    """What is planned for all readers who are alike. ``reason`` None: queued, else skipped. Instants are UTC."""

    variant: Category
    reason: SkipReason | None
    consent_mask: int
    not_before: datetime
    not_after: datetime
    news: tuple[str, ...] = ()


def add_page(
    connection: Connection,
    held: EditionRow,
    page: Iterable[tuple[Reader, PlannedDelivery]],
    *,
    through: int,
    now: datetime,
) -> None:
    """Write what is planned for each reader, and how far the plan got. ``held`` is from `lock`, in state planning.

    Nobody gets a second row, and no address a second mail: the schema sees to it.
    """
    groups: dict[tuple[PlannedDelivery, int | None], list[int]] = {}
    for reader, planned in page:
        shares_with = reader.addressee if reader.addressee != reader.id else None
        groups.setdefault((planned, shares_with), []).append(reader.id)
    lists = news.keep_lists(connection, {planned.news for planned, _ in groups if _carries(planned)})
    for (planned, shares_with), ids in groups.items():
        values = _values(held, planned, lists[planned.news] if _carries(planned) else None, now)
        if planned.reason is None:
            values["addressee"] = shares_with
        statement = _rows_for(connection.dialect.name, queued=planned.reason is None)
        connection.execute(statement, {f"its_{name}": value for name, value in values.items()} | {"ids": ids})
    connection.execute(_GOT_THROUGH, {"its_id": held.id, "through": through})


def _values(held: EditionRow, planned: PlannedDelivery, news_list_id: int | None, now: datetime) -> dict[str, Any]:
    queued = planned.reason is None
    return {
        "mode": held.mode,
        "edition_id": held.id,
        "campaign": held.campaign,
        "created_at": now,
        "variant": planned.variant,
        "news_list_id": news_list_id,
        "state": DeliveryState.QUEUED if queued else DeliveryState.SKIPPED,
        "reason": planned.reason,
        "consent_mask": planned.consent_mask,
        "not_before": planned.not_before,
        "not_after": planned.not_after,
        "next_attempt_at": planned.not_before,
        "settled_at": None if queued else now,
    }


def _carries(planned: PlannedDelivery) -> bool:
    return planned.reason is None and bool(planned.news)


_SHARED = (
    "mode", "edition_id", "campaign", "created_at", "variant", "news_list_id", "state", "reason", "consent_mask",
    "not_before", "not_after", "next_attempt_at", "settled_at",
)  # fmt: skip
_GOT_THROUGH = (
    sa.update(edition).where(edition.c.id == sa.bindparam("its_id")).values(planned_through=sa.bindparam("through"))
)


@cache
def _rows_for(dialect: str, *, queued: bool) -> sa.Insert:
    """The rows of contacts for whom the same is planned; built once, as a page has many such groups."""
    shared = {name: sa.bindparam(f"its_{name}", type_=delivery.c[name].type) for name in _SHARED}
    # only a mail that may leave takes the address; see the table
    first = sa.bindparam("its_addressee", type_=delivery.c.addressee.type)
    addressee = sa.func.coalesce(first, contact.c.id) if queued else sa.cast(sa.null(), first.type)
    own = {
        "contact_id": contact.c.id,
        "organization_id": contact.c.organization_id,
        "recipient_key": contact.c.address_hash,
        "addressee": addressee,
        "address": contact.c.address,
        "domain": contact.c.domain,
    }
    chosen = sa.select(*shared.values(), *own.values()).where(one_of_parameter(dialect, contact.c.id, "ids"))
    made = postgresql.insert(delivery) if dialect == "postgresql" else sqlite.insert(delivery)
    return made.from_select([*_SHARED, *own], chosen).on_conflict_do_nothing()
