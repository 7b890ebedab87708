"""Rules of the house that no linter knows (CONTRIBUTING.md)."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "nurture"
FILES = sorted(PACKAGE.rglob("*.py"))
MAX_FILE, MAX_FUNCTION = 400, 60
CLOCK_READERS = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("date", "today"),
    ("time", "time"),
    ("time", "monotonic"),
}


def trees():
    for path in FILES:
        yield str(path.relative_to(PACKAGE)), ast.parse(path.read_text(encoding="utf-8"))


def test_only_the_clock_reads_the_time():
    found = [
        f"{name}:{node.lineno}"
        for name, tree in trees()
        if name != "clock.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in CLOCK_READERS
    ]
    assert found == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_fit_the_eye(path):
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= MAX_FILE, f"{lines} lines: what is the second name hiding in it?"


def test_functions_fit_the_eye():
    found = [
        f"{name}:{node.lineno} {node.name}"
        for name, tree in trees()
        if "/versions/" not in name  # a migration is written once and never read as a story
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno + 1 > MAX_FUNCTION
    ]
    assert found == []


def test_no_grab_bags():
    forbidden = {"utils", "helpers", "manager", "common", "misc"}
    assert [path for path in FILES if forbidden & set(path.stem.split("_"))] == []
