"""Writing what was decided, chunk by chunk, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from nurture.audience.candidates import GivenConsent
from nurture.audience.consent import ConsentEnds
from nurture.audience.consent_ends import renew_consent_ends
from nurture.audience.diff import consent_row
from nurture.audience.import_diff import organization_changes
from nurture.audience.import_plan import ContactWrite
from nurture.audience.moved_addresses import carry_suppression
from nurture.store import Connection
from nurture.store.consents import record_consents
from nurture.store.contact_changes import (
    add_categories,
    add_tags,
    insert_contacts,
    record_contact_events,
    remove_tags,
    update_contacts,
)
from nurture.store.organizations import add_organizations, change_organization, organizations_by_name
from nurture.vocabulary import EventKind

_ORGANIZATIONS_AT_ONCE: Final = 500


class ImportWriter:
    """Writes the chunks of one import; ``source`` names it, ``ends`` says when consents end."""

    def __init__(self, connection: Connection, *, source: str, ends: ConsentEnds, now: datetime) -> None:
        self._connection, self._source, self._ends, self._now = connection, source, ends, now
        self._organization_ids: dict[str, int] = {}

    def write_organizations(self, organizations: Mapping[str, Mapping[str, str]]) -> None:
        """Make or change the organizations of the file, by name key."""
        keys = list(organizations)
        moved = []  # to another country
        for start in range(0, len(keys), _ORGANIZATIONS_AT_ONCE):
            chunk = {key: organizations[key] for key in keys[start : start + _ORGANIZATIONS_AT_ONCE]}
            for key, row in organizations_by_name(self._connection, list(chunk)).items():
                self._organization_ids[key] = row.id
                changes = organization_changes(row, chunk[key])
                if changes:
                    change_organization(self._connection, row.id, changes, now=self._now)
                if "country" in changes:
                    moved.append(row.id)
            new = [row for key, row in chunk.items() if key not in self._organization_ids]
            self._organization_ids.update(add_organizations(self._connection, new, now=self._now))
        if moved:
            renew_consent_ends(self._connection, self._ends, organization_ids=moved)

    def write(self, rows: Sequence[ContactWrite]) -> list[int]:
        """Write one chunk; gives back the ids of its new contacts."""
        changed = {row.contact_id: row for row in rows if row.contact_id is not None}
        new = [row for row in rows if row.contact_id is None]
        update_contacts(
            self._connection,
            {identifier: columns for identifier, row in changed.items() if (columns := self._columns(row))},
            now=self._now,
        )
        ids = insert_contacts(self._connection, [self._columns(row) for row in new], now=self._now)
        made = dict(zip(ids, new, strict=True))
        written = {**changed, **made}
        self._write_sets(written)
        self._write_consents(written)
        for row in changed.values():
            if row.old_address_hash is not None:
                carry_suppression(
                    self._connection,
                    row.old_address_hash,
                    row.columns["address_hash"],
                    shown=row.columns["address"],
                    source=self._source,
                    now=self._now,
                )
        return ids

    def _columns(self, row: ContactWrite) -> Mapping[str, Any]:
        if row.organization is None:
            return row.columns
        return {**row.columns, "organization_id": self._organization_ids[row.organization]}

    def _write_sets(self, written: Mapping[int, ContactWrite]) -> None:
        add_categories(self._connection, [(i, name) for i, row in written.items() for name in row.categories])
        add_tags(self._connection, [(i, tag) for i, row in written.items() for tag in row.tags])
        remove_tags(self._connection, [(i, tag) for i, row in written.items() for tag in row.removed_tags])
        source = self._source
        imported: dict[tuple[str, ...] | None, list[int]] = {}  # what changed, None for a new contact
        for identifier, row in written.items():
            if row.contact_id is None or row.changed:
                imported.setdefault(None if row.contact_id is None else row.changed, []).append(identifier)
        events = [
            ({"source": source, "new": True} if changed is None else {"source": source, "changed": list(changed)}, ids)
            for changed, ids in imported.items()
        ]
        record_contact_events(self._connection, EventKind.IMPORTED, self._now, events)

    def _write_consents(self, written: Mapping[int, ContactWrite]) -> None:
        given: dict[GivenConsent, list[int]] = {}
        rows = []
        for identifier, row in written.items():
            if row.consent is not None:
                given.setdefault(row.consent, []).append(identifier)
                rows.append(consent_row(identifier, row.consent, recorded_at=self._now))
        record_consents(self._connection, rows)
        renew_consent_ends(self._connection, self._ends, contact_ids=list(written))
        events = [({"kind": consent.kind, "source": consent.source}, ids) for consent, ids in given.items()]
        record_contact_events(self._connection, EventKind.CONSENTED, self._now, events)
