"""While no answer could reach the clinic live editions are held by themselves; that takes nobody's word away."""

from datetime import timedelta

import pytest

from nurture.delivery import control
from nurture.store import heartbeat, notices
from nurture.store.editions import let_go_before
from nurture.vocabulary import MAILBOX_UNREADABLE, NO_MAIL_COMES, WAITS_FOR_APPROVAL, EditionState, Mode
from tests.planning.conftest import Clinic
from tests.planning.test_approving import DUE, DUE_IN_JANUARY, JANUARY, NAME, approve, due_senders, edition, plan

ACCOUNT = "clinic's mailbox"
FLYER = """\
kind: broadcast
topic: flyers
to: {category: school}
schedule: 2026-12-01 at 09:30
subject: Flyer
template: note
intent: give
"""


def falls_silent(clinic: Clinic, because: str = NO_MAIL_COMES, *, running: bool = False) -> None:
    with clinic.store.write() as connection:
        heartbeat.look(connection, ACCOUNT, job="mailbox", now=clinic.now)
        heartbeat.hold(connection, ACCOUNT, because, running=running, now=clinic.now)


def mail_comes(clinic: Clinic) -> int:
    with clinic.store.write() as connection:
        return heartbeat.release(connection, now=clinic.now)


def test_mail_that_comes_in_is_nobodys_word(live: Clinic) -> None:
    falls_silent(live)
    plan(live, DUE)
    assert mail_comes(live) == 0
    assert edition(live).held_because == WAITS_FOR_APPROVAL
    assert due_senders(live) == ()


@pytest.mark.parametrize("because", [NO_MAIL_COMES, MAILBOX_UNREADABLE])
def test_an_edition_that_goes_on_by_itself_was_let_go_by_nobody(live: Clinic, because: str) -> None:
    live.campaign("partner-news", approve="never")
    plan(live)
    falls_silent(live, because)
    plan(live, DUE)
    assert edition(live).held_because == because
    assert mail_comes(live) == 1
    assert (edition(live).held_because, edition(live).approved_by) == (None, None)
    assert due_senders(live) == ("clinic",)
    with live.store.read() as connection:
        assert let_go_before(connection, mode=Mode.LIVE) == frozenset()


def test_what_was_approved_before_still_waits_for_mail(live: Clinic) -> None:
    approve(live)
    falls_silent(live)
    plan(live, DUE)
    assert (edition(live).held_because, edition(live).approved_by) == (NO_MAIL_COMES, "maya")
    mail_comes(live)
    assert due_senders(live) == ("clinic",)
    plan(live, DUE_IN_JANUARY)
    assert edition(live, JANUARY).held_at is None, "somebody let the campaign's first edition go"


def test_one_that_is_sent_by_hand_waits_for_mail_too(live: Clinic) -> None:
    falls_silent(live)
    name = str(live.send_now("partner-news", DUE))
    assert (edition(live, name).held_because, edition(live, name).approved_by) == (NO_MAIL_COMES, "nurture send")
    assert control.approve_edition(live.store, edition(live, name).id, by="maya", now=live.now)
    assert due_senders(live) == ("clinic",)


def test_who_held_it_before_it_was_made_has_held_it(live: Clinic) -> None:
    approve(live)
    with live.store.write() as connection:
        notices.hold(connection, NAME, mode=Mode.LIVE, by="rosa", now=live.now)
    falls_silent(live)
    plan(live, DUE)
    mail_comes(live)
    assert edition(live).held_because == "by rosa"


def test_who_holds_it_meanwhile_has_held_it(live: Clinic) -> None:
    approve(live)
    plan(live, DUE)
    live.now += timedelta(minutes=1)
    falls_silent(live, running=True)
    assert edition(live).held_because == NO_MAIL_COMES
    assert control.hold_edition(live.store, edition(live).id, by="rosa", now=live.now)
    assert not control.hold_edition(live.store, edition(live).id, by="maya", now=live.now)
    mail_comes(live)
    assert edition(live).held_because == "by rosa"


def test_one_that_went_to_nobody_and_is_sent_by_hand_is_held_by_nothing(live: Clinic) -> None:
    live.write("campaigns/flyer.yaml", FLYER)
    plan(live, "2026-11-26T12:00")
    plan(live, DUE)
    empty = edition(live, "flyer@1")
    assert (empty.state, empty.held_because) == (EditionState.SKIPPED, WAITS_FOR_APPROVAL)
    live.write("campaigns/flyer.yaml", FLYER.replace("category: school", "category: private_business"))
    live.send_now("flyer", "2026-12-01T15:30")
    assert (edition(live, "flyer@1").held_because, edition(live, "flyer@1").approved_by) == (None, "nurture send")
