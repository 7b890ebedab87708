"""CSV files about people: mode 0600, complete or not there, harmless in a spreadsheet."""

from __future__ import annotations

import csv
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Final, Protocol

from nurture.errors import InputError

# What makes a spreadsheet take a text for a formula (CWE-1236; OWASP, CSV Injection), full-width forms too.
FORMULA_STARTS: Final = "=+-@\t\r\n|＝＋－＠"


class RowWriter(Protocol):
    """Takes one row after the other."""

    def __call__(self, cells: Sequence[object]) -> None:
        """Write one row."""
        ...


def formula_safe(value: object) -> str:
    """The value as text that no spreadsheet calculates; what could start a formula gets a ``'`` before it.

    None is empty, instants and dates are ISO 8601, numbers stay as they are.
    """
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date | int | float):
        return str(value)
    text = str(value)
    return f"'{text}" if text[:1] and text[0] in FORMULA_STARTS else text


@contextmanager
def private_csv(path: Path) -> Iterator[RowWriter]:
    """A writer of rows for a new file; it gets its name when the block ends well.

    UTF-8 with a byte order mark, which spreadsheets need. An older file of that
    name is replaced. Raises `InputError` if the folder cannot be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)

            def write(cells: Sequence[object]) -> None:
                writer.writerow([formula_safe(cell) for cell in cells])

            yield write
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
