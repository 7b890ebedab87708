"""Going live: what stands before it, whom it reaches, and that nothing old ever leaves."""

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from nurture.clock import DrivenClock
from nurture.delivery.copies import Doubt
from nurture.delivery.guard import look
from nurture.doctor.zone_file import zone_file_question
from nurture.errors import InputError
from nurture.reports.accounts import accounts
from nurture.service.going_live import Circumstances, examine, go_back, go_live
from nurture.service.house import open_house
from nurture.service.leave_test import stop_arrived
from nurture.service.running import jobs
from nurture.store import meta
from nurture.store.schema import contact
from nurture.vocabulary import Category, Mode
from tests.servers.scripted_smtp import ScriptedSmtp, Step

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


ZONE = """\
cedarhillpt.com. TXT "v=spf1 ip4:192.0.2.0/24 -all"
cedarhillpt.com. MX 10 mx.cedarhillpt.com.
mx.cedarhillpt.com. A 192.0.2.25
_dmarc.cedarhillpt.com. TXT "v=DMARC1; p=none; rua=mailto:hello@cedarhillpt.com"
"""


@pytest.fixture
def circumstances(tmp_path):
    zone = tmp_path / "cedar.zone"
    zone.write_text(ZONE)
    return Circumstances(no_previous_list=True, question=zone_file_question(zone), online=False)


@pytest.fixture
def account():
    """The mail server of the clinic's account."""
    with ScriptedSmtp() as server:
        yield server


def made_real(house, account):
    """The clinic's own values, a mail account, and somebody who saw STOP arrive."""
    root = house.root
    for old, new in [
        ("Example Physical Therapy", CLINIC),
        ("555-0100", "(503) 230-4417"),
        ("1 Main Street", "12 Cedar Hill Road"),
        ("https://clinic.example", "https://cedarhillpt.com"),
        ("hello@clinic.example", "hello@cedarhillpt.com"),
        ("    # smtp:", f"    smtp: {{host: localhost, port: {account.port}, tls: none}}\n    # smtp:"),
    ]:
        rewrite(root, old, new)
    rewrite(root, "senders:", "test_recipients: [ann@cedarhillpt.com]\nsenders:")
    stop_arrived(house, "hello@cedarhillpt.com")


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


def test_a_new_workspace_may_not_and_every_reason_says_what_to_do(house, account, circumstances) -> None:
    found = examine(house, replace(circumstances, no_previous_list=False))
    words = "\n".join(found.obstacles)
    for said in (
        "clinic.phone: 555-0100",
        "clinic.example",
        "senders.main has no mail account",
        "test_recipients is empty",
        "nurture suppress import",
        "hello@clinic.example: nobody has seen yet that readers can leave this way",
    ):
        assert said in words
    with pytest.raises(InputError, match="not live: "):
        go_live(house, circumstances, clinic="Example Physical Therapy")
    assert house.mode() is Mode.SANDBOX


def test_contacts_of_a_sample_stand_before_it(house, account, circumstances) -> None:
    made_real(house, account)
    with house.store.write() as connection:
        connection.execute(sa.update(contact).where(contact.c.id <= 3).values(domain="clubs.example"))
    (obstacle,) = examine(house, circumstances).obstacles
    assert obstacle.startswith("contacts: 3 have addresses at domains that are kept for examples")


def test_only_the_clinics_name_typed_as_it_is_lets_it_go_live(house, account, circumstances) -> None:
    made_real(house, account)
    assert examine(house, circumstances).obstacles == ()
    assert len(examine(house, replace(circumstances, no_previous_list=False)).obstacles) == 1
    for typed in ("", "yes", CLINIC.lower()):
        with pytest.raises(InputError, match="the clinic's name is"):
            go_live(house, circumstances, clinic=typed)
    assert house.mode() is Mode.SANDBOX
    assert account.mails == []
    done = go_live(house, circumstances, clinic=f" {CLINIC} ")
    assert (done.since, account.recipients()) == (START, ["ann@cedarhillpt.com"])
    assert house.mode() is Mode.LIVE
    with pytest.raises(InputError, match="live since 2026-11-30 16:00 UTC"):
        go_live(house, circumstances, clinic=CLINIC)


def test_it_says_whom_it_reaches(house, account, circumstances) -> None:
    found = examine(house, circumstances)
    (clubs,) = found.reach
    assert (clubs.category, clubs.people, clubs.may_be_mailed) == (Category.SPORTS_CLUB, 120, 120)
    rewrite(house.root, "other: []", "other: [written]")
    (clubs,) = examine(house, circumstances).reach
    assert (clubs.without_consent, clubs.may_be_mailed) == (120, 0)


