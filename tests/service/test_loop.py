"""`nurture run` as people run it: a process that plans, delivers, and stops cleanly."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from nurture.service.house import open_house
from nurture.service.running import jobs
from nurture.store.alerts import open_alerts
from nurture.workspace.scaffold import Answers, init_workspace
from tests.service.noon import NOON_ZONE

PATIENCE = 90.0
CONTACTS = """\
Email,First name,Category,Consent,Consent date,Consent source
a@club.example,Ann,sports_club,implied,2026-09-01,card
b@club.example,Bob,sports_club,implied,2026-09-01,card
"""


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "clinic"
    init_workspace(folder, Answers(time_zone=NOON_ZONE), now=datetime(2026, 11, 20, 20, tzinfo=UTC))
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


def start(folder, *words):
    return subprocess.Popen(
        [sys.executable, "-m", "nurture", "run", *words],
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


def status(folder):
    done = subprocess.run(
        [sys.executable, "-m", "nurture", "status", "--json"], cwd=folder, capture_output=True, text=True, check=False
    )
    return json.loads(done.stdout)["status"]


def test_two_loops_deliver_once_and_stop_cleanly(root):
    running = [start(root), start(root)]
    try:
        wait_for(lambda: len(status(root)["loops"]) == 2)
        sent = json.loads(nurture(root, "send", "partner-news", "--yes", "--json"))
        assert sent["by_loop"] is True
        wait_for(lambda: len(mails(root)) == 2)
        wait_for(lambda: {job["job"] for job in status(root)["jobs"] if not job["error"]} == set(jobs.INTERVALS))
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


def test_a_further_worker_delivers_into_the_sandbox_of_the_first(root):
    settings = root / "nurture.yaml"
    text = settings.read_text()
    assert "    address:" in text
    # a single connection belongs to the worker that does not plan
    settings.write_text(text.replace("    address:", "    connections: 1\n    address:", 1))
    running = start(root, "--workers", "2")
    try:
        wait_for(lambda: status(root)["loops"] and status(root)["members"])
        nurture(root, "send", "partner-news", "--yes")
        wait_for(lambda: len(mails(root)) == 2)
    finally:
        running.send_signal(signal.SIGTERM)
        said = running.communicate(timeout=PATIENCE)[0]
    assert running.returncode == 0, said
    assert "Traceback" not in said
    assert json.loads(nurture(root, "accounts", "--json"))["balanced"] is True


def test_files_with_problems_leave_the_last_good_set_at_work(root):
    with open_house(root) as clinic:
        good = clinic.workspace
        (root / "segments" / "bad.yaml").write_text("catgory: school\n")
        jobs.plan(clinic)
        assert clinic.workspace is good
        assert [alert.kind for alert in alerts_of(clinic)] == ["broken_files"]
        assert "segments/bad.yaml:1:1" in alerts_of(clinic)[0].message
        (root / "segments" / "bad.yaml").unlink()
        jobs.plan(clinic)
        assert alerts_of(clinic) == ()


def alerts_of(clinic):
    with clinic.store.read() as connection:
        return open_alerts(connection)
