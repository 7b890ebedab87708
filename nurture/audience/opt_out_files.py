"""Reading the exports of an earlier mail system: who left, file by file, also inside a zip.

Files are read by the reader of contact imports (`sheet`), with its encodings and limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from nurture.address import Address, AddressError
from nurture.audience import cells
from nurture.audience.addresses import AddressReader
from nurture.audience.cells import CellError
from nurture.audience.opt_out_archive import open_tables
from nurture.audience.opt_out_columns import OptOutColumns, opt_out_columns
from nurture.audience.opt_out_rows import STRENGTH, Standing, read_standing
from nurture.audience.sheet import Row, read_rows
from nurture.errors import InputError
from nurture.vocabulary import SuppressionReason

_MAX_ADDRESS: Final = 320
_NOTES_KEPT: Final = 1000  # of one file; the counts are of all


@dataclass(frozen=True, slots=True)
class OptOut:
    """One person who left. ``on`` is the day, where the file says it."""

    address: Address
    reason: SuppressionReason
    on: date | None
    source: str


@dataclass(frozen=True, slots=True)
class RowNote:
    """Something about one row; ``place`` is ``file:line``."""

    place: str
    text: str


@dataclass(slots=True)
class FileReport:
    """What one file holds. ``unread`` rows are skipped; ``doubts`` are only about a value of a row."""

    file: str
    format: str
    tells_leaving: bool = True
    opt_outs: dict[SuppressionReason, int] = field(default_factory=dict)
    staying: int = 0
    unread_count: int = 0
    unread: list[RowNote] = field(default_factory=list)
    doubts: list[RowNote] = field(default_factory=list)


@dataclass(slots=True)
class OptOuts:
    """All files together: one entry for each address, by its key. ``unused`` are tables of a zip that name nobody."""

    people: dict[str, OptOut] = field(default_factory=dict)
    files: list[FileReport] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)

    def add(self, found: OptOut) -> None:
        """Take one more row: the strongest reason counts, and its latest day."""
        known = self.people.get(found.address.key)
        if known is None or _outweighs(found, known):
            self.people[found.address.key] = found


def read_opt_outs(paths: Iterable[Path], *, all_unsubscribed: bool, day_first: bool, today: date) -> OptOuts:
    """Everybody who left, by these files.

    Raises `InputError` for a file that cannot be read to its end, has no
    addresses, or does not say who left.
    """
    found = OptOuts()
    for path in paths:
        with open_tables(path) as tables:
            before = len(found.files)
            for table, shown in tables:
                with read_rows(table, shown=shown) as rows:
                    try:
                        columns, rest = _begin(rows, shown, all_unsubscribed=all_unsubscribed)
                    except InputError:
                        if table == path:
                            raise
                        found.unused.append(shown)
                        continue
                    reader = _FileReader(found, columns, shown, day_first=day_first, today=today)
                    reader.read(rest)
            if len(found.files) == before:
                raise InputError(f"{path} holds no table that says who left")
    return found


class _FileReader:
    """Reads the rows of one file into `OptOuts`."""

    def __init__(self, into: OptOuts, columns: OptOutColumns, shown: str, *, day_first: bool, today: date) -> None:
        self.into, self.columns, self.day_first, self.today = into, columns, day_first, today
        self.report = FileReport(shown, columns.format, columns.tells_leaving)
        self.addresses = AddressReader()
        into.files.append(self.report)

    def read(self, rows: Iterable[Row]) -> None:
        for row in rows:
            place = f"{self.report.file}:{row.number}"
            try:
                self._take(row, place)
            except (CellError, AddressError) as error:
                self.report.unread_count += 1
                _note(self.report.unread, place, str(error))

    def _take(self, row: Row, place: str) -> None:
        standing = read_standing(self.columns, row.cells, day_first=self.day_first, today=self.today)
        if standing.reason is None:
            self.report.staying += 1
            return
        address = self._address(row, standing)
        self.report.opt_outs[standing.reason] = self.report.opt_outs.get(standing.reason, 0) + 1
        if standing.doubt:
            _note(self.report.doubts, place, standing.doubt)
        self.into.add(OptOut(address, standing.reason, standing.on, self.report.file))

    def _address(self, row: Row, standing: Standing) -> Address:
        place = self.columns.address
        written = cells.text(row.cells[place], longest=_MAX_ADDRESS) if place < len(row.cells) else None
        if written is None:
            raise CellError(f"no address ({standing.reason})")
        try:
            return self.addresses.read(written)
        except AddressError as error:
            raise CellError(f"{written!r} ({standing.reason}): {error}") from error


def _begin(rows: Iterator[Row], shown: str, *, all_unsubscribed: bool) -> tuple[OptOutColumns, Iterator[Row]]:
    """What the file is, and its rows without the one that names the columns."""
    first = next(rows, None)
    if first is None:
        raise InputError(f"{shown} has no rows")
    names = ["" if cell is None else str(cell).strip() for cell in first.cells]
    columns, has_header = opt_out_columns(names, shown, all_unsubscribed=all_unsubscribed)

    def rest() -> Iterator[Row]:
        if not has_header:
            yield first
        yield from rows

    return columns, rest()


def _outweighs(found: OptOut, known: OptOut) -> bool:
    if found.reason != known.reason:
        return STRENGTH[found.reason] > STRENGTH[known.reason]
    return found.on is not None and (known.on is None or found.on > known.on)


def _note(notes: list[RowNote], place: str, text: str) -> None:
    if len(notes) < _NOTES_KEPT:
        notes.append(RowNote(place, text))
