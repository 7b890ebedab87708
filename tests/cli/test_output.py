"""Tables on narrow terminals, closed pipes, and times that people can believe."""

import json
import logging
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from nurture.cli import output
from nurture.cli.messages import print_messages
from nurture.cli.sending import print_loop_messages
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


@pytest.mark.parametrize("width", range(70, 100))
def test_a_headers_words_make_room_before_a_cell_is_cut(capsys, monkeypatch, width):
    """As while an edition waits: no mail of it has an answer yet."""
    out = shown(capsys, monkeypatch, width, (*ROW[:3], None))
    assert set(ROW[1:3]) <= set(out.split())


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


# an escape sequence, the same by one byte of C1, a bell, a return, a Trojan Source override, rich's markup and emoji
STEERING = "x\x1b[31m\x9b31m\x07\r\u202e[red][/]:smile:"
SEEN = r"x\u001b[31m\u009b31m\u0007\u000d\u202e[red][/]:smile:"


@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["words", "json"])
def test_a_sheets_header_does_not_steer_the_terminal(clinic, as_json):
    header = STEERING.replace("\r", "")
    clinic.write("list.csv", f"Email,{header}\nlee@a.example,1\n")
    ran = clinic.run("contacts", "import", "list.csv", "--category", "school", "--yes", *as_json)
    assert ran.code == 0, ran
    assert SEEN.replace(r"\u000d", "") in ran.out


@pytest.mark.parametrize("command", ["check", "status", "check --json"])
def test_a_files_name_does_not_steer_the_terminal(clinic, command):
    name, seen = STEERING.replace("[/]", ""), SEEN.replace("[/]", "")
    clinic.write(f"campaigns/{name}.yaml", "a: 1\n")
    ran = clinic.run(*command.split())
    assert ran.code == 1
    assert f"campaigns/{seen}.yaml" in (ran.out + ran.err).replace(r"\r", r"\u000d")


def test_a_files_name_that_is_no_text_is_told(clinic):
    clinic.write("l\udcff.csv", "Email\nlee@a.example\nnobody\n")
    ran = clinic.run("contacts", "import", "l\udcff.csv", "--category", "school", "--yes", "--max-bad", "90")
    assert ran.code == 1
    assert r"l\udcff.csv.rejected.csv" in ran.said


def test_log_messages_do_not_steer_the_terminal(capsys):
    for as_json in (False, True):
        print_messages(as_json=as_json)
        logging.getLogger("nurture").info("feed %s", STEERING)
    shown = capsys.readouterr()
    assert not set("\x1b\x9b\x07\u202e") & set(shown.out + shown.err)
    assert json.loads(shown.out)["message"] == f"feed {STEERING}"


@pytest.mark.parametrize("verbose", [False, True])
def test_an_edition_that_takes_longer_than_a_round_is_no_news(capsys, verbose):
    """APScheduler warns whenever a job still runs at its next time: every 2 seconds while mail leaves."""
    print_loop_messages(verbose=verbose, as_json=False)
    logging.getLogger("apscheduler.scheduler").warning("skipped: maximum number of running instances reached")
    assert ("skipped" in capsys.readouterr().err) == verbose
