"""Live editions that wait for a word, on both databases: given before the edition is made, or after."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from nurture.delivery import control
from nurture.news.item import NewsItem
from nurture.planning.approving import Words, first_mails
from nurture.planning.coming import Coming, Unwritten, coming_editions, find_coming
from nurture.planning.figures import MailKind, figures_of
from nurture.planning.forecast import forecast, forecast_figures
from nurture.planning.occurrences import Occurrence
from nurture.store import brakes, deliveries, editions, notices
from nurture.store.alerts import open_alerts
from nurture.store.editions import EditionId, EditionRow
from nurture.vocabulary import WAITS_FOR_APPROVAL, AlertKind, Category, Mode, SkipReason
from tests.planning.conftest import Clinic, utc

DECEMBER, JANUARY = "partner-news@2026-12-01T09:30", "partner-news@2027-01-05T09:30"
NAME = EditionId.parse(DECEMBER)
DUE, DUE_IN_JANUARY = "2026-12-01T14:30:05", "2027-01-05T14:30:05"  # 09:30 in New York
DAY = timedelta(days=1)


def snapshot(campaign: str, news: Sequence[NewsItem], occurrence: Occurrence) -> dict[str, Any]:
    """An edition whose words the tests change."""
    return {"shared": {"at": occurrence.nominal}, "texts": {}, "words": WORDS[-1]}


WORDS = ["first words"]


@pytest.fixture(autouse=True)
def same_words() -> None:
    WORDS[:] = ["first words"]


def plan(clinic: Clinic, at: str | None = None) -> None:
    clinic.plan(at, snapshot=snapshot)


def edition(clinic: Clinic, name: str = DECEMBER) -> EditionRow:
    return clinic.edition(name, mode=Mode.LIVE)


def coming(clinic: Clinic, name: EditionId = NAME) -> Coming:
    found = find_coming(clinic.store, clinic.workspace, name, now=clinic.now, snapshot=snapshot)
    assert found is not None
    return found


def approve(clinic: Clinic, name: EditionId = NAME) -> None:
    """Somebody lets it go as it is now, before it is made."""
    found = coming(clinic, name)
    with clinic.store.write() as connection:
        row = notices.record(
            connection,
            name,
            mode=Mode.LIVE,
            digest=found.digest,
            due_at=found.due.occurrence.at,
            now=clinic.now,
        )
        notices.approve(connection, row.id, by="maya", now=clinic.now)


def alerts_of(clinic: Clinic) -> list[tuple[AlertKind, str]]:
    with clinic.store.read() as connection:
        return [(alert.kind, alert.subject) for alert in open_alerts(connection)]


def due_senders(clinic: Clinic) -> tuple[str, ...]:
    with clinic.store.read() as connection:
        return deliveries.due_senders(connection, mode=Mode.LIVE, now=clinic.now)


def test_the_first_edition_waits_until_somebody_lets_it_go(live: Clinic) -> None:
    plan(live, DUE)
    assert edition(live).held_because == WAITS_FOR_APPROVAL
    assert edition(live).planned == 3
    assert due_senders(live) == ()
    assert alerts_of(live) == [(AlertKind.EDITION_HELD, DECEMBER)]
    plan(live)
    assert alerts_of(live) == [(AlertKind.EDITION_HELD, DECEMBER)], "one alert"
    assert control.approve_edition(live.store, edition(live).id, by="maya", now=live.now)
    assert (edition(live).held_at, edition(live).approved_by) == (None, "maya")
    assert due_senders(live) == ("clinic",)
    assert alerts_of(live) == []
    plan(live, DUE_IN_JANUARY)
    assert edition(live, JANUARY).held_at is None, "the next one goes by itself"


def test_a_word_before_it_is_made_lets_it_go(live: Clinic) -> None:
    approve(live)
    plan(live, DUE)
    assert (edition(live).held_at, edition(live).approved_by) == (None, "maya")
    assert due_senders(live) == ("clinic",)
    assert alerts_of(live) == []


def test_a_change_takes_the_word_back_and_its_undoing_gives_it_again(live: Clinic) -> None:
    approve(live)
    first = coming(live).digest
    WORDS.append("other words")
    changed = coming(live)
    assert changed.digest != first
    with live.store.write() as connection:
        due_at = changed.due.occurrence.at
        row = notices.record(connection, NAME, mode=Mode.LIVE, digest=changed.digest, due_at=due_at, now=live.now + DAY)
        assert row.approved_at is None
        back = notices.record(connection, NAME, mode=Mode.LIVE, digest=first, due_at=due_at, now=live.now + 2 * DAY)
        assert back.approved_by == "maya"
    plan(live, DUE)
    assert edition(live).held_because == WAITS_FOR_APPROVAL, "made with the other words"


def test_another_rule_of_who_is_meant_takes_the_word_back(live: Clinic) -> None:
    approve(live)
    live.campaign("partner-news", to="{category: [private_business, school]}")
    plan(live, "2026-11-26T12:00")
    plan(live, DUE)
    assert edition(live).held_because == WAITS_FOR_APPROVAL


@pytest.mark.parametrize("gate", ["campaign", "settings", "topic"])
def test_another_gate_lets_others_in_and_takes_the_word_back(live: Clinic, gate: str) -> None:
    before = coming(live).digest
    if gate == "settings":
        file = live.root / "nurture.yaml"
        text = file.read_text()
        assert "other: []" in text
        file.write_text(text.replace("other: []", "other: [written]"))
    else:
        more = {"topic": "other-news"} if gate == "topic" else {"consent_required": "[written]"}
        live.campaign("partner-news", **more)
    assert coming(live).digest != before


def test_a_segment_that_is_meant_counts_as_part_of_the_rule(live: Clinic) -> None:
    live.write("segments/partners.yaml", "category: private_business\n")
    live.campaign("partner-news", to="partners")
    before = coming(live).digest
    live.write("segments/partners.yaml", "category: [private_business, school]\n")
    assert coming(live).digest != before


def test_what_runs_keeps_its_content(live: Clinic) -> None:
    approve(live)
    plan(live, DUE)
    WORDS.append("other words")
    plan(live)
    assert edition(live).held_at is None
    with live.store.read() as connection:
        content = editions.content_of(connection, edition(live).id)
    assert content is not None
    assert content["words"] == "first words"


@pytest.mark.parametrize(
    ("settings", "campaign", "held"),
    [
        ("", None, [True, False]),
        ("approve: first\n", "always", [True, True]),
        ("approve: always\n", None, [True, True]),
        ("approve: always\n", "never", [False, False]),
        ("approve: never\n", None, [False, False]),
        ("approve: never\n", "first", [True, False]),
    ],
)
def test_the_rule_of_the_house_and_of_a_campaign(
    live: Clinic, settings: str, campaign: str | None, held: list[bool]
) -> None:
    file = live.root / "nurture.yaml"
    file.write_text(settings + file.read_text())
    live.campaign("partner-news", approve=campaign)
    plan(live, "2026-11-26T12:00")
    found = []
    for at, name in ((DUE, DECEMBER), (DUE_IN_JANUARY, JANUARY)):
        plan(live, at)
        found.append(edition(live, name).held_because == WAITS_FOR_APPROVAL)
        control.approve_edition(live.store, edition(live, name).id, by="maya", now=live.now)
    assert found == held


def test_a_first_edition_that_nobody_let_go_is_none(live: Clinic) -> None:
    plan(live, DUE)
    later = utc("2026-12-20T12:00")
    with live.store.write() as connection:
        assert deliveries.expire(connection, mode=Mode.LIVE, now=later) == 3
        editions.finish_drained(connection, mode=Mode.LIVE, now=later)
    plan(live, DUE_IN_JANUARY)
    assert edition(live, JANUARY).held_because == WAITS_FOR_APPROVAL


def test_one_that_was_let_go_and_canceled_counts_for_nothing(live: Clinic) -> None:
    approve(live)
    plan(live, DUE)
    control.cancel_edition(live.store, edition(live).id, now=live.now)
    plan(live, DUE_IN_JANUARY)
    assert edition(live, JANUARY).held_because == WAITS_FOR_APPROVAL


def test_held_before_it_is_made_whatever_was_approved(live: Clinic) -> None:
    approve(live)
    with live.store.write() as connection:
        assert notices.hold(connection, NAME, mode=Mode.LIVE, by="rosa", now=live.now)
        assert not notices.hold(connection, NAME, mode=Mode.LIVE, by="jonas", now=live.now)
    plan(live, DUE)
    assert edition(live).held_because == "by rosa"
    assert alerts_of(live) == [], "who held it knows"
    with live.store.read() as connection:
        assert notices.holds(connection, mode=Mode.LIVE) == {}


def test_whoever_says_now_has_let_it_go(live: Clinic) -> None:
    row = edition(live, str(live.send_now("partner-news", DUE)))
    assert (row.held_at, row.approved_by) == (None, "nurture send")
    assert due_senders(live) == ("clinic",)
    plan(live)
    assert edition(live).held_at is None, "the campaign had its first edition"


def test_the_sandbox_asks_nobody(any_clinic: Clinic) -> None:
    any_clinic.people(1)
    any_clinic.campaign("partner-news", approve="always")
    any_clinic.plan("2026-11-30T12:00")
    any_clinic.plan(DUE)
    assert any_clinic.edition(DECEMBER).held_at is None
    assert not list(coming_of(any_clinic, within=timedelta(hours=1)))


def coming_of(clinic: Clinic, *, within: timedelta = DAY) -> list[str]:
    found = coming_editions(clinic.store, clinic.workspace, now=clinic.now, within=within, snapshot=snapshot)
    return [str(each.id) for each in found]


def test_what_comes_in_a_day(live: Clinic) -> None:
    assert coming_of(live) == []
    plan(live, "2026-11-30T14:29:00")
    assert coming_of(live) == []
    plan(live, "2026-11-30T14:30:00")
    assert coming_of(live) == [DECEMBER]
    plan(live, DUE)
    assert coming_of(live) == [], "it is made"


def test_one_that_cannot_be_composed_keeps_no_other_back(live: Clinic) -> None:
    from nurture.errors import ComposeError, Problem

    def broken(campaign: str, news: Sequence[NewsItem], occurrence: Occurrence) -> dict[str, Any]:
        if campaign == "broken":
            raise ComposeError([Problem("templates/emails/note.mjml", 1, 1, "it does not end")])
        return snapshot(campaign, news, occurrence)

    live.campaign("broken")
    plan(live, "2026-11-30T15:00:00")
    found = list(coming_editions(live.store, live.workspace, now=live.now, within=DAY, snapshot=broken))
    assert [(type(each), each.id.campaign) for each in found] == [(Unwritten, "broken"), (Coming, "partner-news")]


def test_status_and_plan_say_how_it_stands(live: Clinic) -> None:
    def words() -> str:
        with live.store.read() as connection:
            return Words.read(connection, live.workspace, mode=Mode.LIVE, now=live.now).of(NAME)

    def note() -> str:
        return forecast(live.store, live.workspace, now=live.now, days=10)[0].note

    assert words() == note() == "needs approval"
    approve(live)
    assert words() == note() == "approved by maya"
    with live.store.write() as connection:
        notices.hold(connection, NAME, mode=Mode.LIVE, by="rosa", now=live.now)
    assert words() == note() == "held by rosa"


def test_figures_are_the_same_before_and_after_it_is_made(live: Clinic) -> None:
    live.people(2, Category.PRIVATE_BUSINESS, Category.SCHOOL)
    live.people(4, Category.PAST_PATIENT, Category.PRIVATE_BUSINESS)
    live.people(1, time_zone="America/Los_Angeles")
    due = coming(live).due
    before = forecast_figures(live.store, live.workspace, "partner-news", due, now=live.now)
    plan(live, DUE)
    with live.store.read() as connection:
        after = figures_of(connection, edition(live).id)
    assert before.reasons == after.reasons == {SkipReason.NO_PURPOSE: 4}
    assert before.mails == after.mails == 6
    assert before.kinds == after.kinds == (MailKind(Category.PRIVATE_BUSINESS, (), 6),)
    assert list(before.starts.values()) == list(after.starts.values()) == [5, 1], "three hours later in the west"
    assert before.expires_at == after.expires_at


def test_of_two_at_the_same_minute_the_figures_count_the_one_that_is_made_first(live: Clinic) -> None:
    """As `plan` does: both leave what the gap between two newsletters allows to the first."""
    live.campaign("spring-letter")
    for found in forecast(live.store, live.workspace, now=live.now, days=10):
        due = coming(live, found.id).due
        figures = forecast_figures(live.store, live.workspace, found.id.campaign, due, now=live.now)
        assert (found.id.campaign, figures.mails) in [("partner-news", 3), ("spring-letter", 0)]
        assert (figures.mails, figures.reasons) == (found.queued, found.reasons)


def test_the_brake_of_the_first_edition_counts_from_the_word(live: Clinic) -> None:
    """Else all would leave at once where nobody said a word before the hour of looking was over."""
    file = live.root / "nurture.yaml"
    file.write_text("brakes: {first_edition: {over: 2, sends: 1}}\n" + file.read_text())
    plan(live, DUE)
    live.now = utc("2026-12-01T20:00")
    assert len(claimable(live)) == 0
    first = first_mails(live.workspace.settings, Mode.LIVE, live.now)
    control.approve_edition(live.store, edition(live).id, by="maya", now=live.now, first=first)
    assert len(claimable(live)) == 1
    live.now += timedelta(hours=1)
    assert len(claimable(live)) == 2


def claimable(clinic: Clinic) -> list[Any]:
    with clinic.store.write() as connection:
        return deliveries.claim(connection, mode=Mode.LIVE, sender="clinic", owner="worker", now=clinic.now, limit=10)


def test_two_first_editions_that_wait_are_both_none_until_one_goes(live: Clinic) -> None:
    live.campaign("school-news", schedule="first tuesday at 09:31")
    plan(live, "2026-11-26T12:00")
    plan(live, "2026-12-01T14:32:00")
    school = edition(live, "school-news@2026-12-01T09:31")
    with live.store.read() as connection:
        assert brakes.is_first(connection, school.id, Mode.LIVE)
        assert brakes.is_first(connection, edition(live).id, Mode.LIVE)
    control.approve_edition(live.store, edition(live).id, by="maya", now=live.now)
    with live.store.read() as connection:
        assert not brakes.is_first(connection, school.id, Mode.LIVE)
