"""The owner sees each live edition a day before, once for each content."""

import os
import re
import threading

import pytest
import sqlalchemy as sa

from nurture.audience.suppressing import suppress_by_hand
from nurture.delivery.guard import rise
from nurture.errors import FilesError, InputError, NotFoundError
from nurture.service.edition_notices.preview import preview_notice
from nurture.service.edition_notices.sending import send_notices
from nurture.service.house import House
from nurture.service.running import jobs
from nurture.store import meta, notices, way_out
from nurture.store.schema import attempt, delivery, event
from nurture.vocabulary import WAITS_FOR_APPROVAL, AlertKind, Mode
from tests.servers.scripted_smtp import Step
from tests.service.conftest import DUE, PEOPLE
from tests.service.edition_notices.conftest import (
    DAY,
    HOUR,
    LONG_AGO,
    MAYA,
    MINUTE,
    NAME,
    ROSA,
    SECOND,
    Clinic,
    read,
    words,
)


def test_a_day_before_and_not_earlier(clinic: Clinic) -> None:
    clinic.at(DAY + SECOND)
    assert clinic.run() == ()
    clinic.at(DAY)
    assert clinic.run() == (NAME,)
    (mail,) = clinic.notices()
    assert clinic.readers() == 0
    message = read(mail)
    assert message["Subject"] == "Please approve: moved goes to 120 people on Tue 1 Dec at 10:00"
    assert (message["From"], message["To"]) == (
        f"{clinic.house.workspace.settings.clinic.name} <hello@clinic.example>",
        MAYA,
    )
    said = words(mail)
    for expected in (
        "moved goes to 120 people on Tue 1 Dec at 10:00.\n",
        "\n    nurture approve moved@1\n",
        "before Fri 4 Dec at 10:00:",
        "Who is meant: category is sports_club.",
        "Nobody is left out.",
        "It finishes about Tue 1 Dec at 10:01, by the sender's limits and the windows.",
        "For 120 of 120 people, all of them: sports club\nSubject: Something new, Dr. Lee\n",
        "We moved.",
    ):
        assert expected in said
    clinic.at(DAY - MINUTE)
    assert clinic.run() == ()
    assert len(clinic.notices()) == 1


