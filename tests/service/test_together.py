"""Three planners and two delivering processes at once on one database: each recipient once."""

import subprocess
import sys
from collections import Counter
from email import message_from_bytes, policy
from pathlib import Path

from nurture.service.counting import count_accounts
from nurture.service.house import open_house

PARTY = Path(__file__).with_name("party.py")
PEOPLE = 120


def test_each_recipient_once(workspace, tmp_path):
    start = tmp_path / "start"
    parties = [
        subprocess.Popen([sys.executable, PARTY, role, workspace, start], stderr=subprocess.PIPE, text=True)
        for role in ("plan", "deliver", "plan", "deliver", "plan")
    ]
    start.touch()
    errors = [party.communicate(timeout=240)[1] for party in parties]
    assert [party.returncode for party in parties] == [0] * 5, errors

    received = Counter(
        message_from_bytes(path.read_bytes(), policy=policy.default)["To"].addresses[0].addr_spec
        for path in (workspace / "data/sandbox/Maildir/new").iterdir()
    )
    assert received == Counter(f"p{number}@club.example" for number in range(PEOPLE))
    with open_house(workspace) as house:
        accounts = count_accounts(house)
    (edition,) = accounts.editions
    assert accounts.balanced, accounts
    assert (edition.planned, edition.sent, edition.waiting) == (PEOPLE, PEOPLE, 0)
