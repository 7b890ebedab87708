"""CSV for spreadsheets that runs no formula somebody else put into a name."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TextIO

# What a spreadsheet takes for a formula, the full-width forms too (OWASP, CSV Injection).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def formula_safe(value: object) -> str:
    """``value`` as the text of a cell; what could start a formula gets a ``'`` before it.

    None is an empty cell, instants are ISO 8601. Numbers stay as they are.
    """
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    text = str(value)
    if isinstance(value, int | float):
        return text
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def write_sheet(file: TextIO, header: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Write a header and rows as CSV (RFC 4180); how many rows.

    Open ``file`` with ``newline=""``. Rows are written as they come, in flat memory.
    """
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(header)
    count = 0
    for row in rows:
        writer.writerow([formula_safe(value) for value in row])
        count += 1
    return count