def test_the_mail_in_it_is_the_one_that_readers_get(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.run()
    clinic.approve()
    clinic.at(-SECOND)
    clinic.run()
    assert clinic.readers() == PEOPLE
    real = next(mail for mail in clinic.server.mails if mail.envelope_to == "p7@club.example")
    (notice,) = clinic.notices()
    inert = "mailto:hello@clinic.example?subject=NOTICE%3A%20this%20link%20does%20nothing"
    assert inert in words(notice)
    as_read = re.sub(r"mailto:hello@clinic\.example\?subject=STOP%20[\w-]{32}", inert, words(real))
    assert words(notice).endswith(as_read.replace("Pat7", "Dr. Lee")), "but for the reader and the way out"
    pages = [read(mail).get_body(("html",)).get_content() for mail in (notice, real)]
    assert all("We moved." in page for page in pages)


@pytest.mark.parametrize("counted", [False, True], ids=["plain links", "links are counted"])
def test_nothing_answers_it_and_nobody_leaves_by_it(clinic: Clinic, counted: bool) -> None:
    clinic.settings("public_url: https://mail.clinic.example")
    clinic.at(DAY)
    if counted:
        with clinic.house.store.write() as connection:
            way_out.record_links(connection, "https://mail.clinic.example", clinic.clock.now())
    clinic.run()
    (mail,) = clinic.notices()
    message = read(mail)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    fields = {name.lower() for name in message}
    assert not [name for name in fields if name.startswith("list-")] + ["feedback-id"] * ("feedback-id" in fields)
    assert b"mail.clinic.example" not in mail.raw
    assert "subject=STOP" not in mail.raw.decode()


def test_it_is_no_history(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.run()
    assert len(clinic.notices()) == 1
    with clinic.house.store.read() as connection:
        for table in (delivery, attempt, event):
            found = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            assert found == (PEOPLE if table is event else 0), f"only the imports' events: {table.name}"


def test_two_loops_and_a_restart_send_it_once(clinic: Clinic) -> None:
    clinic.at(DAY)
    jobs.plan(clinic.house)
    houses, shown = [clinic.open_one() for _ in range(3)], []
    start = threading.Barrier(3)

    def loop(house: House) -> None:
        start.wait(10)
        for _ in range(2):
            shown.extend(send_notices(house))

    threads = [threading.Thread(target=loop, args=(house,)) for house in houses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert shown == [NAME]
    assert send_notices(clinic.open_one()) == ()
    assert len(clinic.notices()) == 1


def test_a_killed_try_is_repeated_as_the_same_mail(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.run()
    first = clinic.notices()[0]
    with (
        clinic.house.store.write() as connection
    ):  # as if it had been killed between the server's yes and our note of it
        (row,) = notices.of_edition(connection, NAME, mode=Mode.LIVE)
        notices.end_try(connection, row.id, taken_by=(), again_at=clinic.clock.now() + 10 * MINUTE, now=DUE)
    clinic.at(DAY - 9 * MINUTE)
    assert clinic.run() == ()
    clinic.at(DAY - 10 * MINUTE)
    assert clinic.run() == (NAME,)
    assert read(clinic.notices()[1])["Message-ID"] == read(first)["Message-ID"]


def test_a_notice_that_cannot_be_sent_is_told_and_tried_again(clinic: Clinic) -> None:
    clinic.server.on("MAIL", Step("450 4.3.0 come back later"))
    clinic.at(DAY)
    assert clinic.run() == ()
    (alert,) = clinic.alerts()
    assert alert == (
        AlertKind.NOTICE_UNSENT,
        "its notice could not be sent: maya@clinic.example: 450 4.3.0 come back later",
    )
    clinic.at(DAY - 4 * MINUTE)
    assert clinic.run() == ()
    clinic.at(DAY - 5 * MINUTE)
    assert clinic.run() == (NAME,)
    assert clinic.alerts() == []


def test_without_a_notice_nothing_leaves_that_needs_a_word(clinic: Clinic) -> None:
    clinic.server.on("MAIL", Step("550 5.7.1 no", always=True))
    clinic.at(DAY)
    clinic.run()
    clinic.at(-SECOND)
    clinic.run()
    assert clinic.edition().held_because == WAITS_FOR_APPROVAL
    assert [kind for kind, _ in clinic.alerts()] == [AlertKind.NOTICE_UNSENT, AlertKind.EDITION_HELD]
    clinic.server.forget_steps()
    assert clinic.approve().changed, "a person may say so all the same"
    clinic.run()
    assert clinic.readers() == PEOPLE


def test_who_has_it_does_not_get_it_again(clinic: Clinic) -> None:
    clinic.settings(f"notices: {{to: [{MAYA}, {ROSA}], before: 2 days}}")
    clinic.server.on("RCPT", Step("450 4.2.1 full", when=ROSA))
    clinic.at(2 * DAY)
    assert clinic.run() == ()
    assert [mail.envelope_to for mail in clinic.notices()] == [MAYA]
    assert "rosa@clinic.example: 450 4.2.1 full" in clinic.alerts()[0][1]
    clinic.at(2 * DAY - 5 * MINUTE)
    assert clinic.run() == (NAME,)
    assert [mail.envelope_to for mail in clinic.notices()] == [MAYA, ROSA]
    assert clinic.alerts() == []


def test_an_address_that_must_not_be_mailed_gets_none(clinic: Clinic) -> None:
    suppress_by_hand(clinic.house.store, clinic.house.workspace, address=MAYA, now=clinic.clock.now())
    clinic.at(DAY)
    assert clinic.run() == ()
    assert clinic.notices() == []
    assert "maya@clinic.example is suppressed (manual)" in clinic.alerts()[0][1]


def test_one_that_nobody_could_see_before_is_shown_when_it_is_made(clinic: Clinic) -> None:
    """The machine slept over the day before."""
    clinic.at(-HOUR)
    assert clinic.run() == (NAME,)
    assert "moved goes to 120 people, due since Tue 1 Dec at 10:00" in read(clinic.notices()[0])["Subject"]
    assert clinic.run() == ()
    clinic.approve()
    clinic.run()
    assert clinic.readers() == PEOPLE
    assert len(clinic.notices()) == 1


def test_broken_news_keep_no_notice_back_of_what_is_made(clinic: Clinic) -> None:
    clinic.at(-HOUR)
    jobs.plan(clinic.house)
    (clinic.root / "campaigns" / "later.yaml").write_text(
        (clinic.root / "campaigns" / "moved.yaml").read_text().replace("2026-12-01 at 10:00", "2026-12-01 at 15:00")
    )
    os.utime(clinic.root / "campaigns" / "later.yaml", LONG_AGO)
    jobs.plan(clinic.house)
    (clinic.root / "news").mkdir(exist_ok=True)
    (clinic.root / "news" / "broken.md").write_text("no front matter")
    with pytest.raises(FilesError, match=r"news/broken\.md"):
        send_notices(clinic.house)
    assert len(clinic.notices()) == 1
    assert read(clinic.notices()[0])["Subject"].startswith("Please approve: moved goes to")


def test_nobody_gets_it_nobody_is_asked(clinic: Clinic) -> None:
    clinic.change("campaigns/moved.yaml", "category: sports_club", "category: school")
    clinic.at(DAY)
    assert clinic.run() == ()
    assert (clinic.notices(), clinic.alerts()) == ([], [])
    with pytest.raises(InputError, match="nobody gets moved@1"):
        preview_notice(clinic.house, "moved")


def test_what_cannot_be_composed_is_told_a_day_before(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.change("templates/emails/announcement.mjml", "<mj-body", "<mj-nothing/><mj-body")
    assert clinic.run() == ()
    ((kind, said),) = clinic.alerts()
    assert kind is AlertKind.NOTICE_UNSENT
    assert "templates/emails/announcement.mjml" in said
    clinic.change("templates/emails/announcement.mjml", "<mj-nothing/>", "")
    clinic.at(DAY - MINUTE)
    assert clinic.run() == (NAME,)
    assert clinic.alerts() == []


def test_in_the_sandbox_it_is_only_looked_at(clinic: Clinic) -> None:
    with clinic.house.store.write() as connection:
        meta.set_mode(connection, Mode.SANDBOX, clinic.clock.now())
    clinic.at(DAY)
    jobs.plan(clinic.house)
    assert send_notices(clinic.house) == ()
    assert clinic.server.mails == []
    seen = preview_notice(clinic.house, "moved")
    assert (seen.edition, seen.to) == (NAME, (MAYA,))
    assert seen.subject == "Notice: moved goes to 120 people on Tue 1 Dec at 10:00"
    assert "We moved." in seen.page
    with pytest.raises(NotFoundError, match="no campaign `gone`"):
        preview_notice(clinic.house, "gone")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # a file is copied
def test_an_older_copy_shows_nothing(clinic: Clinic) -> None:
    assert clinic.house.store.path is not None
    rise(clinic.house.store, clinic.house.workspace.settings.zone, clinic.clock.now())
    older = clinic.house.store.path.read_bytes()
    rise(clinic.house.store, clinic.house.workspace.settings.zone, clinic.clock.now())
    clinic.house.store.close()
    for beside in ("-wal", "-shm"):
        clinic.house.store.path.with_name(clinic.house.store.path.name + beside).unlink(missing_ok=True)
    clinic.house.store.path.write_bytes(older)
    clinic.at(DAY)
    assert send_notices(clinic.open_one()) == ()
    assert clinic.server.mails == []
