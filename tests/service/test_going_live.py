"""Going live: what stands before it, whom it reaches, and that nothing old ever leaves."""

import os
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from nurture.clock import DrivenClock
from nurture.errors import InputError
from nurture.reports.accounts import accounts
from nurture.service import jobs
from nurture.service.going_live import examine, go_back, go_live
from nurture.service.house import open_house
from nurture.store import meta
from nurture.store.schema import contact
from nurture.vocabulary import Category, Mode

NEWSLETTER = """\
kind: newsletter
topic: news
to: {category: sports_club}
schedule: every monday at 10:00
subject: Something new
template: announcement
body: We moved.
intent: give
"""
CLINIC = "Cedar Hill Physical Therapy"
START = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)  # 08:00 in Oregon, two hours before the first edition


def rewrite(root, old, new):
    settings = root / "nurture.yaml"
    text = settings.read_text()
    assert old in text
    settings.write_text(text.replace(old, new))
    os.utime(settings, (1_700_000_000, 1_700_000_000))


def made_real(root):
    """The clinic's own values, and a mail account."""
    for old, new in [
        ("Example Physical Therapy", CLINIC),
        ("555-0100", "(503) 230-4417"),
        ("1 Main Street", "12 Cedar Hill Road"),
        ("https://clinic.example", "https://cedarhillpt.com"),
        ("hello@clinic.example", "hello@cedarhillpt.com"),
        ("    # smtp:", "    smtp: {host: localhost, port: 2525, tls: none}\n    # smtp:"),
    ]:
        rewrite(root, old, new)


@pytest.fixture
def house(workspace):
    (workspace / "campaigns" / "moved.yaml").unlink()
    newsletter = workspace / "campaigns" / "club-news.yaml"
    newsletter.write_text(NEWSLETTER)
    os.utime(newsletter, (1_700_000_000, 1_700_000_000))
    with open_house(workspace, clock=DrivenClock(START)) as opened:
        jobs.plan(opened)
        with opened.store.write() as connection:
            connection.execute(sa.update(contact).values(domain="cedar-clubs.org"))  # real people's, not a sample's
        yield opened


def editions_of(house, mode):
    return {str(found.edition): found for found in accounts(house.store, mode=mode).editions}


def test_a_new_workspace_may_not_and_every_reason_says_what_to_do(house) -> None:
    found = examine(house, no_previous_list=False)
    words = "\n".join(found.obstacles)
    for said in ("clinic.phone: 555-0100", "clinic.example", "senders.main has no mail account", "nurture suppress"):
        assert said in words
    with pytest.raises(InputError, match="not live: "):
        go_live(house, clinic="Example Physical Therapy", no_previous_list=True)
    assert house.mode() is Mode.SANDBOX


def test_contacts_of_a_sample_stand_before_it(house) -> None:
    made_real(house.root)
    with house.store.write() as connection:
        connection.execute(sa.update(contact).where(contact.c.id <= 3).values(domain="clubs.example"))
    (obstacle,) = examine(house, no_previous_list=True).obstacles
    assert obstacle.startswith("contacts: 3 have addresses at domains that are kept for examples")


def test_only_the_clinics_name_typed_as_it_is_lets_it_go_live(house) -> None:
    made_real(house.root)
    assert examine(house, no_previous_list=True).obstacles == ()
    assert len(examine(house, no_previous_list=False).obstacles) == 1
    for typed in ("", "yes", CLINIC.lower()):
        with pytest.raises(InputError, match="the clinic's name is"):
            go_live(house, clinic=typed, no_previous_list=True)
    assert house.mode() is Mode.SANDBOX
    assert go_live(house, clinic=f" {CLINIC} ", no_previous_list=True).since == START
    assert house.mode() is Mode.LIVE
    with pytest.raises(InputError, match="live since 2026-11-30 16:00 UTC"):
        go_live(house, clinic=CLINIC, no_previous_list=True)


def test_it_says_whom_it_reaches(house) -> None:
    found = examine(house, no_previous_list=True)
    (clubs,) = found.reach
    assert (clubs.category, clubs.people, clubs.may_be_mailed) == (Category.SPORTS_CLUB, 120, 120)
    rewrite(house.root, "other: []", "other: [written]")
    (clubs,) = examine(house, no_previous_list=True).reach
    assert (clubs.without_consent, clubs.may_be_mailed) == (120, 0)


async def test_after_thirty_days_in_the_sandbox_the_first_live_edition_is_complete_and_nothing_old_leaves(
    house,
) -> None:
    made_real(house.root)
    for day in range(30):
        house.clock.move_to(START + timedelta(days=day, hours=3))
        jobs.plan(house)
    assert len(editions_of(house, Mode.SANDBOX)) == 5
    now = START + timedelta(days=30)  # a Wednesday
    house.clock.move_to(now)
    assert [each.queued for each in examine(house, no_previous_list=True).coming][:1] == [120]
    go_live(house, clinic=CLINIC, no_previous_list=True)
    jobs.plan(house)
    assert editions_of(house, Mode.LIVE) == {}, "nothing that was due before is planned"
    house.clock.move_to(datetime(2027, 1, 4, 18, 0, 5, tzinfo=UTC))
    jobs.plan(house)
    (edition,) = editions_of(house, Mode.LIVE).values()
    assert edition.edition == "club-news@2027-01-04T10:00"
    assert (edition.planned, edition.skipped) == (120, 0)


def test_the_way_back(house) -> None:
    with pytest.raises(InputError, match="not live"):
        go_back(house)
    made_real(house.root)
    go_live(house, clinic=CLINIC, no_previous_list=True)
    house.clock.move_to(START + timedelta(hours=2, seconds=5))
    jobs.plan(house)
    assert go_back(house).waiting == 120
    assert house.mode() is Mode.SANDBOX
    with house.store.read() as connection:
        assert meta.live_since(connection) == START
