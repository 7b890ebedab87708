"""Tables on narrow terminals, closed pipes, and times that people can believe."""

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from nurture.cli import output
from nurture.clock import SystemClock


def shown(capsys, monkeypatch, width, *rows):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    output.console.cache_clear()
    try:
        output.table([">id", "edition", "address", "reason or answer"], rows)
    finally:
        output.console.cache_clear()
    return capsys.readouterr().out


ROW = (7, "partner-news@2026-12-01T09:30", "odette@cottonwooddance.example", "250 2.0.0 kept in the sandbox")


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_narrow_terminal_loses_no_cell_and_breaks_no_word(capsys, monkeypatch, width):
    out = shown(capsys, monkeypatch, width, ROW)
    for word in ("7", "partner-news@2026-12-01T09:30", "odette@cottonwooddance.example", "sandbox"):
        assert word in out.split()
    assert all(len(line) <= width for line in out.splitlines())


def test_a_wide_terminal_gets_columns(capsys, monkeypatch):
    out = shown(capsys, monkeypatch, 140, ROW, ROW)
    assert len([line for line in out.splitlines() if "odette@cottonwooddance.example" in line]) == 2
    assert "─" in out


@pytest.mark.parametrize("words", ["plan", "plan --json", "campaigns", "version"])
def test_who_stops_reading_gets_no_traceback(clinic, words):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "nurture", *words.split()],
            cwd=clinic.root,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_suppressions_have_the_clinics_time(clinic):
    clinic.change("nurture.yaml", "America/Los_Angeles", "Etc/GMT-14")
    assert clinic.run("contacts", "suppress", "--domain", "y.example").code == 0
    ahead = SystemClock().now().astimezone(UTC)
    out = clinic.run("contacts", "suppressed").out
    assert f"{datetime.fromtimestamp(ahead.timestamp() + 14 * 3600, UTC):%Y-%m-%d %H}:" in out


def test_names_that_are_none_are_told_with_those_that_are(clinic):
    assert "there is no edition yet" in clinic.run("log", "--campaign", "prtner-news").err
    assert "private_business" in clinic.run("contacts", "list", "--category", "gym").err
