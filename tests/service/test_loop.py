"""`nurture run` as people run it: a process that plans, delivers, and stops cleanly."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime

import pytest

from nurture.workspace.scaffold import Answers, init_workspace

# Mail never leaves at night, so the clinic is where it is about noon.
HOURS = 12 - datetime.now(UTC).hour
ZONE = f"Etc/GMT{-HOURS:+d}" if HOURS else "Etc/GMT"
PATIENCE = 90.0
CONTACTS = """\
Email,First name,Category,Consent,Consent date,Consent source
a@club.example,Ann,sports_club,implied,2026-09-01,card
b@club.example,Bob,sports_club,implied,2026-09-01,card
"""


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "clinic"
    init_workspace(folder, Answers(time_zone=ZONE), today=date(2026, 11, 20))
    settings = folder / "nurture.yaml"
    settings.write_text(settings.read_text() + 'window: {hours: {mon-sun: "07:00-21:00"}}\n')
    (folder / "data" / "contacts.csv").write_text(CONTACTS)
    nurture(folder, "db", "upgrade")
    nurture(folder, "contacts", "import", "data/contacts.csv", "--yes")
    return folder


def nurture(folder, *words):
    done = subprocess.run(
        [sys.executable, "-m", "nurture", *words], cwd=folder, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def start(folder):
    return subprocess.Popen(
        [sys.executable, "-m", "nurture", "run"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def wait_for(what):
    """Wait until ``what`` is true; slow machines get their time."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if what():
            return
        time.sleep(0.1)
    pytest.fail("it did not happen in time")


def mails(folder):
    new = folder / "data/sandbox/Maildir/new"
    return list(new.iterdir()) if new.exists() else []


def loops(folder):
    done = subprocess.run(
        [sys.executable, "-m", "nurture", "status", "--json"], cwd=folder, capture_output=True, text=True, check=False
    )
    return json.loads(done.stdout)["status"]["loops"]


def test_two_loops_deliver_once_and_stop_cleanly(root):
    running = [start(root), start(root)]
    try:
        wait_for(lambda: len(loops(root)) == 2)
        sent = json.loads(nurture(root, "send", "partner-news", "--yes", "--json"))
        assert sent["by_loop"] is True
        wait_for(lambda: len(mails(root)) == 2)
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        said = [process.communicate(timeout=PATIENCE)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    for words in said:
        assert "Sandbox inbox: http://127.0.0.1:" in words
        assert "no new mail leaves" in words
        assert "Traceback" not in words
    assert len(mails(root)) == 2, "each mail once"
    assert json.loads(nurture(root, "accounts", "--json"))["balanced"] is True


def test_files_with_problems_leave_the_last_good_set_at_work(root):
    process = start(root)
    try:
        wait_for(lambda: len(loops(root)) == 1)
        (root / "segments" / "bad.yaml").write_text("catgory: school\n")
        wait_for(lambda: b"segments/bad.yaml:1:1" in status(root))
        (root / "segments" / "bad.yaml").unlink()
        wait_for(lambda: b"segments/bad.yaml" not in status(root))
    finally:
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0, said


def status(folder):
    """What the alert says; read from the database, since commands refuse to work on broken files."""
    import sqlite3

    with sqlite3.connect(folder / "data/nurture.db") as database:
        rows = database.execute("SELECT message FROM alert WHERE resolved_at IS NULL").fetchall()
    return " ".join(message for (message,) in rows).encode()
