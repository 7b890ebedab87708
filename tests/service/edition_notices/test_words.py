"""Somebody lets a live edition go, or holds it: before it is made, after, and while it runs."""

import threading

import pytest

from nurture.delivery import control
from nurture.delivery.event_loop import run_async
from nurture.errors import InputError, NotFoundError
from nurture.reports.accounts import accounts
from nurture.reports.status import status
from nurture.reports.why import why
from nurture.service.edition_notices import approving
from nurture.service.running import jobs
from nurture.store.editions import EditionId
from nurture.vocabulary import WAITS_FOR_APPROVAL, AlertKind, EditionState, Mode
from tests.servers.scripted_smtp import Step
from tests.service.conftest import PEOPLE
from tests.service.edition_notices.conftest import (
    DAY,
    HOUR,
    MINUTE,
    NAME,
    SECOND,
    Clinic,
    read,
    words,
)


def test_approved_before_it_is_made_it_goes_in_time(clinic: Clinic) -> None:
    clinic.at(2 * DAY)
    assert clinic.approve().changed
    assert not clinic.approve().changed
    clinic.at(DAY)
    clinic.run()
    (mail,) = clinic.notices()
    assert read(mail)["Subject"].startswith("Notice: moved goes to 120 people")
    assert "Approved by maya. To stop it, type on the clinic's computer:\n\n    nurture hold moved@1" in words(mail)
    clinic.at(-SECOND)
    clinic.run()
    assert clinic.readers() == PEOPLE
    assert clinic.balanced()
    assert clinic.alerts() == []


