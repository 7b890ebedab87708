"""Writing contacts: many at once, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.expressions import one_of
from nurture.store.inserting import insert, insert_all
from nurture.store.schema import contact, contact_category, contact_tag, event
from nurture.vocabulary import EventKind


def insert_contacts(connection: Connection, rows: Sequence[Mapping[str, Any]], *, now: datetime) -> list[int]:
    """Make contacts from columns by name; their ids, in the order of the rows.

    All rows may have different columns; those they lack are NULL.
    """
    if not rows:
        return []
    ids = _new_ids(connection, len(rows))
    values = [{**row, "id": identifier} for identifier, row in zip(ids, rows, strict=True)]
    insert_all(connection, contact, values, same={"created_at": now, "updated_at": now})
    return ids


def _new_ids(connection: Connection, count: int) -> list[int]:
    """The ids of the next contacts; asking for them first costs less than RETURNING with each row."""
    if connection.dialect.name == "sqlite":  # nobody else writes in our transaction
        last = connection.scalar(sa.select(sa.func.max(contact.c.id))) or 0
        return list(range(last + 1, last + 1 + count))
    sequence = "SELECT nextval(pg_get_serial_sequence('contact', 'id')) FROM generate_series(1, :count)"
    return list(connection.scalars(sa.text(sequence), {"count": count}))


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
    rows = [({"category": name}, owners) for name, owners in _by_value(pairs).items()]
    insert_for_contacts(connection, contact_category, rows)


def add_tags(connection: Connection, pairs: Iterable[tuple[int, str]]) -> None:
    """Add (contact id, tag) pairs; those that are there already stay."""
    insert_for_contacts(connection, contact_tag, [({"tag": name}, owners) for name, owners in _by_value(pairs).items()])


def _by_value(pairs: Iterable[tuple[int, str]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for owner, value in pairs:
        found.setdefault(value, []).append(owner)
    return found


def insert_for_contacts(
    connection: Connection, table: sa.Table, rows: Iterable[tuple[Mapping[str, Any], Sequence[int]]]
) -> None:
    """Insert (columns, contact ids): a row with these columns for each of the contacts; what is there already stays.

    An import has few different values for many contacts; one statement for all
    of those costs a small part of one set of parameters for each row.
    """
    single = []
    for columns, owners in rows:
        if len(owners) == 1:
            single.append({**columns, "contact_id": owners[0]})
            continue
        values = [sa.literal(value, table.c[name].type) for name, value in columns.items()]
        members = sa.select(contact.c.id, *values).where(one_of(connection, contact.c.id, owners))
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
    connection: Connection, kind: EventKind, now: datetime, events: Iterable[tuple[Mapping[str, Any], Sequence[int]]]
) -> None:
    """Write one event for each contact of each (data, contact ids); data holds no personal values."""
    insert_for_contacts(connection, event, [({"kind": kind, "at": now, "data": data}, ids) for data, ids in events])
