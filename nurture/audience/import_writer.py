"""Writing decided rows, chunk by chunk, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from nurture.address import Address, address_hash
from nurture.audience.diff import RowKind, consent_row
from nurture.audience.import_diff import organization_changes
from nurture.audience.import_passes import DecidedRow
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


def address_columns(address: Address, key: bytes) -> dict[str, str]:
    """The four columns that an address fills."""
    return {
        "address": address.text,
        "address_key": address.key,
        "address_hash": address_hash(address.key, key),
        "domain": address.domain,
    }


class ImportWriter:
    """Writes the chunks of one import; ``source`` names it, ``country`` is the clinic's."""

    def __init__(self, connection: Connection, key: bytes, *, source: str, country: str, now: datetime) -> None:
        self._connection, self._key = connection, key
        self._source, self._country, self._now = source, country, now
        self._organization_ids: dict[str, int] = {}

    def write_organizations(self, organizations: Mapping[str, Mapping[str, str]]) -> None:
        """Make or change the organizations of the file, by name key."""
        keys = list(organizations)
        for start in range(0, len(keys), _ORGANIZATIONS_AT_ONCE):
            chunk = {key: organizations[key] for key in keys[start : start + _ORGANIZATIONS_AT_ONCE]}
            for key, row in organizations_by_name(self._connection, list(chunk)).items():
                self._organization_ids[key] = row.id
                changes = organization_changes(row, chunk[key])
                if changes:
                    change_organization(self._connection, row.id, changes, now=self._now)
            new = [row for key, row in chunk.items() if key not in self._organization_ids]
            self._organization_ids.update(add_organizations(self._connection, new, now=self._now))

    def write(self, rows: Sequence[DecidedRow]) -> dict[int, int]:
        """Write one chunk; gives back the row numbers of new contacts by id."""
        changed = {
            row.decision.contact_id: row
            for row in rows
            if row.decision.kind is RowKind.CHANGED and row.decision.contact_id is not None
        }
        new = [row for row in rows if row.decision.kind is RowKind.NEW]
        update_contacts(
            self._connection,
            {identifier: columns for identifier, row in changed.items() if (columns := self._columns(row))},
            now=self._now,
        )
        inserted = insert_contacts(self._connection, [self._columns(row) for row in new], now=self._now)
        written = dict(changed)
        for row in new:
            assert row.candidate is not None, "a new contact comes from a readable row"
            written[inserted[(row.candidate.address.key, row.decision.columns["household"])]] = row
        self._write_sets(written)
        self._write_consents(written)
        for row in changed.values():
            if row.decision.old_address_hash is not None and row.candidate is not None:
                carry_suppression(
                    self._connection,
                    row.decision.old_address_hash,
                    address_hash(row.candidate.address.key, self._key),
                    shown=row.candidate.address.text,
                    source=self._source,
                    now=self._now,
                )
        return {identifier: row.row.number for identifier, row in written.items() if identifier not in changed}

    def _columns(self, row: DecidedRow) -> dict[str, Any]:
        assert row.candidate is not None, "only readable rows are written"
        columns = dict(row.decision.columns)
        if row.decision.kind is RowKind.NEW or "address" in columns:
            columns.update(address_columns(row.candidate.address, self._key))
        if row.decision.organization is not None:
            columns["organization_id"] = self._organization_ids[row.decision.organization]
        return columns

    def _write_sets(self, written: Mapping[int, DecidedRow]) -> None:
        decisions = [(identifier, row.decision) for identifier, row in written.items()]
        add_categories(self._connection, [(i, name) for i, decision in decisions for name in decision.add_categories])
        add_tags(self._connection, [(i, tag) for i, decision in decisions for tag in decision.add_tags])
        remove_tags(self._connection, [(i, tag) for i, decision in decisions for tag in decision.remove_tags])
        record_contact_events(
            self._connection,
            EventKind.IMPORTED,
            self._now,
            [
                (i, {"source": self._source, "new": True} if d.kind is RowKind.NEW else
                 {"source": self._source, "changed": list(d.changed)})
                for i, d in decisions
                if d.kind is RowKind.NEW or d.changed
            ],
        )  # fmt: skip

    def _write_consents(self, written: Mapping[int, DecidedRow]) -> None:
        given = [(i, row, row.decision.consent) for i, row in written.items() if row.decision.consent is not None]
        record_consents(
            self._connection,
            [
                consent_row(i, consent, country=self._country_of(row), recorded_at=self._now)
                for i, row, consent in given
            ],
        )
        record_contact_events(
            self._connection,
            EventKind.CONSENTED,
            self._now,
            [(i, {"kind": consent.kind, "source": consent.source}) for i, _, consent in given],
        )

    def _country_of(self, row: DecidedRow) -> str:
        candidate = row.candidate
        assert candidate is not None, "only readable rows are written"
        organization = candidate.organization or {}
        return str(candidate.values.get("country") or organization.get("country") or self._country)
