"""`make soak` itself, in small."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.soak import report
from tests.soak.report import Row
from tests.soak.trial import Result

ROOT = Path(__file__).resolve().parents[2]


def result(*, lost: int = 0, problems: tuple[str, ...] = ()) -> Result:
    states = Counter(sent=9, uncertain=1)
    return Result(10, states, kills=1, rounds=2, most_uncertain=4, lost=lost, duplicates=0, problems=problems)


def test_a_small_run_counts_and_leaves_the_document_alone() -> None:
    before = report.DOCUMENT.read_bytes()
    command = [sys.executable, "-m", "tests.soak.run", "--database", "sqlite", "--recipients", "24", "--times", "1"]
    done = subprocess.run(
        [*command, "--mails", "60", "--phase", "settled", "--only", "kills", "--only", "random"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 lost" in done.stdout
    assert "84 mails" in done.stdout
    assert report.DOCUMENT.read_bytes() == before


def test_trials_of_one_phase_are_added_up_and_what_broke_is_named() -> None:
    row = Row.of("settled", "SQLite", "f00d", [result(), result(lost=1, problems=("1 mails lost",))])
    assert (row.trials, row.mails, row.kills, row.lost, row.uncertain, row.at_most) == (2, 20, 2, 1, 2, 8)
    assert row.problems == ("trial 1: 1 mails lost",)
    assert row.line.endswith("BROKEN")


def test_the_document_keeps_the_rows_of_parts_that_were_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = tmp_path / "reliability.md"
    document.write_text("Before.\n\n<!-- soak -->\n\n<!-- end of soak -->\n\nAfter.\n")
    monkeypatch.setattr(report, "DOCUMENT", document)
    first, second = (Row.of("settled", kind, "f00d", [result()]) for kind in ("SQLite", "PostgreSQL"))
    report.write([first, second])
    report.write([Row.of("settled", "SQLite", "beef", [result(), result()])])
    text = document.read_text()
    rows = [line for line in text.splitlines() if line.startswith("| settled")]
    assert [row.split(" | ")[1:4] + row.split(" | ")[9:10] for row in rows] == [
        ["SQLite", "2", "20", "beef"],
        ["PostgreSQL", "1", "10", "f00d"],
    ]
    assert text.startswith("Before.\n\n<!-- soak -->")
    assert text.endswith("<!-- end of soak -->\n\nAfter.\n")
