"""Writing contacts: many at once, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.inserting import insert
from nurture.store.schema import contact, contact_category, contact_tag, event
from nurture.vocabulary import EventKind

_IDS_AT_ONCE: Final = 500


def insert_contacts(
    connection: Connection, rows: Sequence[Mapping[str, Any]], *, now: datetime
) -> dict[tuple[str, int], int]:
    """Make contacts from columns by name; their ids by (address key, household).

    All rows may have different columns; those they lack are NULL.
    """
    if not rows:
        return {}
    empty = dict.fromkeys(column.name for column in contact.c if column.name != "id")
    values = [{**empty, **row, "created_at": now, "updated_at": now} for row in rows]
    made = connection.execute(
        sa.insert(contact).returning(contact.c.id, contact.c.address_key, contact.c.household), values
    )
    return {(row.address_key, row.household): row.id for row in made}


def update_contacts(connection: Connection, changes: Mapping[int, Mapping[str, Any]], *, now: datetime) -> None:
    """Write new values into columns, by contact id."""
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for identifier, columns in changes.items():
        names = tuple(sorted(columns))
        by_columns.setdefault(names, []).append(
            {"contact_id_": identifier, "now_": now, **{f"{name}_": columns[name] for name in names}}
        )
    for names, rows in by_columns.items():
        statement = (
            sa.update(contact)
            .where(contact.c.id == sa.bindparam("contact_id_"))
            .values({"updated_at": sa.bindparam("now_"), **{name: sa.bindparam(f"{name}_") for name in names}})
        )
        connection.execute(statement, rows)


def add_categories(connection: Connection, pairs: Iterable[tuple[int, str]]) -> None:
    """Add (contact id, category) pairs; those that are there already stay."""
    insert_for_contacts(connection, contact_category, (({"category": name}, owner) for owner, name in pairs))


def add_tags(connection: Connection, pairs: Iterable[tuple[int, str]]) -> None:
    """Add (contact id, tag) pairs; those that are there already stay."""
    insert_for_contacts(connection, contact_tag, (({"tag": name}, owner) for owner, name in pairs))


def insert_for_contacts(connection: Connection, table: sa.Table, rows: Iterable[tuple[Mapping[str, Any], int]]) -> None:
    """Insert (columns, contact id) pairs, in one statement for all contacts with the same columns.

    An import has few different values for many contacts; this costs a third of one set of parameters for each row.
    """
    by_columns: dict[str, tuple[Mapping[str, Any], list[int]]] = {}
    for columns, owner in rows:
        by_columns.setdefault(repr(columns), (columns, []))[1].append(owner)
    single = []
    for columns, owners in by_columns.values():
        if len(owners) == 1:
            single.append({**columns, "contact_id": owners[0]})
            continue
        values = [sa.literal(value, table.c[name].type) for name, value in columns.items()]
        for start in range(0, len(owners), _IDS_AT_ONCE):
            members = sa.select(contact.c.id, *values).where(contact.c.id.in_(owners[start : start + _IDS_AT_ONCE]))
            new = insert(connection, table).from_select(["contact_id", *columns], members)
            connection.execute(new.on_conflict_do_nothing())
    if single:
        connection.execute(insert(connection, table).on_conflict_do_nothing(), single)


def remove_categories(connection: Connection, contact_id: int, categories: Iterable[str]) -> None:
    """Take categories from one contact."""
    connection.execute(
        sa.delete(contact_category).where(
            contact_category.c.contact_id == contact_id, contact_category.c.category.in_(list(categories))
        )
    )


def remove_tags(connection: Connection, pairs: Iterable[tuple[int, str]]) -> None:
    """Take (contact id, tag) pairs away."""
    rows = [{"owner_": owner, "name_": name} for owner, name in pairs]
    if rows:
        connection.execute(
            sa.delete(contact_tag).where(
                contact_tag.c.contact_id == sa.bindparam("owner_"), contact_tag.c.tag == sa.bindparam("name_")
            ),
            rows,
        )


def archive_contacts(connection: Connection, ids: Sequence[int], *, now: datetime) -> int:
    """Archive contacts that are not yet; how many there were."""
    done = 0
    for start in range(0, len(ids), 500):
        chunk = ids[start : start + 500]
        done += connection.execute(
            sa.update(contact)
            .where(contact.c.id.in_(chunk), contact.c.archived_at.is_(None), contact.c.erased_at.is_(None))
            .values(archived_at=now, updated_at=now)
        ).rowcount
    return done


def ids_imported_from(connection: Connection, name: str) -> list[int]:
    """The contacts that a saved import brought last: not archived, not erased."""
    query = sa.select(contact.c.id).where(
        contact.c.imported_from == name, contact.c.archived_at.is_(None), contact.c.erased_at.is_(None)
    )
    return list(connection.scalars(query.order_by(contact.c.id)))


def record_contact_events(
    connection: Connection, kind: EventKind, now: datetime, events: Iterable[tuple[int, Mapping[str, Any]]]
) -> None:
    """Write one event for each (contact id, data); data holds no personal values."""
    insert_for_contacts(connection, event, (({"kind": kind, "at": now, "data": data}, owner) for owner, data in events))