def test_approved_after_its_time_it_goes_then(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.run()
    clinic.at(-SECOND)
    clinic.run()
    assert clinic.readers() == 0
    assert clinic.edition().held_because == WAITS_FOR_APPROVAL
    assert [kind for kind, _ in clinic.alerts()] == [AlertKind.EDITION_HELD]
    house = clinic.house
    assert (
        "nurture approve moved@1"
        in why(house.store, house.workspace, "p7@club.example", "moved", now=house.clock.now()).answer
    )
    clinic.at(-HOUR)
    assert clinic.approve().changed
    clinic.run()
    assert clinic.readers() == PEOPLE
    assert clinic.balanced()
    assert clinic.alerts() == []
    assert len(clinic.notices()) == 1


def test_never_approved_it_expires_and_the_accounts_balance(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.run()
    clinic.at(-SECOND)
    clinic.run()
    clinic.at(-4 * DAY)
    clinic.run()
    clinic.run()
    assert clinic.readers() == 0
    assert clinic.edition().state is EditionState.FINISHED
    (account,) = accounts(clinic.house.store, mode=Mode.LIVE).editions
    assert (account.planned, account.expired, account.balanced) == (PEOPLE, PEOPLE, True)
    (alert,) = clinic.alerts()
    assert alert[0] is AlertKind.EDITION_MISSED
    assert alert[1].startswith("nobody approved it in time")
    house = clinic.house
    answer = why(house.store, house.workspace, "p7@club.example", "moved", now=house.clock.now()).answer
    assert answer.endswith("nobody approved the edition.")
    with pytest.raises(InputError, match="moved@1 is finished; nothing of it leaves any more"):
        clinic.approve()


def test_a_change_is_shown_again_and_takes_the_approval_back(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.run()
    clinic.approve()
    clinic.at(3 * HOUR)
    clinic.change("campaigns/moved.yaml", "We moved.", "We did not move.")
    assert clinic.run() == (), "not at each save"
    with pytest.raises(InputError, match="was changed after its last notice, so nobody has seen it as it is now"):
        clinic.approve()
    clinic.at(3 * HOUR - 9 * MINUTE)
    assert clinic.run() == ()
    clinic.at(3 * HOUR - 10 * MINUTE)
    assert clinic.run() == (NAME,)
    second = clinic.notices()[1]
    assert read(second)["Subject"].startswith("Changed. Please approve: moved goes to")
    assert "It was changed after the last notice" in words(second)
    assert "We did not move." in words(second)
    assert read(second)["Message-ID"] != read(clinic.notices()[0])["Message-ID"]
    clinic.at(-SECOND)
    clinic.run()
    assert clinic.readers() == 0
    assert clinic.edition().held_because == WAITS_FOR_APPROVAL
    clinic.approve()
    clinic.run()
    assert clinic.readers() == PEOPLE
    assert len(clinic.notices()) == 2


def test_approved_long_before_and_changed_it_does_not_stand_there_as_approved(clinic: Clinic) -> None:
    clinic.at(5 * DAY)
    clinic.run()
    clinic.approve()

    def note() -> str:
        now = clinic.clock.now()
        (edition,) = status(clinic.house.store, clinic.house.workspace, now=now).next_editions
        return edition.words

    clinic.run()
    assert note() == "approved by maya"
    clinic.change("campaigns/moved.yaml", "We moved.", "We did not move.")
    clinic.run()
    assert note() == "needs approval"
    assert clinic.notices() == [], "its notice comes a day before"


def test_a_name_that_no_edition_has(clinic: Clinic) -> None:
    with pytest.raises(NotFoundError, match="none of this name comes; the next of moved is moved@1"):
        approving.approve(clinic.house, EditionId("moved", "2"), by="maya")


def test_a_change_just_before_its_time_waits_for_eyes_too(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.run()
    clinic.approve()
    clinic.at(15 * MINUTE)
    clinic.change("templates/emails/announcement.mjml", "<mj-body", "<!-- anew -->\n<mj-body")
    text = (clinic.root / "campaigns" / "moved.yaml").read_text()
    assert clinic.run() == ()
    clinic.change("campaigns/moved.yaml", "Something new", "Something else")
    assert text != (clinic.root / "campaigns" / "moved.yaml").read_text()
    clinic.run()
    clinic.at(-SECOND)
    assert clinic.run() == (NAME,), "shown as it was made"
    assert clinic.edition().held_because == WAITS_FOR_APPROVAL
    assert "due since Tue 1 Dec at 10:00" in read(clinic.notices()[1])["Subject"]
    assert clinic.readers() == 0


def test_what_nobody_saw_may_be_approved_on_purpose(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.run()
    clinic.change("campaigns/moved.yaml", "We moved.", "We did not move.")
    clinic.run()
    assert clinic.approve(as_it_is=True).changed
    clinic.at(-SECOND)
    clinic.run()
    assert clinic.readers() == PEOPLE


def test_held_before_it_is_made_and_let_go(clinic: Clinic) -> None:
    clinic.settings("approve: never")
    clinic.at(DAY)
    clinic.run()
    (mail,) = clinic.notices()
    assert "It leaves by itself. To stop it, type on the clinic's computer:\n\n    nurture hold moved@1" in words(mail)
    assert approving.hold(clinic.house, NAME, by="rosa").changed
    assert not approving.hold(clinic.house, NAME, by="rosa").changed
    found = status(clinic.house.store, clinic.house.workspace, now=clinic.clock.now())
    assert [each.words for each in found.next_editions if each.edition == "moved@1"] == ["held by rosa"]
    clinic.at(-SECOND)
    clinic.run()
    assert clinic.readers() == 0
    assert clinic.edition().held_because == "by rosa"
    clinic.approve()
    clinic.run()
    assert clinic.readers() == PEOPLE


def test_held_while_it_runs_and_let_go(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.approve()
    clinic.at(-SECOND)
    held: list[int] = []

    def hold() -> None:
        assert approving.hold(clinic.house, NAME, by="rosa").changed
        held.append(clinic.readers())

    jobs.plan(clinic.house)
    clinic.server.on("BODY", *[Step("250 ok")] * 9, Step("250 ok", during=hold))
    run_async(clinic._deliver())
    before = clinic.readers()
    assert before <= held[0] + 2, "one on each connection may have been on its way"
    assert before < PEOPLE
    run_async(clinic._deliver())
    assert clinic.readers() == before
    assert clinic.approve().changed
    run_async(clinic._deliver())
    assert clinic.readers() == PEOPLE
    assert clinic.balanced()


def test_held_by_hand_and_changed_it_is_not_approved_unseen(clinic: Clinic) -> None:
    clinic.at(DAY)
    clinic.run()
    approving.hold(clinic.house, NAME, by="rosa")
    clinic.at(5 * MINUTE)
    clinic.change("campaigns/moved.yaml", "We moved.", "We did not move.")
    jobs.plan(clinic.house)
    clinic.at(-10 * MINUTE)
    jobs.plan(clinic.house)
    assert clinic.edition().held_because == "by rosa"
    with pytest.raises(InputError, match="was changed after its last notice"):
        clinic.approve()
    assert clinic.run() == (NAME,)
    clinic.approve()
    clinic.run()
    assert (clinic.readers(), len(clinic.notices())) == (PEOPLE, 2)


def test_send_says_that_it_waits_for_a_word(clinic: Clinic) -> None:
    from nurture.service.sending import send_now

    clinic.at(-SECOND)
    clinic.run()
    with pytest.raises(InputError, match="it waits for approval: nurture approve moved@1"):
        send_now(clinic.house, "moved")


def test_one_that_is_sent_by_hand_has_had_its_word(clinic: Clinic) -> None:
    from nurture.service.sending import send_now

    clinic.at(-SECOND)
    send_now(clinic.house, "moved")
    assert clinic.run() == ()
    assert (clinic.readers(), clinic.notices()) == (PEOPLE, [])


def test_canceled_while_it_waits(clinic: Clinic) -> None:
    clinic.at(-SECOND)
    clinic.run()
    assert control.cancel_edition(clinic.house.store, clinic.edition().id, now=clinic.clock.now()) == PEOPLE
    clinic.run()
    assert clinic.alerts() == []
    assert clinic.balanced()


def test_a_hold_beside_the_planner_is_never_lost(clinic: Clinic) -> None:
    """Two processes: whichever comes first, nothing leaves of what somebody held."""
    clinic.settings("approve: never")
    clinic.at(-SECOND)
    both, other = threading.Barrier(2, timeout=10), clinic.open_one()

    def plans() -> None:
        both.wait()
        jobs.plan(other)

    planner = threading.Thread(target=plans)
    planner.start()
    both.wait()
    approving.hold(clinic.house, NAME, by="rosa")
    planner.join(60)
    clinic.run()
    assert clinic.edition().held_because == "by rosa"
    assert clinic.readers() == 0
