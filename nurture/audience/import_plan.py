"""The decisions of a diff, kept until somebody says yes to them: small, in memory, never on the disk."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from nurture.address import Address
from nurture.audience.candidates import GivenConsent
from nurture.audience.consent import ConsentEnds
from nurture.audience.diff import RowKind
from nurture.audience.import_facts import Question
from nurture.audience.import_passes import DecidedChunk, DecidedRow
from nurture.audience.sheet import Cell


class ContactWrite(NamedTuple):
    """What is written for one row, all but the organization's id.

    A tuple, because reading it back costs a tenth of what a dataclass costs.
    """

    row: int
    contact_id: int | None  # None: a new contact
    columns: Mapping[str, Any]
    changed: tuple[str, ...]  # names of what changes in a known contact, for the event
    organization: str | None  # name key, where it is new to the contact
    categories: frozenset[str]
    tags: frozenset[str]
    removed_tags: frozenset[str]
    consent: GivenConsent | None
    old_address_hash: str | None  # where the address changes


class RefusedRow(NamedTuple):
    """A row that is not written, with the reason."""

    row: int
    reason: str
    cells: Sequence[Cell]


class PlannedChunk(NamedTuple):
    """One chunk's writes; they hold while the database answers ``question`` with what has this ``digest``."""

    question: Question
    digest: int
    writes: list[ContactWrite]
    refused: list[RefusedRow]
    known: list[int]  # contacts that the chunk's rows are


class ImportPlan:
    """All that one import writes, in the file's order. ``ends`` says when the consents end.

    Kept compressed, about 100 bytes a row: a list is as big as it wants to be.
    """

    def __init__(self, ends: ConsentEnds) -> None:
        self.ends = ends
        self._chunks: list[bytes] = []

    def add(self, chunk: DecidedChunk) -> None:
        """Keep the decisions of the next chunk."""
        rows = chunk.rows
        planned = PlannedChunk(
            question=chunk.question,
            digest=chunk.digest,
            writes=[contact_write(row) for row in rows if row.decision.kind in (RowKind.NEW, RowKind.CHANGED)],
            refused=[
                RefusedRow(row.row.number, row.decision.reason, row.row.cells)
                for row in rows
                if row.decision.kind in (RowKind.REJECTED, RowKind.CONFLICT)
            ],
            known=[row.decision.contact_id for row in rows if row.decision.contact_id is not None],
        )
        self._chunks.append(zlib.compress(pickle.dumps(planned, pickle.HIGHEST_PROTOCOL), 1))

    def __iter__(self) -> Iterator[PlannedChunk]:
        for packed in self._chunks:
            # our own bytes, which never left this process
            planned: PlannedChunk = pickle.loads(zlib.decompress(packed))  # noqa: S301
            yield planned


def contact_write(decided: DecidedRow) -> ContactWrite:
    """What a new or changed row writes."""
    candidate, decision = decided.candidate, decided.decision
    assert candidate is not None, "only readable rows are written"
    columns = dict(decision.columns)
    if decision.kind is RowKind.NEW or "address" in columns:
        columns.update(address_columns(candidate.address, decided.address_hash))
    return ContactWrite(
        row=decision.row,
        contact_id=decision.contact_id,
        columns=columns,
        changed=decision.changed if decision.contact_id is not None else (),
        organization=decision.organization,
        categories=decision.add_categories,
        tags=decision.add_tags,
        removed_tags=decision.remove_tags,
        consent=decision.consent,
        old_address_hash=decision.old_address_hash,
    )


def address_columns(address: Address, address_hash: str) -> dict[str, str]:
    """The four columns that an address fills."""
    return {
        "address": address.text,
        "address_key": address.key,
        "address_hash": address_hash,
        "domain": address.domain,
    }
