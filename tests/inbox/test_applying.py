"""What comes back changes the clinic's records once, and nobody's by a forgery."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from nurture.delivery import control
from nurture.inbox.applying import Bounced, Understood, auto_replied, bounce, complaint, opt_out, replied
from nurture.inbox.matching import Match
from nurture.store import Store, accounts, alerts, campaigns, feedback, meta
from nurture.store.alerts import open_alerts
from nurture.store.erasure import erase_contact
from nurture.store.schema import delivery, edition
from nurture.store.suppressions import suppress
from nurture.vocabulary import (
    AlertKind,
    BounceAct,
    BounceKind,
    DeliveryState,
    MatchedBy,
    Mode,
    SuppressionReason,
    SuppressionScope,
)
from nurture.workspace.settings import Settings
from tests.delivery.outbox import Outbox
from tests.inbox.conftest import LATER, Inbox, sent

HARD = Bounced(BounceKind.HARD, same_address=True, status="5.1.1", words="no such user")


def act(inbox: Inbox, heard: Understood, bounced: Bounced = HARD) -> BounceAct | None:
    with inbox.store.write() as connection:
        return bounce(connection, heard, bounced)


def complain(inbox: Inbox, heard: Understood) -> bool:
    with inbox.store.write() as connection:
        return complaint(connection, heard)


def leave(inbox: Inbox, heard: Understood) -> bool:
    with inbox.store.write() as connection:
        return opt_out(connection, heard, "please take me off your list")


def test_a_dead_address_is_suppressed_once(inbox: Inbox) -> None:
    assert act(inbox, inbox.heard(1, key="a")) is BounceAct.SUPPRESS_HARD
    assert act(inbox, inbox.heard(1, key="a")) is None
    assert inbox.suppressed() == {inbox.address(1): "hard_bounced"}
    assert [data["act"] for data in inbox.events("bounced")] == ["suppress_hard"]
    assert len(inbox.events("suppressed")) == 1


def test_a_forged_bounce_suppresses_nobody(inbox: Inbox) -> None:
    assert act(inbox, inbox.heard(1, proven=False)) is BounceAct.RECORD
    assert inbox.suppressed() == {}
    assert [data["proven"] for data in inbox.events("bounced")] == [False]


def test_forged_bounces_do_not_add_up_to_a_soft_one(inbox: Inbox) -> None:
    for day in range(0, 40, 5):
        act(inbox, inbox.heard(1, proven=False, now=LATER + timedelta(days=day)))
    soft = Bounced(BounceKind.SOFT, same_address=True)
    assert act(inbox, inbox.heard(1, now=LATER + timedelta(days=41)), soft) is BounceAct.RECORD


def test_soft_bounces_count_when_they_came_not_when_they_are_read(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = sent(store, settings, recipients=10)
    with store.write() as connection:
        one, keys = inbox.outbox.column("contact_id")[0], inbox.outbox.column("recipient_key")
        monkeypatch.setattr(Outbox, "column", lambda *_: keys)  # it looks at one edition
        row = dict(connection.execute(sa.select(edition)).mappings().one())
        del row["id"]
        for number, mail in enumerate(inbox.outbox.delivery_ids):  # ten editions to one reader
            made = connection.execute(sa.insert(edition).values(**{**row, "occurrence": str(number)}))
            theirs = {"contact_id": one, "edition_id": made.inserted_primary_key[0]}  # type: ignore[index]
            connection.execute(sa.update(delivery).where(delivery.c.id == mail).values(theirs))
    soft, back = Bounced(BounceKind.SOFT, same_address=True), LATER + timedelta(days=30)

    def acts(days: tuple[int, ...], first: int) -> list[BounceAct | None]:
        numbers = range(first, first + len(days))
        came = [LATER + timedelta(days=day) for day in days]
        return [
            act(inbox, inbox.heard(number, now=back, came=at), soft) for number, at in zip(numbers, came, strict=True)
        ]

    assert acts((0, 0, 0, 0, 1), first=1) == [BounceAct.RECORD] * 5, "within a day"
    assert acts((3, 10), first=6)[-1] is BounceAct.SUPPRESS_SOFT, "the loop stood still for a month"


def test_many_dead_addresses_at_once_are_doubted(store: Store, settings: Settings) -> None:
    inbox = sent(store, settings, recipients=40)
    acts = [act(inbox, inbox.heard(number)) for number in range(1, 26)]
    assert acts == [BounceAct.SUPPRESS_HARD] * 20 + [BounceAct.DOUBT] * 5
    assert len(inbox.suppressed()) == 20
    assert "nobody more is suppressed before you have looked" in inbox.alerts()["bounces_doubted"]


def test_the_edition_is_held_at_the_bounce_that_is_one_too_many(store: Store, settings: Settings) -> None:
    inbox = sent(store, settings, recipients=50)
    held = []
    for number in range(1, 6):
        act(inbox, inbox.heard(number))
        held.append(inbox.held() is not None)
    assert held == [False, False, False, False, True]  # the fifth of 50 is more than 8 %
    assert inbox.held() == "5 of the first 50 addresses do not exist (more than 8 %); where does this list come from?"


def test_a_refusal_of_us_tells_the_owner_and_blames_nobody(inbox: Inbox) -> None:
    refused = Bounced(BounceKind.SENDER, same_address=True, words="your IP is on a list")
    assert act(inbox, inbox.heard(1), refused) is BounceAct.BLAME_US
    assert inbox.suppressed() == {}
    assert inbox.alerts() == {
        "mail_refused": "mails are refused because of us, not of the readers: your IP is on a list"
    }


def test_what_comes_back_ends_a_doubt(inbox: Inbox) -> None:
    first = inbox.outbox.delivery_ids[0]
    inbox.outbox.set(first, state=DeliveryState.UNCERTAIN)
    with inbox.store.write() as connection:
        assert replied(connection, inbox.heard(1))
    assert inbox.outbox.states[0] == "sent"


def test_an_answer_from_the_same_address_alone_proves_nothing(inbox: Inbox) -> None:
    inbox.outbox.set(inbox.outbox.delivery_ids[0], state=DeliveryState.UNCERTAIN)
    with inbox.store.write() as connection:
        assert replied(connection, inbox.heard(1, proven=False))
    assert inbox.outbox.states[0] == "uncertain"


def test_whoever_complains_never_gets_mail_again(inbox: Inbox) -> None:
    act(inbox, inbox.heard(1))
    assert complain(inbox, inbox.heard(1, key="c"))
    assert not complain(inbox, inbox.heard(1, key="c"))
    assert inbox.suppressed() == {inbox.address(1): "complained"}
    act(inbox, inbox.heard(1))
    leave(inbox, inbox.heard(1))
    assert inbox.suppressed() == {inbox.address(1): "complained"}


def test_a_complaint_that_names_no_mail_of_ours_is_for_the_owner(inbox: Inbox) -> None:
    complain(inbox, inbox.heard(1, proven=False))
    assert inbox.suppressed() == {}
    assert "names no mail of ours" in inbox.alerts()["leave_unproven"]


def test_the_campaign_pauses_at_the_complaint_that_is_one_too_many(store: Store, settings: Settings) -> None:
    inbox = sent(store, settings, recipients=700)
    paused = []
    for number in (1, 2, 3):
        complain(inbox, inbox.heard(number))
        with store.read() as connection:
            paused.append(campaigns.is_paused(connection, "partner-news"))
    assert paused == [False, False, True]  # 2 of 700 are less than 0.3 %
    assert inbox.alerts()["complaints"] == (
        "3 of 700 readers complained about partner-news, so it is paused: nurture resume partner-news"
    )


def test_who_complains_or_fails_for_now_has_an_address_that_exists(store: Store, settings: Settings) -> None:
    inbox = sent(store, settings, recipients=50)
    for number in range(1, 10):
        complain(inbox, inbox.heard(number))
        for day in range(0, 15, 3):
            soft = Bounced(BounceKind.SOFT, same_address=True)
            act(inbox, inbox.heard(number, now=LATER + timedelta(days=day)), soft)
    assert inbox.held() is None
    act(inbox, inbox.heard(20))
    assert inbox.held() is None, "one address of fifty is dead"


def test_an_address_that_dies_twice_is_one_dead_address(store: Store, settings: Settings) -> None:
    inbox = sent(store, settings, recipients=50)
    for number in (1, 2, 3, 4) * 3:
        act(inbox, inbox.heard(number))
    assert inbox.held() is None


def test_whom_a_doubted_bounce_names_can_be_looked_at(store: Store, settings: Settings) -> None:
    inbox = sent(store, settings, recipients=30)
    for number in range(1, 26):
        act(inbox, inbox.heard(number))
    with store.read() as connection:
        found = feedback.dead_addresses(connection)
    assert {dead.address for dead in found if dead.reason is None} == {
        inbox.address(number) for number in range(21, 26)
    }
    assert len(found) == 25


def test_of_who_was_erased_no_words_are_kept(inbox: Inbox) -> None:
    heard = [inbox.heard(1, key="a"), inbox.heard(1, key="b")]
    with inbox.store.write() as connection:
        erase_contact(connection, inbox.outbox.column("contact_id")[0], now=LATER)
    again = inbox.find(message_ids=(inbox.message_id(1),))
    bounced, asked = (replace(each, match=again) for each in heard)
    act(inbox, bounced)
    leave(inbox, asked)
    assert [data["words"] for data in inbox.events("bounced")] == [None]
    (left,) = inbox.events("unsubscribed")
    assert "words" not in left


def test_whoever_is_told_of_finds_the_contact_by_a_command_that_exists(inbox: Inbox) -> None:
    contact = inbox.outbox.column("contact_id")[1]
    leave(inbox, inbox.heard(2, proven=False))
    assert f"contact {contact}" in inbox.alerts()["leave_unproven"]
    assert "nurture contacts suppress" in inbox.alerts()["leave_unproven"]
    complain(inbox, inbox.heard(2, proven=False))
    assert f"nurture contacts show {contact}" in inbox.alerts()["leave_unproven"]


def test_two_colleagues_who_ask_are_two_questions(inbox: Inbox) -> None:
    known = inbox.heard(1, proven=False)
    for key in ("a", "b"):
        leave(inbox, replace(known, key=key, match=Match(MatchedBy.ORGANIZATION, None, None, 1)))
    with inbox.store.read() as connection:
        asked = open_alerts(connection)
    assert len(asked) == 2
    assert all(f"{LATER:%Y-%m-%d %H:%M} UTC" in alert.message for alert in asked), "it can be found in the mailbox"


def test_going_on_after_complaints_ends_the_alert(store: Store, settings: Settings) -> None:
    inbox = sent(store, settings, recipients=50)
    for number in (1, 2):
        complain(inbox, inbox.heard(number))
    assert "complaints" in inbox.alerts()
    control.resume(store, "partner-news", now=LATER)
    assert inbox.alerts() == {}


def test_plain_words_are_a_way_out(inbox: Inbox) -> None:
    assert leave(inbox, inbox.heard(2))
    assert inbox.suppressed() == {inbox.address(2): "unsubscribed"}
    [data] = inbox.events("unsubscribed")
    assert (data["by"], data["words"]) == ("reply", "please take me off your list")


def test_plain_words_without_a_trace_of_our_mail_are_for_the_owner(inbox: Inbox) -> None:
    assert not leave(inbox, inbox.heard(2, proven=False))
    assert inbox.suppressed() == {}
    assert "answers none of ours" in inbox.alerts()["leave_unproven"]


def test_a_bounce_of_the_sandbox_silences_nobody_for_real(store: Store, settings: Settings) -> None:
    inbox = sent(store, settings, mode=Mode.SANDBOX)
    act(inbox, inbox.heard(1))
    with store.read() as connection:
        rows = list(feedback.dead_addresses(connection))
    assert [row.address for row in rows] == [inbox.address(1)]
    assert inbox.held() is None


def test_an_absence_is_kept_and_a_new_address_is_only_proposed(inbox: Inbox) -> None:
    with inbox.store.write() as connection:
        assert auto_replied(
            connection, inbox.heard(1, key="x"), kind="out_of_office", until=date(2026, 12, 11), new_address=None
        )
        assert not auto_replied(
            connection, inbox.heard(1, key="x"), kind="out_of_office", until=date(2026, 12, 11), new_address=None
        )
        assert auto_replied(connection, inbox.heard(2), kind="moved", until=None, new_address="new@gym.example")
        assert auto_replied(connection, inbox.heard(2), kind="moved", until=None, new_address="other@gym.example")
    contacts = inbox.outbox.column("contact_id")
    with inbox.store.read() as connection:
        assert feedback.absences(connection, contacts, on=date(2026, 12, 11)) == {contacts[0]: date(2026, 12, 11)}
        assert feedback.absences(connection, contacts, on=date(2026, 12, 12)) == {}
        [proposed] = feedback.open_proposals(connection)
    assert (proposed.contact_id, proposed.kind, proposed.new_address) == (contacts[1], "moved", "new@gym.example")
    assert "person2@clinic-partner.example" in inbox.outbox.column("address")


@pytest.mark.parametrize("again", [1, 2])
def test_the_accounts_balance_whatever_comes_back(inbox: Inbox, again: int) -> None:
    for _ in range(again):
        act(inbox, inbox.heard(1, key="b"))
        complain(inbox, inbox.heard(2, key="c"))
        leave(inbox, inbox.heard(3, key="d"))
    with inbox.store.read() as connection:
        counted = accounts.state_counts(connection, mode=Mode.LIVE, states=[DeliveryState.SENT])
    assert counted == {DeliveryState.SENT: 3}


def test_an_alert_repeats_no_address_for_it_outlives_the_person(inbox: Inbox) -> None:
    words = f"550 5.7.1 <{inbox.address(1)}>: sender is on our list"
    act(inbox, inbox.heard(1), Bounced(BounceKind.SENDER, same_address=True, status="5.7.1", words=words))
    assert inbox.alerts() == {
        "mail_refused": "mails are refused because of us, not of the readers: 550 5.7.1 <@>: sender is on our list"
    }


def test_wishes_that_nothing_proves_do_not_bury_the_owner(inbox: Inbox) -> None:
    heard = inbox.heard(1, proven=False)
    asked = [
        leave(inbox, replace(heard, key=f"{number:012}", match=replace(heard.match, mail=None, contact_id=None)))
        for number in range(alerts.MOST_BY_STRANGERS + 20)
    ]
    assert not any(asked)
    with inbox.store.read() as connection:
        found = [each for each in open_alerts(connection) if each.kind is AlertKind.LEAVE_UNPROVEN]
    assert len(found) == alerts.MOST_BY_STRANGERS + 1
    assert found[-1].subject == "and more"


def test_a_complaint_in_the_sandbox_takes_no_real_suppressions_place(store: Store, settings: Settings) -> None:
    inbox = sent(store, settings, mode=Mode.SANDBOX)
    with store.write() as connection:
        suppress(
            connection,
            SuppressionScope.ADDRESS,
            inbox.outbox.column("recipient_key")[0],
            shown=inbox.address(1),
            reason=SuppressionReason.MANUAL,
            source="cli",
            now=LATER,
        )
    complain(inbox, inbox.heard(1))
    with store.write() as connection:
        meta.set_mode(connection, Mode.LIVE, LATER)
    assert inbox.suppressed() == {inbox.address(1): "manual"}
