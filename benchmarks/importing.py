"""A big list of contacts comes in."""

from __future__ import annotations

import csv
import shutil
import tempfile
from pathlib import Path

from benchmarks.measurement import Measurement, median, significant
from benchmarks.processes import NURTURE, ROOT, run

ROWS = 100_000
_HEADER = (
    *("Title", "First name", "Last name", "Role", "Email", "Phone", "Category", "Tags", "Organization"),
    *("Organization phone", "Website", "City", "State", "Postal code", "Time zone", "Owner", "Met on"),
)
_FIRST = ("Ana", "Zoë", "Björn", "Maria", "José", "Li", "Tomasz", "Grace", "Kofi", "Renée")
_LAST = ("Lee", "García", "Müller", "O'Neill", "Zieliński", "Okafor", "Nguyen", "Smith", "Delgado", "Lindqvist")
_KINDS = ("healthcare_provider", "community_agency", "private_business", "sports_club", "school")


def measure() -> list[Measurement]:
    """``nurture contacts import partners FILE --yes`` of 100,000 rows into an empty database.

    The whole command in its own process: reading, the diff, the write in one
    transaction with ``synchronous=FULL``. The file uses the sample clinic's saved
    import with all of its 17 columns, one organization for ten people and a
    consent for each, so nothing is left out that a real list costs. Afterwards
    the contacts are counted. A second import of the same file, which changes
    nothing, is what a clinic does each month.
    """
    first, again = [], []
    with tempfile.TemporaryDirectory(prefix="nurture-bench-") as folder:
        file = Path(folder) / "partners.csv"
        write_rows(file, ROWS)
        for number in range(3):
            clinic = Path(folder) / f"clinic{number}"
            run((*NURTURE, "init", str(clinic), "--yes"))
            shutil.copy2(ROOT / "imports" / "partners.yaml", clinic / "imports" / "partners.yaml")
            command = (*NURTURE, "-w", str(clinic), "contacts", "import", "partners", str(file), "--yes")
            first.append(run(command))
            again.append(run(command))
            _count(clinic)
            shutil.rmtree(clinic)
    return [
        median(f"import of {ROWS:,} rows", [usage.cpu for usage in first], "s CPU", bar=20),
        Measurement(
            f"import of {ROWS:,} rows, peak memory",
            significant(max(usage.peak for usage in first)),
            "MB RSS",
            bar=150,
            runs=tuple(significant(usage.peak) for usage in first),
        ),
        median("the same rows again", [usage.cpu for usage in again], "s CPU"),
        median("the same rows again, peak memory", [usage.peak for usage in again], "MB RSS"),
    ]


def write_rows(file: Path, rows: int) -> None:
    """A list as clinics have them; some names need UTF-8, every address is another."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(_HEADER)
        for row in range(rows):
            place = row // 10
            writer.writerow(
                (
                    *("Dr." if row % 5 == 0 else "", _FIRST[row % 10], f"{_LAST[row // 7 % 10]} {row}", "Director"),
                    *(f"person{row}@partner{place}.example", f"503-555-01{row % 100:02}"),
                    *(_KINDS[place % 5], "active; refers" if row % 3 else "", f"Partner {place}", "503-555-0100"),
                    *(f"https://partner{place}.example", "Salem" if place % 4 else "Keizer", "OR", "97301"),
                    *("America/Los_Angeles", "maya", f"2026-{row % 12 + 1:02}-{row % 28 + 1:02}"),
                )
            )


def _count(clinic: Path) -> None:
    """An import that lost rows would be fast, and worth nothing."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(clinic / "data" / "nurture.db")) as connection:
        (found,) = connection.execute("SELECT count(*) FROM contact").fetchone()
    if found != ROWS:
        raise AssertionError(f"{found} of {ROWS} contacts are there")
