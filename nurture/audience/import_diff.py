"""What an import would do, counted, with examples. Pure but for the question who is absent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from nurture.audience.columns import Columns
from nurture.audience.consent import ConsentEnds
from nurture.audience.diff import RowKind
from nurture.audience.import_passes import DecidedChunk, DecidedRow
from nurture.audience.import_plan import ImportPlan
from nurture.store import Connection
from nurture.store.contact_changes import ids_imported_from
from nurture.store.organizations import OrganizationRow, name_key, organizations_by_name

_EXAMPLES: Final = 20  # rows of each kind that are kept for showing
_ORGANIZATIONS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class RowNote:
    """One row to show: ``who`` is empty where the row could not be read."""

    row: int
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class ImportDiff:
    """The outcome of a dry run.

    ``notes`` has up to 20 rows of each kind, and those with a warning under
    "warning". ``refusal`` says why nothing may be written, empty if it may.
    ``columns`` is field to header, ``unused_columns`` are read by nobody.
    ``file_digest`` is that of the file (see `sheet.file_digest`); ``organizations``
    (by name key) and ``plan`` are what would be written.
    """

    rows: int
    new: int
    changed: int
    unchanged: int
    conflicts: int
    duplicates: int
    rejected: int
    warnings: int
    suppressed: int  # rows whose address is suppressed; they stay so
    absent_ids: tuple[int, ...]
    organizations_new: int
    organizations_changed: int
    notes: Mapping[str, tuple[RowNote, ...]]
    columns: Mapping[str, str]
    unused_columns: tuple[str, ...]
    headers: tuple[str, ...]
    refusal: str
    file_digest: str = field(repr=False)
    organizations: Mapping[str, Mapping[str, str]] = field(repr=False)
    plan: ImportPlan = field(repr=False)

    @property
    def in_words(self) -> str:
        """``+12 new, 3 changed, 1 conflict``."""
        counts = (
            (self.new, "new"),
            (self.changed, "changed"),
            (self.conflicts, "conflict" if self.conflicts == 1 else "conflicts"),
            (self.rejected, "rejected"),
            (self.duplicates, "repeated"),
            (self.unchanged, "unchanged"),
            (len(self.absent_ids), "absent"),
        )
        words = [f"{count} {name}" for count, name in counts if count]
        if not words:
            return "nothing to do"
        return f"+{words[0]}{''.join(f', {word}' for word in words[1:])}" if self.new else ", ".join(words)


class DiffBuilder:
    """Adds up decided rows. ``file_digest`` is that of the file, ``ends`` says when consents end."""

    def __init__(self, columns: Columns, *, file_digest: str, ends: ConsentEnds) -> None:
        self._columns = columns
        self._file_digest = file_digest
        self._plan = ImportPlan(ends)
        self._counts: Counter[RowKind] = Counter()
        self._notes: dict[str, list[RowNote]] = {}
        self._organizations: dict[str, dict[str, str]] = {}
        self._warnings = self._suppressed = 0

    def add(self, chunk: DecidedChunk) -> None:
        """Count the rows of a chunk and keep what they write."""
        for row in chunk.rows:
            self._count(row)
        self._plan.add(chunk)

    def _count(self, decided: DecidedRow) -> None:
        decision = decided.decision
        self._counts[decision.kind] += 1
        self._suppressed += decided.suppressed
        if len(self._notes.get(decision.kind, ())) < _EXAMPLES:
            text = decision.reason or ", ".join(decision.changed if decision.kind is RowKind.CHANGED else ())
            self._note(decision.kind, decided, text)
        for warning in decision.warnings:
            self._warnings += 1
            self._note("warning", decided, warning)
        candidate = decided.candidate
        written = decision.kind in (RowKind.NEW, RowKind.CHANGED, RowKind.UNCHANGED)
        if written and candidate is not None and candidate.organization is not None:
            # the first row that says something about an organization counts
            key = name_key(candidate.organization["name"])
            self._organizations[key] = {**candidate.organization, **self._organizations.get(key, {})}

    def finish(
        self, connection: Connection, *, name: str | None, taken: Mapping[int, int], max_bad: float
    ) -> ImportDiff:
        """The diff; ``name`` is the saved import whose earlier contacts may be absent now."""
        absent = () if name is None else tuple(i for i in ids_imported_from(connection, name) if i not in taken)
        new, changed = self._organization_changes(connection)
        return ImportDiff(
            rows=self._counts.total(),
            new=self._counts[RowKind.NEW],
            changed=self._counts[RowKind.CHANGED],
            unchanged=self._counts[RowKind.UNCHANGED],
            conflicts=self._counts[RowKind.CONFLICT],
            duplicates=self._counts[RowKind.DUPLICATE],
            rejected=self._counts[RowKind.REJECTED],
            warnings=self._warnings,
            suppressed=self._suppressed,
            absent_ids=absent,
            organizations_new=new,
            organizations_changed=changed,
            notes={kind: tuple(notes) for kind, notes in self._notes.items()},
            columns=self._columns.headers,
            unused_columns=self._columns.unused,
            headers=self._columns.all_headers,
            refusal=self._refusal(max_bad),
            file_digest=self._file_digest,
            organizations=self._organizations,
            plan=self._plan,
        )

    def _note(self, kind: str, decided: DecidedRow, text: str) -> None:
        notes = self._notes.setdefault(kind, [])
        if len(notes) < _EXAMPLES:
            notes.append(RowNote(decided.row.number, decided.who, text))

    def _refusal(self, max_bad: float) -> str:
        rows, bad = self._counts.total(), self._counts[RowKind.REJECTED]
        if not rows:
            return "the file has no rows under its header; nothing was imported"
        if bad / rows <= max_bad:
            return ""
        reasons = "; ".join(f"row {note.row}: {note.text}" for note in self._notes[RowKind.REJECTED][:5])
        return (
            f"{bad} of {rows} rows are bad, more than {max_bad:.0%}; nothing was imported. {reasons}. "
            "Mend the file, or allow more with --max-bad"
        )

    def _organization_changes(self, connection: Connection) -> tuple[int, int]:
        new = changed = 0
        keys = list(self._organizations)
        for start in range(0, len(keys), _ORGANIZATIONS_AT_ONCE):
            chunk = keys[start : start + _ORGANIZATIONS_AT_ONCE]
            stored = organizations_by_name(connection, chunk)
            new += len(chunk) - len(stored)
            changed += sum(bool(organization_changes(row, self._organizations[key])) for key, row in stored.items())
        return new, changed


def organization_changes(stored: OrganizationRow, values: Mapping[str, str]) -> dict[str, str]:
    """The columns of a stored organization that a file says otherwise; its name stays as it is."""
    return {name: value for name, value in values.items() if name != "name" and getattr(stored, name) != value}
