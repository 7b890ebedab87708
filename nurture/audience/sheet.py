"""Rows of a CSV or XLSX file, one at a time, with the line they start on.

CSV: the delimiter and the encoding are found out where they are not given.
Raises `InputError` with the place for files that cannot be read.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Final, NamedTuple, TextIO

from nurture.audience.workbook_size import check_workbook
from nurture.errors import InputError

Cell = str | int | float | bool | date | None

_DELIMITERS: Final = (",", ";", "\t", "|", ":")
_SAMPLE_ROWS: Final = 20
_MAX_CELL: Final = 10_000  # characters; a stray quote would otherwise swallow the file
_BLOCK: Final = 1 << 16


class Row(NamedTuple):
    """One row; ``number`` is the line (CSV) or row (XLSX) it starts on, from 1."""

    number: int
    cells: Sequence[Cell]


@contextmanager
def read_rows(
    path: Path,
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    shown: str | None = None,
) -> Iterator[Iterator[Row]]:
    """The rows that are not blank, the header first, as an iterator inside ``with``.

    XLSX is told by its first bytes. Cells of CSV files are texts, those of XLSX
    typed. Raises `InputError` at the start or while iterating; errors in CSV rows
    name ``shown``, without it the path.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        yield _workbook_rows(path, sheet)
        return
    found = {"utf-8": "utf-8-sig"}.get(encoding, encoding) if encoding else detect_encoding(path)
    with path.open(encoding=found, newline="") as text:
        name = shown or str(path)
        yield _csv_rows(name, text, delimiter or _detect_delimiter(path, found, name))


def file_digest(path: Path) -> str:
    """The SHA-256 of the file's bytes; raises `InputError` if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def detect_encoding(path: Path) -> str:
    """``utf-8-sig``, ``utf-16`` or ``cp1252``: by byte order mark, then by what decodes.

    Raises `InputError` for an empty file and for bytes that are no text.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        start = file.read(4)
        if not start:
            raise InputError(f"{path} is empty")
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if start[1:2] == b"\0" and start[:1] != b"\0":
            return "utf-16-le"
        if start[:1] == b"\0" and start[1:2] != b"\0":
            return "utf-16-be"
        file.seek(0)
        try:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8-sig"


def _detect_delimiter(path: Path, encoding: str, name: str) -> str:
    """The delimiter that cuts the first rows into the most columns, the same number in each."""
    scores = []
    for place, delimiter in enumerate(_DELIMITERS):
        widths = []
        with path.open(encoding=encoding, newline="") as text:
            for row in _csv_rows(name, text, delimiter):
                widths.append(len(row.cells))
                if len(widths) == _SAMPLE_ROWS:
                    break
        if widths and widths[0] > 1:
            scores.append((sum(width == widths[0] for width in widths), widths[0], -place, delimiter))
    return max(scores)[-1] if scores else ","


def _csv_rows(name: str, text: TextIO, delimiter: str) -> Iterator[Row]:
    try:
        reader = csv.reader(text, delimiter=delimiter)
    except (TypeError, ValueError) as error:
        raise InputError(f"{delimiter!r} cannot separate columns: {error}") from error
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(f"{name}:{line}: {error}; perhaps a quotation mark is not closed") from error
        except UnicodeError as error:
            raise InputError(
                f"{name}: after line {line} there are bytes that are no text in {text.encoding}; "
                "save the file as CSV UTF-8"
            ) from error
        if max(map(len, cells), default=0) > _MAX_CELL:
            raise InputError(
                f"{name}:{line}: a cell of more than {_MAX_CELL} characters; a quotation mark is not closed"
            )
        if any(map(str.strip, cells)):
            yield Row(line, cells)
        line = reader.line_num + 1


def _workbook_rows(path: Path, sheet: str | None) -> Iterator[Row]:
    from python_calamine import CalamineError, CalamineWorkbook  # lazy: start-up time

    check_workbook(path)
    try:
        workbook = CalamineWorkbook.from_path(str(path))
        names = workbook.sheet_names
        if sheet is not None and sheet not in names:
            raise InputError(f"{path} has no sheet {sheet!r}; it has {', '.join(names)}")
        if not names:
            raise InputError(f"{path} has no sheet")
        found = workbook.get_sheet_by_name(sheet or names[0])
        first = found.start[0] if found.start else 0
        for offset, cells in enumerate(found.iter_rows()):
            row = [_plain(cell) for cell in cells]
            if any(cell is not None for cell in row):
                yield Row(first + offset + 1, row)
    except (CalamineError, OSError) as error:
        raise InputError(f"{path} is not a workbook that can be read: {error}") from error


def _plain(cell: object) -> Cell:
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, str):
        return cell if cell.strip() else None
    if isinstance(cell, bool | int | float | date):
        return cell
    return None if cell is None else str(cell)
