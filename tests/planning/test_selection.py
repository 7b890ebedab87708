"""The gates against real databases: who gets a row, and which."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise, product
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from nurture.store import feedback, suppressions
from nurture.store.schema import delivery, edition, event
from nurture.vocabulary import Category, ConsentKind, SuppressionReason, SuppressionScope
from tests.planning.conftest import SETTINGS

DECEMBER = "partner-news@2026-12-01T09:30"


def plan_december(clinic) -> None:
    clinic.plan("2026-11-25T12:00")
    clinic.plan("2026-12-01T14:30")


def suppress(clinic, scope: SuppressionScope, key: str) -> None:
    with clinic.store.write() as connection:
        suppressions.suppress(
            connection, scope, key, shown=None, reason=SuppressionReason.MANUAL, source="test", now=clinic.now
        )


def test_everybody_who_is_meant_gets_a_row_with_its_reason(any_clinic):
    clinic = any_clinic
    clinic.campaign("partner-news", to="{category: [private_business, past_patient]}", purpose="general_health")
    gym = clinic.organization("Gym")
    (fine,) = clinic.people()
    (patient,) = clinic.people(1, Category.PAST_PATIENT, consent=ConsentKind.WRITTEN)
    (no_consent,) = clinic.people(1, Category.PAST_PATIENT, Category.PRIVATE_BUSINESS, consent=ConsentKind.IMPLIED)
    (gone,) = clinic.people(1, address_hash="gone")
    (domain,) = clinic.people(1, domain="closed.example")
    (member,) = clinic.people(1, organization_id=gym)
    clinic.people(1, Category.SCHOOL)  # is not meant
    clinic.people(1, archived_at=clinic.now)
    clinic.people(1, erased_at=clinic.now, address=None, address_key=None)
    suppress(clinic, SuppressionScope.ADDRESS, "gone")
    suppress(clinic, SuppressionScope.DOMAIN, "closed.example")
    suppress(clinic, SuppressionScope.ORGANIZATION, str(gym))
    plan_december(clinic)
    assert clinic.rows(DECEMBER) == {
        fine: ("queued", None),
        patient: ("queued", None),
        no_consent: ("skipped", "no_consent"),
        gone: ("skipped", "suppressed"),
        domain: ("skipped", "suppressed"),
        member: ("skipped", "suppressed"),
    }
    assert clinic.edition(DECEMBER).planned == 6


def test_one_address_gets_an_edition_once(any_clinic):
    clinic = any_clinic
    clinic.campaign("partner-news")
    (first,) = clinic.people(1, address_key="info@gym.example", address_hash="info")
    (second,) = clinic.people(1, address_key="info@gym.example", address_hash="info", household=1)
    plan_december(clinic)
    assert clinic.rows(DECEMBER) == {first: ("queued", None), second: ("skipped", "household")}


BEFORE, MEANWHILE = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, 14, 31, tzinfo=UTC)


@pytest.mark.parametrize("changed", list(product([BEFORE, MEANWHILE], repeat=2)))
@pytest.mark.parametrize("numbers", [(0, 1), (1, 0), (1, 2)])
def test_an_address_stays_taken_whoever_of_the_household_comes_while_the_plan_runs(
    any_clinic, numbers, changed, monkeypatch
):
    clinic = any_clinic
    monkeypatch.setattr("nurture.planning.selection.PAGE_ROWS", 1)
    clinic.campaign("partner-news")
    shared = {"address_key": "info@gym.example", "address_hash": "info"}
    erased = {"address_hash": "info", "address": None, "address_key": None, "erased_at": BEFORE}
    clinic.people(1, **erased)
    (first,), (second,) = (
        clinic.people(1, **shared, household=number, updated_at=when)
        for number, when in zip(numbers, changed, strict=True)
    )
    clinic.people(1, **erased)
    plan_december(clinic)
    assert clinic.rows(DECEMBER) == {first: ("queued", None), second: ("skipped", "household")}


@pytest.mark.parametrize(
    ("file", "outcome"),
    [
        ({"purpose": "own_service"}, ("queued", None)),
        ({}, ("skipped", "no_purpose")),
        ({"purpose": "third_party"}, ("skipped", "no_authorization")),
        ({"purpose": "own_service", "paid_by_third_party": "true"}, ("skipped", "no_authorization")),
    ],
)
def test_a_coach_who_was_a_patient_gets_nothing_that_others_pay_for_and_nothing_without_a_purpose(
    any_clinic, file, outcome
):
    clinic = any_clinic
    clinic.campaign("partner-news", **file)
    (gym,) = clinic.people()
    (coach,) = clinic.people(1, Category.PRIVATE_BUSINESS, Category.PAST_PATIENT, consent=ConsentKind.WRITTEN)
    plan_december(clinic)
    assert clinic.rows(DECEMBER) == {gym: ("queued", None), coach: outcome}


def test_consents_end_by_the_law_where_the_reader_is(any_clinic):
    clinic = any_clinic
    clinic.write("nurture.yaml", SETTINGS.replace("other: []", "other: [written, implied]"))
    clinic.campaign("partner-news")
    gym = clinic.organization("Gym", country="CA")
    days = {"two years ago": date(2024, 12, 1), "a day longer ago": date(2024, 11, 30)}
    canada = {
        name: clinic.people(1, consent=ConsentKind.IMPLIED, given=day, country="CA") for name, day in days.items()
    }
    (member,) = clinic.people(1, consent=ConsentKind.IMPLIED, given=date(2024, 11, 30), organization_id=gym)
    (asked,) = clinic.people(1, consent=ConsentKind.INQUIRY, given=date(2026, 5, 31), country="CA")
    (here,) = clinic.people(1, consent=ConsentKind.INQUIRY, given=date(2020, 5, 31))
    plan_december(clinic)
    assert clinic.rows(DECEMBER) == {
        canada["two years ago"][0]: ("queued", None),
        canada["a day longer ago"][0]: ("skipped", "no_consent"),
        member: ("skipped", "no_consent"),
        asked: ("skipped", "no_consent"),
        here: ("queued", None),
    }


def test_who_gets_nothing_does_not_take_the_address_from_the_household(clinic):
    clinic.campaign("partner-news", to="{category: [private_business, past_patient]}", purpose="general_health")
    shared = {"address_key": "lee@home.example", "address_hash": "home"}
    (patient,) = clinic.people(1, Category.PAST_PATIENT, **shared)
    (partner,) = clinic.people(1, **shared, household=1)
    plan_december(clinic)
    assert clinic.rows(DECEMBER) == {patient: ("skipped", "no_consent"), partner: ("queued", None)}


@pytest.mark.parametrize(
    ("last_day", "outcome", "from_"),
    [
        ("2026-11-30", ("queued", None), "2026-12-01T09:30"),
        ("2026-12-01", ("queued", None), "2026-12-02T08:00"),  # a Tuesday; the window opens at eight
        ("2026-12-03", ("queued", None), "2026-12-04T08:00"),
        ("2026-12-04", ("skipped", "away"), None),  # the three days of `late` are over before Monday
    ],
)
def test_a_mail_waits_for_who_is_away_as_long_as_its_edition_may(any_clinic, last_day, outcome, from_):
    clinic = any_clinic
    away, there = clinic.people(2)
    clinic.campaign("partner-news")
    with clinic.store.write() as connection:
        feedback.away(connection, away, date.fromisoformat(last_day), clinic.now)
    plan_december(clinic)
    assert clinic.rows(DECEMBER) == {away: outcome, there: ("queued", None)}
    if from_ is not None:
        with clinic.store.read() as connection:
            row = connection.execute(sa.select(delivery).where(delivery.c.contact_id == away)).one()
        assert row.not_before == datetime.fromisoformat(from_).replace(tzinfo=ZoneInfo("America/New_York"))


@pytest.mark.parametrize(("day", "outcome"), [("2026-12-03", "skipped"), ("2026-12-04", "queued")])
def test_at_most_one_mail_in_three_days(any_clinic, day, outcome):
    clinic = any_clinic
    (person,) = clinic.people()
    clinic.campaign("partner-news")
    clinic.campaign("open-house", kind="broadcast", schedule=f"{day} at 09:30")
    plan_december(clinic)
    clinic.deliver(clinic.now + timedelta(hours=8))
    clinic.plan(f"{day}T14:30")
    assert clinic.rows("open-house@1")[person][0] == outcome


def test_mails_that_still_wait_count_and_two_editions_of_one_moment_do_not_meet(clinic):
    (person,) = clinic.people()
    clinic.campaign("partner-news")
    clinic.campaign("open-house", kind="broadcast", schedule="2026-12-01 at 09:30")
    plan_december(clinic)
    assert clinic.rows("open-house@1") == {person: ("queued", None)}  # the first by name
    assert clinic.rows(DECEMBER) == {person: ("skipped", "frequency_cap")}


def test_a_mail_whose_time_went_by_does_not_count(clinic):
    (person,) = clinic.people()
    clinic.campaign("partner-news", late="1 day")
    clinic.campaign("open-house", kind="broadcast", schedule="2026-12-03 at 09:30")
    plan_december(clinic)
    clinic.plan("2026-12-03T14:30")  # the machine slept; the first one will expire
    assert clinic.rows("open-house@1") == {person: ("queued", None)}


def test_give_before_you_ask(any_clinic):
    clinic = any_clinic
    gym, club = clinic.organization("Gym"), clinic.organization("Club")
    (owner, coach) = clinic.people(2, organization_id=gym)
    (captain,) = clinic.people(1, Category.SPORTS_CLUB, organization_id=club)
    (alone,) = clinic.people()
    clinic.campaign("partner-news")  # a give, to private businesses only
    both = "{category: [private_business, sports_club]}"
    clinic.campaign("offer", to=both, intent="ask", schedule="day 10 at 09:30")
    plan_december(clinic)
    clinic.deliver()
    clinic.plan("2026-12-10T14:30")
    asked = ("queued", None)
    assert clinic.rows("offer@2026-12-10T09:30") == {
        owner: asked,
        coach: asked,
        alone: asked,
        captain: ("skipped", "give_first"),
    }
    clinic.deliver()
    clinic.plan("2027-01-11T12:00")  # the January news were slept through: no give since the last ask
    assert clinic.rows("offer@2027-01-10T09:30")[owner] == ("skipped", "give_first")


def test_news_that_each_reader_has_not_seen(any_clinic):
    clinic = any_clinic
    clinic.campaign("partner-news", content="{news: {max: 2}}")
    (old,) = clinic.people()
    for number in (1, 2, 3):
        clinic.news(f"item{number}", day=f"2026-11-0{number}")
    clinic.news("first-of-all", day="2026-10-20", pin=True)
    clinic.news("too-old", day="2026-09-01", pin=True)
    plan_december(clinic)
    assert clinic.carried(DECEMBER) == {old: ["file:first-of-all", "file:item3"]}
    clinic.deliver()
    (new,) = clinic.people()
    clinic.news("item4", day="2026-12-20")
    clinic.plan("2027-01-05T14:30")
    assert clinic.carried("partner-news@2027-01-05T09:30") == {
        old: ["file:item4", "file:item2"],
        new: ["file:item4"],  # all others are older than 60 days
    }


def test_who_has_seen_all_is_skipped_and_if_everybody_has_so_is_the_edition(any_clinic):
    clinic = any_clinic
    clinic.campaign("partner-news", content="{news: {max: 2}}")
    (old,) = clinic.people()
    clinic.news("item")
    plan_december(clinic)
    clinic.deliver()
    (new,) = clinic.people()
    clinic.news("item")
    clinic.plan("2027-01-05T14:30")
    january = "partner-news@2027-01-05T09:30"
    assert clinic.rows(january) == {old: ("skipped", "no_news"), new: ("queued", None)}
    clinic.deliver()
    clinic.plan("2027-02-02T14:30")
    february = clinic.edition("partner-news@2027-02-02T09:30")
    assert (february.state, february.reason, february.planned) == ("skipped", "no_news", 2)


def test_without_skip_if_empty_an_edition_stands_that_nobody_gets(clinic):
    clinic.campaign("partner-news", content="{news: {max: 2}, skip_if_empty: false}")
    (person,) = clinic.people()
    plan_december(clinic)
    made = clinic.edition(DECEMBER)
    assert (made.state, made.planned, made.news_ids) == ("finished", 1, ())
    assert clinic.rows(DECEMBER) == {person: ("skipped", "no_news")}


def test_who_is_in_two_segments_gets_an_edition_once(any_clinic):
    clinic = any_clinic
    clinic.write("segments/partners.yaml", "{category: private_business}")
    clinic.write("segments/all-mails.yaml", "{category: [private_business, sports_club]}")
    clinic.campaign("partner-news", to="[partners, all-mails, {category: private_business}]")
    (both,) = clinic.people(1, Category.PRIVATE_BUSINESS, Category.SPORTS_CLUB)
    (one,) = clinic.people(1, Category.SPORTS_CLUB)
    plan_december(clinic)
    assert clinic.rows(DECEMBER) == {both: ("queued", None), one: ("queued", None)}
    assert clinic.edition(DECEMBER).planned == 2


def when(clinic) -> dict[int, datetime]:
    """When each contact's mail may leave, in the clinic's zone."""
    with clinic.store.read() as connection:
        rows = connection.execute(sa.select(delivery.c.contact_id, delivery.c.not_before, delivery.c.next_attempt_at))
        found = {contact_id: (not_before, due_at) for contact_id, not_before, due_at in rows}
    assert all(not_before == due_at for not_before, due_at in found.values())
    return {contact_id: due_at.astimezone(ZoneInfo("America/New_York")) for contact_id, (_, due_at) in found.items()}


def test_a_spread_edition_leaves_little_by_little_in_an_order_of_chance(any_clinic):
    clinic = any_clinic
    clinic.campaign("partner-news", spread="8 hours", late="3 days", window="{hours: {mon-fri: 09:00-17:00}}")
    people = clinic.people(400)
    plan_december(clinic)
    found = when(clinic)
    assert set(found) == set(people)
    days = Counter(f"{at:%a}" for at in found.values())
    assert 350 <= days["Tue"] < 400, "09:30 to 17:00"
    assert days["Tue"] + days["Wed"] == 400
    assert all(time(9) <= at.time() < time(17) for at in found.values())
    by_hour = Counter(at.hour for at in found.values() if at.day == 1 and at.hour >= 10)
    assert all(25 <= by_hour[hour] <= 80 for hour in range(10, 17)), "about the same each hour"
    order = [found[person] for person in people]
    rises = sum(first < second for first, second in pairwise(order))
    assert 150 <= rises <= 250, "not in the order of the list"


def test_a_spread_edition_that_is_planned_again_keeps_its_order(clinic):
    clinic.campaign("partner-news", spread="4 hours")
    people = clinic.people(50)
    plan_december(clinic)
    first = when(clinic)
    with clinic.store.write() as connection:
        connection.execute(sa.delete(event))
        connection.execute(sa.delete(delivery))
        connection.execute(sa.update(edition).values(state="planning", planned=None, planned_through=people[20]))
    clinic.plan("2026-12-01T14:30")
    assert when(clinic) == {person: first[person] for person in people[21:]}
