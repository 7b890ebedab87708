"""CSV for spreadsheets that runs no formula somebody else put into a name."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import TextIO

from nurture.audience.private_csv import formula_safe


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
