"""Whoever runs a command sees what needs a person."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from nurture.service.house import open_house
from nurture.store import alerts
from nurture.vocabulary import AlertKind

NOW = datetime(2026, 11, 25, 18, 0, tzinfo=UTC)


@pytest.fixture
def troubled(clinic):
    """A clinic in which five things need a person; the first is told at length, and tries to steer the terminal."""
    with open_house(clinic.root) as house, house.store.write() as connection:
        words = "535 5.7.8 \x1b[2J wrong password\nand more " + "word " * 100
        alerts.raise_alert(connection, AlertKind.SENDER_STOPPED, "clinic", words, NOW)
        for number in range(4):
            alerts.raise_alert(connection, AlertKind.FEED_FAILED, f"feed{number}", "404", NOW + timedelta(days=number))
    return clinic


def test_three_stand_above_what_a_command_says(troubled):
    ran = troubled.run("contacts", "list")
    assert "! " not in ran.out
    first, *others = ran.err.splitlines()
    assert first.startswith(r"! sender stopped (clinic): 535 5.7.8 \u001b[2J wrong password and more word")
    assert first.endswith("…")
    assert len(first) < 180
    assert others == ["! feed failed (feed0): 404", "! feed failed (feed1): 404", "! and 2 more: nurture alerts"]


@pytest.mark.parametrize(
    "words",
    [("contacts", "list", "--json"), ("status", "--json"), ("alerts",), ("alerts", "--json"), ("contacts", "--help")],
)
def test_programs_and_the_list_itself_are_left_alone(troubled, words):
    assert troubled.run(*words).err == ""


def test_without_alerts_nothing_is_said(clinic):
    assert clinic.run("contacts", "list").err == ""


def test_the_list_says_all_of_them_and_done_closes_one(troubled):
    ran = troubled.run("alerts")
    assert ran.code == 1
    for words in ("sender stopped", "feed3", "2026-11-28", "nurture alerts done 1"):
        assert words in ran.said
    closed = troubled.run("alerts", "done", "2")
    assert (closed.code, closed.out, closed.err) == (0, "Closed: feed failed (feed0).\n", "")
    assert "no alert 2 is open" in troubled.run("alerts", "done", "2").err
    listed = json.loads(troubled.run("alerts", "--json").out)
    assert [alert["id"] for alert in listed["alerts"]] == [1, 3, 4, 5]
    for number in (1, 3, 4, 5):
        troubled.run("alerts", "done", number)
    ran = troubled.run("alerts")
    assert (ran.code, ran.out) == (0, "Nothing needs a person.\n")


@pytest.mark.parametrize("words", [("--help",), ("alerts", "--help"), ("version",)])
def test_no_database_is_opened_where_none_is_needed(tmp_path, words):
    looked = "import sys; from nurture.cli import main; sys.argv = ['nurture', *sys.argv[1:]]\n"
    looked += (
        "try: main()\nfinally: print(sorted({'sqlalchemy', 'asyncio', 'jinja2'} & set(sys.modules)), file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", looked, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stderr.strip() == "[]"
