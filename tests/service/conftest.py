"""A workspace with contacts and one broadcast, on either kind of database, its clock driven."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nurture.audience.imports import apply_import, diff_import, import_order
from nurture.clock import DrivenClock
from nurture.service.house import open_house
from nurture.service.running import jobs
from nurture.workspace.scaffold import Answers, init_workspace

BEFORE = datetime(2026, 11, 30, 18, 0, tzinfo=UTC)
DUE = datetime(2026, 12, 1, 18, 0, tzinfo=UTC)  # 10:00 in Oregon
PEOPLE = 120

BROADCAST = """\
kind: broadcast
topic: news
to: {category: sports_club}
schedule: 2026-12-01 at 10:00
subject: Something new, {{ contact.greeting }}
template: announcement
body: We moved.
intent: give
"""


@pytest.fixture
def workspace(tmp_path, database_url) -> Path:
    """The workspace's folder. Its broadcast was loaded the day before it is due."""
    root = tmp_path / "clinic"
    init_workspace(root, Answers(), now=datetime(2026, 11, 20, 20, tzinfo=UTC))
    (root / "campaigns" / "partner-news.yaml").unlink()
    (root / "campaigns" / "moved.yaml").write_text(BROADCAST)
    settings = root / "nurture.yaml"
    settings.write_text(settings.read_text() + f"database: file:{tmp_path / 'database-address'}\n")
    address = tmp_path / "database-address"
    address.write_text(database_url)
    address.chmod(0o600)
    long_ago = (1_700_000_000, 1_700_000_000)  # a file that changes near its time would wait
    for path in root.rglob("*.yaml"):
        os.utime(path, long_ago)
    rows = "".join(f"p{number}@club.example,Pat{number},Doe{number}\n" for number in range(PEOPLE))
    contacts = root / "data" / "contacts.csv"
    contacts.write_text("Email,First name,Last name\n" + rows)
    with open_house(root, clock=DrivenClock(BEFORE)) as house:
        order = import_order(house.workspace, contacts, categories=frozenset(["sports_club"]))
        diff = diff_import(house.store, house.workspace, order, now=BEFORE)
        apply_import(house.store, order, diff, now=BEFORE)
        jobs.plan(house)
    # nobody's consent is asked here: these tests are about who sends what, not who may
    settings.write_text(settings.read_text().replace("[written, verbal, implied]", "[]"))
    os.utime(settings, long_ago)
    return root
