"""The accounts balance for every true history, and each kind of damage is named."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from nurture.errors import NotFoundError
from nurture.reports.accounts import Accounts, accounts
from nurture.store.schema import attempt, delivery, edition
from nurture.vocabulary import AttemptOutcome, DeliveryState, EditionState, Mode, SkipReason

S = DeliveryState
EveryState = Callable[[], tuple[int, dict[str, int]]]


def count(history: Any, **more: Any) -> Accounts:
    return accounts(history.store, mode=Mode.SANDBOX, **more)


def test_nothing_planned_balances(history: Any) -> None:
    assert count(history) == Accounts(Mode.SANDBOX, (), None, ())
    assert count(history).balanced


def test_one_delivery_in_every_state_balances(history: Any, every_state: EveryState) -> None:
    every_state()
    (account,) = count(history).editions
    assert account.edition == "partner-news@2026-12-01T09:30"
    assert account.problems == ()
    assert account.balanced
    assert (account.planned, account.waiting, account.sent) == (9, 3, 1)
    assert account.failed == account.skipped == account.canceled == account.expired == account.uncertain == 1


def test_an_edition_that_is_being_planned_is_no_problem(history: Any) -> None:
    which = history.edition(state=EditionState.PLANNING)
    history.delivery(which)
    history.change(edition, which, planned=None)
    assert count(history).balanced


def test_a_missed_edition_without_deliveries_is_no_problem(history: Any) -> None:
    history.edition(state=EditionState.MISSED, planned=None)
    assert count(history).balanced


def test_several_tries_count_once(history: Any) -> None:
    sent = history.delivery(history.edition(), S.SENT)
    history.change(attempt, 1, outcome=AttemptOutcome.RETRY, code=450)
    history.attempt(sent, AttemptOutcome.SENT, 250, number=2)
    (account,) = count(history).editions
    assert (account.sent, account.balanced) == (1, True)


def test_a_2xx_before_the_body_is_not_a_sent_mail(history: Any) -> None:
    failed = history.delivery(history.edition(), S.FAILED)
    history.attempt(failed, AttemptOutcome.REFUSED_AT_MARK, 250, number=2)
    assert count(history).balanced


DAMAGE: list[tuple[str, Callable[[Any, int, dict[str, int]], object], list[str]]] = [
    (
        "a waiting row is called sent",
        lambda history, _, ids: history.change(delivery, ids[S.QUEUED], state=S.SENT, message_id="<a@clinic.example>"),
        ["9 were planned, but 8 are accounted for", "called sent, but no server answered 2xx (the first is {queued})"],
    ),
    (
        "a sent row is called failed",
        lambda history, _, ids: history.change(delivery, ids[S.SENT], state=S.FAILED),
        ["1 delivery is called failed, but a server answered 2xx (the first is {sent})"],
    ),
    (
        "a sent row goes back to the queue",
        lambda history, _, ids: history.change(delivery, ids[S.SENT], state=S.QUEUED),
        ["1 delivery is called queued, but a server answered 2xx (the first is {sent})"],
    ),
    (
        "a row is gone",
        lambda history, _, ids: history.remove(delivery, delivery.c.id == ids[S.SKIPPED]),
        ["9 were planned, but 8 are accounted for"],
    ),
    (
        "a row too many",
        lambda history, which, _: (history.delivery(which), history.change(edition, which, planned=9)),
        ["9 were planned, but 10 are accounted for"],
    ),
    (
        "the planned number is another",
        lambda history, which, _: history.change(edition, which, planned=12),
        ["12 were planned, but 9 are accounted for"],
    ),
    (
        "the planned number is lost",
        lambda history, which, _: history.change(edition, which, planned=None),
        ["9 deliveries are there, but the planned number was never stored"],
    ),
    (
        "an attempt is gone",
        lambda history, _, ids: history.remove(attempt, attempt.c.delivery_id == ids[S.SENT]),
        ["9 were planned, but 8 are accounted for", "called sent, but no server answered 2xx (the first is {sent})"],
    ),
    (
        "an answer is another",
        lambda history, _, ids: history.change(attempt, 1, code=451),
        ["9 were planned, but 8 are accounted for", "called sent, but no server answered 2xx (the first is {sent})"],
    ),
    (
        "a mail was accepted twice",
        lambda history, _, ids: history.attempt(ids[S.SENT], AttemptOutcome.SENT, 250, number=2),
        ["1 delivery is accepted 2 times (the first is {sent})"],
    ),
    (
        "a state that is no word of ours",
        lambda history, _, ids: history.change(delivery, ids[S.HELD], state="hold"),
        ["9 were planned, but 8 are accounted for", "1 delivery is in the unknown state `hold` (the first is {held})"],
    ),
    (
        "a skip without a reason",
        lambda history, _, ids: history.change(delivery, ids[S.SKIPPED], reason=None),
        ["1 delivery is skipped without a reason (the first is {skipped})"],
    ),
    (
        "a row of another campaign",
        lambda history, _, ids: history.change(delivery, ids[S.EXPIRED], campaign="gym-offer"),
        ["1 delivery is marked with another mode or campaign than the edition's (the first is {expired})"],
    ),
    (
        "a sent row without its Message-ID",
        lambda history, _, ids: history.change(delivery, ids[S.SENT], message_id=None),
        ["1 delivery is called sent, but without a Message-ID (the first is {sent})"],
    ),
    (
        "a finished edition with waiting rows",
        lambda history, which, _: history.change(edition, which, state=EditionState.FINISHED),
        ["the edition is finished, but 3 deliveries are still waiting"],
    ),
    (
        "an edition in a state that is no word of ours",
        lambda history, which, _: history.change(edition, which, state="done"),
        ["the edition has the unknown state `done`"],
    ),
]


@pytest.mark.parametrize(("damage", "problems"), [case[1:] for case in DAMAGE], ids=[case[0] for case in DAMAGE])
def test_damage_to_one_row_is_named(
    history: Any,
    every_state: EveryState,
    damage: Callable[[Any, int, dict[str, int]], object],
    problems: list[str],
) -> None:
    which, ids = every_state()
    damage(history, which, ids)
    found = count(history)
    assert not found.balanced
    told = found.editions[0].problems
    assert len(told) == len(problems)
    for problem, expected in zip(told, problems, strict=True):
        assert expected.format(**ids) in problem


def test_a_row_moved_to_another_edition_unbalances_both(history: Any, every_state: EveryState) -> None:
    _, ids = every_state()
    other = history.edition(occurrence="2026-11-03T09:30")
    history.change(delivery, ids[S.QUEUED], edition_id=other)
    told = {account.edition: account.problems for account in count(history).editions}
    assert told == {
        "partner-news@2026-12-01T09:30": ("9 were planned, but 8 are accounted for",),
        "partner-news@2026-11-03T09:30": ("0 were planned, but 1 are accounted for",),
    }


def test_one_mode_does_not_see_the_other(history: Any, every_state: EveryState) -> None:
    every_state()
    assert accounts(history.store, mode=Mode.LIVE).editions == ()


def test_one_edition_alone(history: Any, every_state: EveryState) -> None:
    every_state()
    history.edition(occurrence="2026-11-03T09:30", due_at=datetime(2026, 11, 3, 14, 30, tzinfo=UTC))
    found = count(history, edition="partner-news@2026-11-03T09:30")
    assert [account.edition for account in found.editions] == ["partner-news@2026-11-03T09:30"]
    with pytest.raises(NotFoundError, match="the last ones are partner-news@2026-12-01T09:30, partner-news@2026-11-03"):
        count(history, edition="partner-news@2026-10-06T09:30")
    with pytest.raises(NotFoundError, match="no edition of gym-offer yet; there are editions of partner-news"):
        count(history, edition="gym-offer@1")


class TestMaildir:
    """In the sandbox each mail is counted too."""

    def test_every_accepted_mail_is_there_once(self, history: Any) -> None:
        which = history.edition()
        for _ in range(3):
            history.delivery(which, S.SENT)
        history.delivery(which, S.QUEUED)
        found = count(history, maildir_ids=lambda: ["<1@clinic.example>", "2@clinic.example", " <3@clinic.example>"])
        assert (found.mails, found.balanced) == (3, True)

    def test_an_uncertain_mail_may_be_there_or_not(self, history: Any) -> None:
        history.delivery(history.edition(), S.UNCERTAIN)
        assert count(history, maildir_ids=list).balanced
        assert count(history, maildir_ids=lambda: ["<1@clinic.example>"]).balanced

    def test_a_mail_under_way_is_no_problem(self, history: Any) -> None:
        sending = history.delivery(history.edition(), S.SENDING, message_id="<1@clinic.example>")
        history.attempt(sending, None)
        assert count(history, maildir_ids=lambda: ["<1@clinic.example>"]).balanced

    def test_a_mail_that_is_sent_while_we_count_is_no_problem(self, history: Any) -> None:
        queued = history.delivery(history.edition(), S.QUEUED)

        def sent_meanwhile() -> list[str]:
            history.change(delivery, queued, state=S.SENT, message_id="<1@clinic.example>")
            history.attempt(queued, AttemptOutcome.SENT, 250)
            return ["<1@clinic.example>"]

        assert count(history, maildir_ids=sent_meanwhile).balanced

    def test_a_lost_mail(self, history: Any) -> None:
        lost = history.delivery(history.edition(), S.SENT)
        found = count(history, maildir_ids=list)
        assert found.editions[0].problems == (
            f"1 delivery is accepted, but the mail is not in the sandbox (the first is {lost})",
        )

    @pytest.mark.parametrize("state", [S.SENT, S.UNCERTAIN])
    def test_a_mail_that_is_there_twice(self, history: Any, state: str) -> None:
        double = history.delivery(history.edition(), state)
        found = count(history, maildir_ids=lambda: ["<1@clinic.example>"] * 2)
        assert found.editions[0].problems == (
            f"1 delivery is in the sandbox more often than the log says (the first is {double})",
        )

    def test_a_resent_uncertain_mail_may_be_there_twice(self, history: Any) -> None:
        resent = history.delivery(history.edition(), S.UNCERTAIN)
        history.change(delivery, resent, state=S.SENT)
        history.attempt(resent, AttemptOutcome.SENT, 250, number=2)
        assert count(history, maildir_ids=lambda: ["<1@clinic.example>"] * 2).balanced

    def test_a_mail_of_a_refused_delivery(self, history: Any) -> None:
        failed = history.delivery(history.edition(), S.FAILED)
        found = count(history, maildir_ids=lambda: ["<1@clinic.example>"])
        assert found.editions[0].problems[0].endswith(f"more often than the log says (the first is {failed})")

    def test_a_mail_that_nobody_knows(self, history: Any) -> None:
        which = history.edition()
        history.delivery(which, S.SKIPPED, reason=SkipReason.NO_CONSENT)
        found = count(history, maildir_ids=lambda: ["<stranger@clinic.example>"])
        assert found.problems == ("1 mail in the sandbox that no delivery knows",)
        assert not found.balanced
        alone = count(history, edition="partner-news@2026-12-01T09:30", maildir_ids=lambda: ["<x@clinic.example>"])
        assert alone.balanced


def test_an_edition_that_is_held_says_so(history: Any) -> None:
    history.edition(
        occurrence="2026-12-01T09:30", held_at=datetime(2026, 12, 1, tzinfo=UTC), held_because="held by maya"
    )
    history.edition(occurrence="2026-11-01T09:30", due_at=datetime(2026, 11, 1, tzinfo=UTC))
    found = count(history).editions
    assert [(row.state, row.held) for row in found] == [("ready", True), ("ready", False)]
