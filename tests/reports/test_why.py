"""`nurture why`: each way to get a mail, or not, is told in its own words."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from nurture.errors import NotFoundError
from nurture.reports.why import PersonAnswer, Why, why
from nurture.store import Store, campaigns, consents, suppressions
from nurture.store.consents import ConsentRow
from nurture.store.schema import contact_category, edition
from nurture.vocabulary import (
    AttemptOutcome,
    Category,
    ConsentKind,
    DeliveryState,
    EditionReason,
    EditionState,
    EventKind,
    SkipReason,
    SuppressionReason,
    SuppressionScope,
)
from nurture.workspace.workspace import Workspace

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)  # 10:00 in the clinic
S = DeliveryState
LEE = "dr.lee@club.example"


class Ask:
    """Asks about Dr. Lee and the partner news."""

    def __init__(self, store: Store, workspace: Workspace) -> None:
        self.store = store
        self.workspace = workspace

    def why(self, address: str = LEE, campaign: str = "partner-news") -> Why:
        return why(self.store, self.workspace, address, campaign, now=NOW)

    def person(self) -> PersonAnswer:
        (person,) = self.why().people
        return person

    def closed(self) -> dict[str, str]:
        return {check.name: check.words for check in self.person().checks if not check.holds}


@pytest.fixture
def ask(history: Any, workspace: Workspace) -> Ask:
    return Ask(history.store, workspace)


def test_nobody_has_the_address(ask: Ask) -> None:
    found = ask.why("nobody@club.example")
    assert found.people == ()
    assert found.answer.startswith("No contact has the address nobody@club.example: it was never imported")


def test_no_such_campaign(ask: Ask) -> None:
    with pytest.raises(NotFoundError, match="there is no campaign `partner-new`; did you mean `partner-news`"):
        ask.why(campaign="partner-new")


def test_before_the_first_edition(ask: Ask, history: Any) -> None:
    history.partner()
    found = ask.why("DR.LEE@club.example")
    assert found.answer == "partner-news has no edition yet; one that were planned now would go to DR.LEE@club.example."
    assert found.next_edition == datetime(2027, 1, 5, 14, 30, tzinfo=UTC)
    assert ask.closed() == {}


def test_every_part_of_the_rule(ask: Ask, history: Any) -> None:
    history.partner(city="Portland", country="CA", tag="vip")
    assert [(part.depth, part.holds, part.words) for part in ask.person().rule] == [
        (0, False, "all of these:"),
        (1, True, "category is private_business or sports_club"),
        (1, False, "organization's city is Salem"),
        (1, False, "not this:"),
        (2, True, "tag is vip"),
        (1, True, "in segment near:"),
        (2, True, "one of these:"),
        (3, False, "country is US"),
        (3, True, "country is CA"),
    ]
    assert ask.closed() == {"rule": "the campaign's rule does not mean this contact"}


def test_archived(ask: Ask, history: Any) -> None:
    history.partner(archived_at=NOW)
    assert ask.closed() == {"contact": "the contact is archived since 2026-12-01 10:00"}


def test_suppressed(ask: Ask, history: Any) -> None:
    history.partner()
    with history.store.write() as connection:
        suppressions.suppress(
            connection,
            SuppressionScope.DOMAIN,
            "club.example",
            shown="club.example",
            reason=SuppressionReason.HARD_BOUNCED,
            source="cli",
            now=NOW,
        )
    assert ask.closed() == {
        "suppression": "the domain is suppressed since 2026-12-01 10:00: hard bounced (cli)",
    }


def test_consent(ask: Ask, history: Any) -> None:
    lee = history.partner()
    with history.store.write() as connection:
        connection.execute(sa.insert(contact_category).values(contact_id=lee, category=Category.PAST_PATIENT))
    purpose = "the reader is a past patient, and the campaign has no `purpose` (45 CFR 164.501)"
    none = "this mail needs a consent that is written (consent_required in the settings); recorded: none"
    assert ask.closed() == {"consent": none, "purpose": purpose}
    given = ConsentRow(lee, ConsentKind.WRITTEN, "intake form", date(2026, 1, 1), date(2026, 6, 30), None, NOW)
    with history.store.write() as connection:
        consents.record_consents(connection, [given])
    assert ask.closed() == {
        "consent": "this mail needs a consent that is written (consent_required in the settings); "
        "recorded: written of 2026-01-01 (intake form, until 2026-06-30)",
        "purpose": purpose,
    }


@pytest.mark.parametrize(
    ("kind", "given", "ended", "rule"),
    [
        (
            ConsentKind.IMPLIED,
            date(2024, 11, 1),
            date(2026, 11, 1),
            " by CASL s. 10(10)(a): an existing business relat",
        ),
        (ConsentKind.INQUIRY, date(2026, 5, 1), date(2026, 11, 1), " by CASL s. 10(10)(e): an inquiry or application)"),
        (ConsentKind.IMPLIED, date(2024, 11, 1), date(2026, 9, 9), ")"),  # agreed, or the clinic's own rule
    ],
    ids=["implied", "inquiry", "agreed"],
)
def test_a_consent_that_ended_names_the_law(
    ask: Ask, history: Any, kind: ConsentKind, given: date, ended: date, rule: str
) -> None:
    lee = history.partner()
    with history.store.write() as connection:
        connection.execute(sa.insert(contact_category).values(contact_id=lee, category=Category.PAST_PATIENT))
        consents.record_consents(connection, [ConsentRow(lee, kind, "card", given, ended, None, NOW)])
    words = ask.closed()["consent"]
    assert words.startswith("this mail needs a consent that is ")
    assert f"; recorded: {kind} of {given} (card, until {ended}{rule}" in words


def test_too_near_to_another_mail(ask: Ask, history: Any) -> None:
    lee = history.partner()
    history.delivery(history.edition("gym-offer", "1"), S.SENT, contact_id=lee, settled_at=NOW - timedelta(days=1))
    assert ask.closed() == {"limits": "another newsletter or broadcast is too near"}


def test_paused(ask: Ask, history: Any) -> None:
    history.partner()
    with history.store.write() as connection:
        campaigns.pause(connection, "*", by="owner", now=NOW)
    assert ask.closed() == {"pause": "the campaign is paused since 2026-12-01 10:00"}


DELIVERIES: list[tuple[str, dict[str, Any], str]] = [
    (S.SENT, {"settled_at": NOW}, "sent at 2026-12-01 10:00; 127.0.0.1:25 answered 250 2.0.0 queued as 4711"),
    (S.FAILED, {}, "refused for good; 127.0.0.1:25 answered 550 5.1.1 no such user"),
    (S.SKIPPED, {"reason": SkipReason.NO_NEWS}, "left out; there is no news that this reader has not seen"),
    (S.CANCELED, {"reason": "the contact was erased"}, "canceled; the contact was erased"),
    (S.EXPIRED, {}, "its time (2026-12-01 09:30 to 2026-12-02 09:30) went by before it could leave"),
    (S.HELD, {}, "held until `nurture retry partner-news@2026-12-01T09:30 --held` lets it go on"),
    (S.SENDING, {}, "being sent right now"),
    (
        S.UNCERTAIN,
        {},
        "handed over, but no answer came back: it may have arrived or not; decide with `nurture uncertain` (number 1)",
    ),
    (S.QUEUED, {}, "due since 2026-12-01 09:30, waits for `nurture run`"),
    (
        S.QUEUED,
        {"next_attempt_at": NOW + timedelta(hours=1), "not_before": NOW + timedelta(hours=1)},
        "waits for its time: it may leave from 2026-12-01 11:00 to 2026-12-02 09:30",
    ),
]


@pytest.mark.parametrize(
    ("state", "values", "words"), DELIVERIES, ids=[f"{case[0]}-{case[2][:9]}" for case in DELIVERIES]
)
def test_what_became_of_the_delivery(ask: Ask, history: Any, state: str, values: dict[str, Any], words: str) -> None:
    lee = history.partner()
    history.delivery(history.edition(), state, contact_id=lee, **values)
    assert ask.why().answer == f"partner-news@2026-12-01T09:30: {words}."


def test_every_try_and_the_next_one(ask: Ask, history: Any) -> None:
    lee = history.partner()
    row = history.delivery(history.edition(), contact_id=lee, attempts=2, next_attempt_at=NOW + timedelta(hours=1))
    history.attempt(row, AttemptOutcome.RETRY, 451, "4.7.1", "greylisted")
    history.attempt(row, AttemptOutcome.RETRY, 450, "4.2.1", "mailbox busy", number=2)
    (answer,) = ask.person().editions
    assert answer.words == ("refused for now (127.0.0.1:25 answered 450 4.2.1 mailbox busy); next try 2026-12-01 11:00")
    assert [attempt.answer for attempt in answer.attempts] == ["greylisted", "mailbox busy"]


@pytest.mark.parametrize(
    ("state", "values", "outcome", "said", "words"),
    [
        (
            S.QUEUED,
            {"resends": 1, "next_attempt_at": NOW + timedelta(minutes=10)},
            AttemptOutcome.UNCERTAIN,
            "the server closed the connection",
            "no answer came to the last try; it is sent again from 2026-12-01 10:10 on; the server closed the connection",
        ),
        (
            S.SENT,
            {"settled_at": NOW},
            AttemptOutcome.ARRIVED,
            "found out by hand: it arrived",
            "sent at 2026-12-01 10:00; found out by hand: it arrived",
        ),
    ],
    ids=["sent again", "found out by hand"],
)
def test_what_no_server_answered_is_not_called_an_answer(
    ask: Ask, history: Any, state: str, values: dict[str, Any], outcome: AttemptOutcome, said: str, words: str
) -> None:
    lee = history.partner()
    row = history.delivery(history.edition(), state, contact_id=lee, attempts=2, **values)
    history.attempt(row, outcome, answer=said, number=2)
    assert ask.person().editions[0].words == words


def test_what_came_back(ask: Ask, history: Any) -> None:
    lee = history.partner()
    row = history.delivery(history.edition(), S.SENT, contact_id=lee)
    history.event(EventKind.PLANNED, row)
    history.event(EventKind.REPLIED, row, at=NOW)
    assert ask.person().editions[0].afterwards == ("replied at 2026-12-01 10:00",)


NO_DELIVERY: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"state": EditionState.PLANNING}, {}, "it is being planned, and the plan has not come to this contact yet"),
    (
        {"state": EditionState.MISSED, "reason": EditionReason.TOO_LATE},
        {},
        "nobody got it; its time went by, and its grace too, while nothing was running",
    ),
    (
        {"state": EditionState.SKIPPED, "reason": EditionReason.EMPTY_SEGMENT},
        {},
        "it was skipped; nobody matched the campaign's rule",
    ),
    (
        {"state": EditionState.CANCELED, "reason": EditionReason.BY_HAND},
        {},
        "it was canceled before the plan came to this contact",
    ),
    ({"ready_at": NOW}, {"created_at": NOW + timedelta(days=1)}, "the contact came in after it was planned"),
    ({"ready_at": NOW}, {"archived_at": NOW - timedelta(days=1)}, "the contact was archived already"),
    ({"ready_at": NOW}, {}, "the contact did not match the campaign's rule when it was planned, but does now"),
    (
        {"ready_at": NOW},
        {"country": "MX"},
        "the contact did not match the campaign's rule when it was planned, and does not now",
    ),
]


@pytest.mark.parametrize(("made", "person", "words"), NO_DELIVERY, ids=[case[2][:40] for case in NO_DELIVERY])
def test_why_there_is_no_delivery(
    ask: Ask, history: Any, made: dict[str, Any], person: dict[str, Any], words: str
) -> None:
    history.partner(**person)
    history.edition(**made)
    (answer,) = ask.person().editions
    assert (answer.words, answer.delivery_id) == (words, None)


def test_a_household_gets_one_answer_each(ask: Ask, history: Any) -> None:
    first, second = history.partner(first_name="Ana"), history.partner(household=1, first_name="Ben")
    which = history.edition()
    history.delivery(which, S.SENT, contact_id=first)
    history.delivery(which, S.SKIPPED, contact_id=second, reason=SkipReason.HOUSEHOLD)
    found = ask.why()
    assert [(person.name, person.editions[0].words.split(" at ")[0]) for person in found.people] == [
        ("Ana", "sent"),
        ("Ben", "left out; somebody else with the same address gets this edition"),
    ]


def test_a_campaign_whose_file_is_gone(ask: Ask, history: Any) -> None:
    lee = history.partner()
    history.delivery(history.edition("spring-offer", "1"), S.SENT, contact_id=lee)
    found = ask.why(campaign="spring-offer")
    assert found.answer.startswith("spring-offer@1: sent")
    assert found.people[0].checks[-1].words == "the file campaigns/spring-offer.yaml is gone, so nothing new is planned"
    assert found.people[0].rule == ()


def test_the_last_editions_come_first(ask: Ask, history: Any) -> None:
    history.partner()
    for month in range(1, 8):
        made = history.edition(occurrence=f"2026-0{month}-01T09:30")
        history.change(edition, made, due_at=datetime(2026, month, 1, tzinfo=UTC))
    assert [answer.edition[-16:-9] for answer in ask.person().editions] == [
        f"2026-0{month}" for month in (7, 6, 5, 4, 3)
    ]
