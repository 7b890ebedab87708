"""The demo: a month of the sample clinic, every kind of partner, accounts that balance."""

import os
import subprocess
import sys
from pathlib import Path

from nurture.vocabulary import CampaignKind, Category

ROOT = Path(__file__).resolve().parents[2]


def test_the_demo_ends_by_itself_and_leaves_nothing(tmp_path):
    before = sorted((ROOT / "data").rglob("*"))
    done = subprocess.run(
        [sys.executable, "-m", "nurture", "demo"],
        cwd=tmp_path,
        env={**os.environ, "CI": "true", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The accounts balance." in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert sorted((ROOT / "data").rglob("*")) == before


async def test_every_kind_of_partner_hears_from_the_clinic():
    from nurture.service.counting import count_accounts
    from nurture.service.demo import demo_house, drive, import_sample
    from nurture.service.jobs import feeds
    from nurture.store.log import page
    from nurture.store.log_pages import Filter
    from nurture.vocabulary import DeliveryState

    with demo_house() as house:
        list(import_sample(house))
        feeds(house)
        kinds = {row.kind async for moment in drive(house) for row in moment.planned.planned}
        assert kinds == set(CampaignKind)
        with house.store.read() as connection:
            rows = page(connection, Filter(house.mode(), states=(DeliveryState.SENT,)), limit=10_000)
        assert {row.variant for row in rows} == set(Category)
        accounts = count_accounts(house)
        assert accounts.balanced
        assert all(edition.waiting == 0 for edition in accounts.editions)
