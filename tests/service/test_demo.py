"""The demo: a month of the sample clinic, every kind of partner, accounts that balance."""

import os
import subprocess
import sys
from datetime import timedelta
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
    from nurture.service.running.jobs import feeds
    from nurture.store.log import page
    from nurture.store.log_pages import Filter
    from nurture.vocabulary import DeliveryState

    with demo_house() as house:
        list(import_sample(house))
        feeds(house)
        moments = [moment async for moment in drive(house)]
        assert {row.kind for moment in moments for row in moment.planned.planned} == set(CampaignKind)
        with house.store.read() as connection:
            rows = page(connection, Filter(house.mode(), states=(DeliveryState.SENT,)), limit=10_000)
        assert {row.variant for row in rows} == set(Category)
        accounts = count_accounts(house)
        assert accounts.balanced
        assert all(edition.waiting == 0 for edition in accounts.editions)


async def test_what_comes_back_is_read_and_followed():
    from nurture.reports.replies import clock_of, latest_replies
    from nurture.service.demo import demo_house, drive, import_sample
    from nurture.store import suppressions
    from nurture.store.log import page
    from nurture.store.log_pages import Filter
    from nurture.vocabulary import DeliveryState, MailKind, ReplyStanding, ReplyTopic

    with demo_house() as house:
        list(import_sample(house))
        came = [moment.came_back async for moment in drive(house, days=12) if moment.came_back]
        assert came == [
            {MailKind.REPLY: 2, MailKind.AUTOREPLY: 1, MailKind.BOUNCE: 1, MailKind.COMPLAINT: 1},
            {MailKind.OWN: 1},
        ]
        clock, now = clock_of(house.workspace.settings), house.clock.now()
        replies = {each.reply.topic: each for each in latest_replies(house.store, clock, now, limit=10)}
        assert {topic: each.standing for topic, each in replies.items()} == {
            ReplyTopic.REFERRAL: ReplyStanding.ENDED,
            ReplyTopic.STOP: ReplyStanding.NO_ANSWER_NEEDED,
        }
        assert replies[ReplyTopic.REFERRAL].waited == timedelta(hours=3), "until the clinic's own answer"
        with house.store.read() as connection:
            silenced = sorted(row.reason for row in suppressions.list_suppressions(connection))
            left_out = page(connection, Filter(house.mode(), states=(DeliveryState.SKIPPED,)), limit=1000)
        assert silenced == ["complained", "hard_bounced", "unsubscribed"]
        assert {row.reason for row in left_out} >= {"suppressed", "away"}


async def test_no_mail_fetches_anything_from_anybody():
    import re
    from email import message_from_bytes, policy

    from nurture.service.demo import demo_house, drive, import_sample

    with demo_house() as house:
        list(import_sample(house))
        async for _ in drive(house, days=12):
            pass
        mails = [path.read_bytes() for path in (house.maildir / "new").iterdir()]
        assert len(mails) > 50
        for raw in mails:
            html = message_from_bytes(raw, policy=policy.default).get_body(("html",)).get_content()
            fetched = re.findall(
                r"""(?:src|background|poster|srcset)\s*=\s*["']([^"']+)|url\(\s*["']?([^"')]+)""", html
            )
            assert [one or other for one, other in fetched if not (one or other).startswith("cid:")] == []
            assert not re.search(r"<link\b|@import|<script|<iframe", html)
