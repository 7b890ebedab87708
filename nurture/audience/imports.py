"""Importing contacts from a file: first a diff, then the very same decisions written in one transaction.

The diff streams the file and decides row by row in chunks, and keeps what each
chunk writes. Decisions depend on the file and on what the database says of the
chunk's people; the transaction that writes looks at both again, chunk by chunk,
and writes nothing if they changed.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Final

from nurture.audience.address_key import load_address_key
from nurture.audience.candidates import CandidateReader, GivenConsent, sensitive_fields
from nurture.audience.columns import Columns, match_columns
from nurture.audience.consent import ConsentEnds
from nurture.audience.diff import ImportRules
from nurture.audience.import_diff import DiffBuilder, ImportDiff
from nurture.audience.import_facts import look_up
from nurture.audience.import_passes import ImportPass
from nurture.audience.import_writer import ImportWriter
from nurture.audience.private_csv import RowWriter, private_csv
from nurture.audience.sheet import Row, file_digest, read_rows
from nurture.errors import ImportRefusedError, InputError, NotFoundError
from nurture.store import Store
from nurture.store.contact_changes import archive_contacts
from nurture.vocabulary import Category
from nurture.workspace.settings import Settings
from nurture.workspace.workspace import Workspace

__all__ = ["ImportDiff", "ImportOrder", "ImportResult", "apply_import", "diff_import", "import_order"]

_OBJECTS_BETWEEN_COLLECTIONS: Final = 200_000


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """What to import and how; make it with `import_order`.

    ``columns`` is field to header, with ``recognize`` other fields are found by
    their headers. ``max_bad`` is the share of bad rows (0 to 1) above which nothing is written.
    """

    file: Path
    name: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    recognize: bool = True
    categories: frozenset[Category] = frozenset()
    tags: frozenset[str] = frozenset()
    consent: GivenConsent | None = None
    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    household: bool = False
    clear_empty: bool = False
    replace_tags: bool = False
    archive_absent: bool = False
    max_bad: float = 0.10

    @property
    def source(self) -> str:
        """How events and suppressions name this import."""
        return f"import: {self.name or self.file.name}"


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What was written. ``rejected_file`` has the rows that were not, with reasons."""

    new: int
    changed: int
    archived: int
    rejected_file: Path | None


def import_order(
    workspace: Workspace,
    file: Path,
    *,
    name: str | None = None,
    columns: Mapping[str, str] | None = None,
    categories: frozenset[Category] = frozenset(),
    tags: frozenset[str] = frozenset(),
    consent: GivenConsent | None = None,
    delimiter: str | None = None,
    household: bool = False,
    clear_empty: bool = False,
    replace_tags: bool = False,
    archive_absent: bool = False,
    max_bad: float = 0.10,
) -> ImportOrder:
    """The order for a file, with the saved import ``name`` as its base.

    ``columns`` (``--map``) come on top of the saved ones. Raises `NotFoundError`
    for an unknown name, `InputError` for what does not fit together.
    """
    if name is not None and name not in workspace.imports:
        known = ", ".join(sorted(workspace.imports)) or "none"
        raise NotFoundError(f"there is no saved import {name} (imports/{name}.yaml); there are {known}")
    if archive_absent and name is None:
        raise InputError("only a saved import (imports/NAME.yaml) knows which contacts it brought and so who is absent")
    saved = workspace.imports[name] if name else None
    if consent is None and saved is not None and saved.consent is not None:
        consent = GivenConsent(saved.consent.kind, saved.consent.source, saved.consent.date, saved.consent.until)
    return ImportOrder(
        file=file,
        name=name,
        columns={**(saved.columns if saved else {}), **(columns or {})},
        recognize=not (saved and saved.columns),
        categories=categories | frozenset(saved.category if saved else ()),
        tags=tags | frozenset(saved.tags if saved else ()),
        consent=consent,
        delimiter=delimiter or (saved.delimiter if saved else None),
        encoding=saved.encoding if saved else None,
        sheet=saved.sheet if saved else None,
        household=household,
        clear_empty=clear_empty,
        replace_tags=replace_tags,
        archive_absent=archive_absent,
        max_bad=max_bad,
    )