def test_after_thirty_days_in_the_sandbox_the_first_live_edition_is_complete_and_nothing_old_leaves(
    house, account, circumstances
) -> None:
    made_real(house, account)
    for day in range(30):
        house.clock.move_to(START + timedelta(days=day, hours=3))
        jobs.plan(house)
    assert len(editions_of(house, Mode.SANDBOX)) == 5
    now = START + timedelta(days=30)  # a Wednesday
    house.clock.move_to(now)
    assert [each.queued for each in examine(house, circumstances).coming][:1] == [120]
    go_live(house, circumstances, clinic=CLINIC)
    jobs.plan(house)
    assert editions_of(house, Mode.LIVE) == {}, "nothing that was due before is planned"
    house.clock.move_to(datetime(2027, 1, 4, 18, 0, 5, tzinfo=UTC))
    jobs.plan(house)
    (edition,) = editions_of(house, Mode.LIVE).values()
    assert edition.edition == "club-news@2027-01-04T10:00"
    assert (edition.planned, edition.skipped) == (120, 0)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # a file is copied
def test_a_copy_that_was_made_before_the_first_live_mail_is_noticed(house, account, circumstances, tmp_path) -> None:
    made_real(house, account)
    go_live(house, circumstances, clinic=CLINIC)
    with closing(sqlite3.connect(house.store.path)) as original, closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        original.backup(copy)
    assert look(house.store) is None
    (tmp_path / "database-address").write_text(f"sqlite:///{tmp_path / 'copy.db'}")
    with open_house(house.root, clock=house.clock) as copied:
        found = look(copied.store)
    assert found is not None
    assert found.doubt is Doubt.COPIED


def test_the_way_back(house, account, circumstances) -> None:
    with pytest.raises(InputError, match="not live"):
        go_back(house)
    made_real(house, account)
    go_live(house, circumstances, clinic=CLINIC)
    house.clock.move_to(START + timedelta(hours=2, seconds=5))
    jobs.plan(house)
    assert go_back(house).waiting == 120
    assert house.mode() is Mode.SANDBOX
    with house.store.read() as connection:
        assert meta.live_since(connection) == START


def test_an_account_that_refuses_the_test_mail_keeps_it_in_the_sandbox(house, account, circumstances) -> None:
    made_real(house, account)
    account.on("MAIL", Step("550 5.7.1 you may not send as this address"))
    with pytest.raises(InputError, match=r"did not take the test mail: ann@cedarhillpt.com: .*you may not send"):
        go_live(house, circumstances, clinic=CLINIC)
    assert house.mode() is Mode.SANDBOX


def test_a_way_out_that_nobody_saw_work_stands_before_it(house, account, circumstances) -> None:
    made_real(house, account)
    rewrite(house.root, 'address: "hello@cedarhillpt.com"', 'address: "news@cedarhillpt.com"')
    (obstacle,) = examine(house, circumstances).obstacles
    assert obstacle.startswith("news@cedarhillpt.com: nobody has seen yet")


def test_what_doctor_calls_a_failure_stands_before_it(house, account, circumstances, tmp_path) -> None:
    made_real(house, account)
    (tmp_path / "null.zone").write_text(ZONE.replace("MX 10 mx.cedarhillpt.com.", "MX 0 ."))
    asked = replace(circumstances, question=zone_file_question(tmp_path / "null.zone"))
    (obstacle,) = examine(house, asked).obstacles
    assert obstacle.startswith("doctor: mx of cedarhillpt.com: ")
    assert "null MX" in obstacle


def test_a_record_that_is_to_be_published_is_said_to_stand_elsewhere(house, account, circumstances, tmp_path) -> None:
    made_real(house, account)
    (tmp_path / "bare.zone").write_text("".join(line for line in ZONE.splitlines(keepends=True) if "DMARC" not in line))
    asked = replace(circumstances, question=zone_file_question(tmp_path / "bare.zone"))
    (obstacle,) = examine(house, asked).obstacles
    assert "Publish this TXT record" in obstacle
    assert obstacle.endswith("nurture doctor shows it, ready to be copied.")


def test_the_earlier_list_may_be_imported_instead(house, account, circumstances) -> None:
    made_real(house, account)
    asked = replace(circumstances, no_previous_list=False)
    (obstacle,) = examine(house, asked).obstacles
    assert "nurture suppress import" in obstacle
    with house.store.write() as connection:
        meta.record_previous_list(connection, [meta.PreviousList("left.csv", START, {})])
    assert examine(house, asked).obstacles == ()
