"""What `run` found: a row for each phase and database, for people and for docs/reliability.md."""

import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.soak.trial import Result

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "reliability.md"
_BEGIN, _END = "<!-- soak -->", "<!-- end of soak -->"
_TITLES = ("phase", "database", "trials", "mails", "kills", "lost", "sent twice", "uncertain", "at most", "seed", "day")


@dataclass(frozen=True)
class Row:
    """All trials of one phase on one database, added up. ``at_most`` is what could be uncertain."""

    phase: str
    database: str
    trials: int
    mails: int
    kills: int
    lost: int
    duplicates: int
    uncertain: int
    at_most: int
    seconds: float
    seed: str
    problems: tuple[str, ...]

    @classmethod
    def of(cls, phase: str, database: str, seed: str, trials: Iterable[Result]) -> Self:
        began = time.monotonic()
        results = list(trials)
        return cls(
            phase,
            database,
            len(results),
            sum(result.mails for result in results),
            sum(result.kills for result in results),
            sum(result.lost for result in results),
            sum(result.duplicates for result in results),
            sum(result.uncertain for result in results),
            sum(result.most_uncertain for result in results),
            time.monotonic() - began,
            seed,
            tuple(f"trial {number}: {words}" for number, each in enumerate(results) for words in each.problems),
        )

    @property
    def line(self) -> str:
        """For the terminal."""
        return (
            f"{self.database:<10}  {self.phase:<33}  {self.trials:>2} × {self.mails // self.trials:,} mails  "
            f"{self.kills:>3} kills  {self.lost} lost  {self.duplicates} twice  "
            f"{self.uncertain:>4} uncertain (≤ {self.at_most})  {self.seconds:5.0f} s"
            f"{'  BROKEN' if self.problems else ''}"
        )

    @property
    def cells(self) -> tuple[str, ...]:
        numbers = (self.trials, self.mails, self.kills, self.lost, self.duplicates, self.uncertain, self.at_most)
        return (self.phase, self.database, *(f"{each:,}" for each in numbers), self.seed, time.strftime("%Y-%m-%d"))


def write(rows: Sequence[Row]) -> None:
    """Put the rows into the document; rows of parts that were not run stay, and so do the words around the table."""
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(_BEGIN)
    table, _, after = rest.partition(_END)
    known = {cells[:2]: cells for cells in map(_cells_of, table.splitlines()) if len(cells) == len(_TITLES)}
    known.pop(_TITLES[:2], None)
    known = {key: cells for key, cells in known.items() if not key[0].startswith("---")}
    known |= {row.cells[:2]: row.cells for row in rows}
    lines = [_line(_TITLES), _line(("---", "---", *["---:"] * 7, "---", "---")), *map(_line, known.values())]
    machine = f"The last part ran on {os.cpu_count()} cores with {sys.implementation.name} {sys.version.split()[0]}."
    text = "\n".join([*lines, "", machine])
    DOCUMENT.write_text(f"{before}{_BEGIN}\n\n{text}\n\n{_END}{after}", encoding="utf-8")


def _cells_of(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip().strip("|").split("|"))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