@contextmanager
def _few_collections() -> Iterator[None]:
    """Rows make no reference cycles; to look for some in each chunk takes a sixth of an import."""
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@_few_collections()
def diff_import(store: Store, workspace: Workspace, order: ImportOrder, *, now: datetime) -> ImportDiff:
    """What the import would do; writes nothing (but the address key, on first use).

    Raises `InputError` for a file that cannot be read, `ImportRefusedError` for
    one that must not be imported at all.
    """
    key = load_address_key(store, workspace.root / "data")
    rules = _rules(order)
    digest = file_digest(order.file)  # before reading: a file that changes meanwhile has another one when it is written
    with _open_file(order, workspace.settings, now) as (columns, reader, rows), store.read() as connection:
        builder = DiffBuilder(columns, file_digest=digest, ends=ConsentEnds.of(workspace.settings))
        decided = ImportPass(connection, reader, rules, key)
        for chunk in decided.chunks(rows):
            builder.add(chunk)
        return builder.finish(connection, name=order.name, taken=decided.taken, max_bad=order.max_bad)


@_few_collections()
def apply_import(store: Store, order: ImportOrder, diff: ImportDiff, *, now: datetime) -> ImportResult:
    """Write what ``diff`` said, all or nothing; rows that are not written go to ``FILE.rejected.csv``.

    Raises `ImportRefusedError` if too many rows are bad, or if the contacts or
    the file changed since the diff; then nothing is written.
    """
    if diff.refusal:
        raise ImportRefusedError(diff.refusal)
    if file_digest(order.file) != diff.file_digest:
        raise ImportRefusedError(f"{order.file} changed since the diff was shown; import again")
    with _rejects(order, diff) as reject, store.write() as connection:
        writer = ImportWriter(connection, source=order.source, ends=diff.plan.ends, now=now)
        writer.write_organizations(diff.organizations)
        taken: set[int] = set()
        for chunk in diff.plan:
            if look_up(connection, chunk.question).digest(taken) != chunk.digest:
                raise ImportRefusedError("the contacts changed since the diff was shown; import again")
            for refused in chunk.refused:
                reject([refused.row, refused.reason, *refused.cells])
            taken.update(writer.write(chunk.writes), chunk.known)
        archived = archive_contacts(connection, diff.absent_ids if order.archive_absent else (), now=now)
    path = _rejected_path(order) if diff.rejected or diff.conflicts else None
    return ImportResult(new=diff.new, changed=diff.changed, archived=archived, rejected_file=path)


def _rules(order: ImportOrder) -> ImportRules:
    return ImportRules(
        household=order.household,
        clear_empty=order.clear_empty,
        replace_tags=order.replace_tags,
        imported_from=order.name,
    )


@contextmanager
def _open_file(
    order: ImportOrder, settings: Settings, now: datetime
) -> Iterator[tuple[Columns, CandidateReader, Iterator[Row]]]:
    today = settings.today(now)
    _check_consent(order, today)
    allowed = settings.imports.allow_columns
    opened = read_rows(order.file, delimiter=order.delimiter, encoding=order.encoding, sheet=order.sheet)
    with opened as rows:
        header = next(rows, None)
        if header is None:
            raise InputError(f"{order.file} has no rows")
        names = ["" if cell is None else str(cell).strip() for cell in header.cells]
        columns = match_columns(names, order.columns, recognize=order.recognize)
        if Category.PAST_PATIENT in order.categories:
            _refuse_sensitive(columns, allowed)
        reader = CandidateReader(
            columns,
            country=settings.clinic.address.country,
            today=today,
            allow_columns=allowed,
            categories=order.categories,
            tags=order.tags,
            consent=order.consent,
        )
        yield columns, reader, rows


def _check_consent(order: ImportOrder, today: date) -> None:
    given = order.consent
    if given is None:
        return
    if given.obtained_on > today:
        raise InputError(f"the consent's date {given.obtained_on.isoformat()} is in the future")
    if given.until is not None and given.until < given.obtained_on:
        raise InputError(f"the consent's last day {given.until.isoformat()} is before it was given")


def _refuse_sensitive(columns: Columns, allowed: tuple[str, ...]) -> None:
    """Even a column that nobody asked for: such a file should not lie around."""
    everything = Columns(columns.fields, {**columns.headers, **{name: name for name in columns.unused}}, (), ())
    found = sorted(everything.headers[name] for name in sensitive_fields(everything, allowed))
    if found:
        raise ImportRefusedError(
            f"past patients must not come with {', '.join(found)}: take these columns out of the file, "
            "or name them under imports.allow_columns in nurture.yaml. Nothing was imported."
        )


def _rejected_path(order: ImportOrder) -> Path:
    return order.file.with_name(f"{order.file.name}.rejected.csv")


@contextmanager
def _rejects(order: ImportOrder, diff: ImportDiff) -> Iterator[RowWriter]:
    if not (diff.rejected or diff.conflicts):
        yield lambda cells: None
        return
    with private_csv(_rejected_path(order)) as write:
        write(["row", "reason", *diff.headers])
        yield write
