"""Who passes the gates, in which order, with which news."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.news.item import NewsItem
from nurture.planning.gates import (
    REASONS_IN_WORDS,
    Facts,
    NewsRule,
    Rules,
    choose_news,
    near_since,
    pass_gates,
    variant_for,
)
from nurture.vocabulary import CONSENT_BITS, Category, ConsentKind, Intent, NewsKind, SkipReason

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 12, 1, 14, 30, tzinfo=UTC)
WRITTEN = CONSENT_BITS[ConsentKind.WRITTEN]


@dataclass(frozen=True)
class Person:
    id: int = 1
    addressee: int = 1
    organization_id: int | None = 7


def item(name: str, day: str, *, pin: bool = False) -> NewsItem:
    return NewsItem(
        id=f"file:{name}",
        kind=NewsKind.FILE,
        title=name,
        summary="",
        html="",
        text="",
        date=date.fromisoformat(day),
        pin=pin,
    )


NEWS = NewsRule(items=[item("new", "2026-11-20")], unseen=True, maximum=4, back_to=date(2026, 10, 2))
# each closes one gate; in the order in which they are asked
CLOSED = {
    SkipReason.HOUSEHOLD: {"taken": {1}},
    SkipReason.SUPPRESSED: {"suppressed": {1}},
    SkipReason.NO_CONSENT: {"consents": {}},
    SkipReason.AWAY: {"away": {1: date(2027, 1, 31)}},
    SkipReason.FREQUENCY_CAP: {"received": {1: NOW - timedelta(days=1)}},
    SkipReason.GIVE_FIRST: {"gives": {7: 0}},
    SkipReason.NO_NEWS: {"seen": {1: {"file:new"}}},
}
OPEN = {"consents": {1: WRITTEN}, "gives": {7: 1}}


def outcome(facts: dict, *, person: Person | None = None, intent: Intent = Intent.ASK, refusal=None):
    rules = Rules(intent=intent, gives_before_ask=1, news=NEWS)
    return pass_gates(
        person or Person(),
        rules,
        Facts(**facts),
        refusal=refusal,
        consent_mask=WRITTEN,
        near_since=near_since(NOW, timedelta(days=3), NEW_YORK),
        returns_too_late="away" in facts,
    )


def test_whoever_passes_every_gate_gets_the_news():
    assert outcome(OPEN).reason is None
    assert outcome(OPEN).news == ("file:new",)


@pytest.mark.parametrize("reason", CLOSED)
def test_a_closed_gate_names_the_reason(reason: SkipReason):
    assert outcome(OPEN | CLOSED[reason]).reason is reason
    assert REASONS_IN_WORDS[reason]


@given(st.sets(st.sampled_from(list(CLOSED)), min_size=1))
def test_the_first_closed_gate_is_the_one_that_is_told(closed: set[SkipReason]):
    facts = dict(OPEN)
    for reason in closed:
        facts |= CLOSED[reason]
    assert outcome(facts).reason is next(reason for reason in CLOSED if reason in closed)


def test_what_the_law_forbids_comes_before_consent():
    refused = outcome(OPEN | {"consents": {}}, refusal=SkipReason.NO_AUTHORIZATION)
    assert refused.reason is SkipReason.NO_AUTHORIZATION
    assert "45 CFR 164.508(a)(3)" in REASONS_IN_WORDS[refused.reason]


def test_people_without_an_organization_and_gifts_need_no_gives():
    assert outcome(OPEN | {"gives": {}}, person=Person(organization_id=None)).reason is None
    assert outcome(OPEN | {"gives": {}}, intent=Intent.GIVE).reason is None


@pytest.mark.parametrize(
    ("gap", "last", "near"),
    [
        (timedelta(days=3), "2026-11-28T23:59", False),  # Saturday evening to Tuesday morning
        (timedelta(days=3), "2026-11-29T00:00", True),
        (timedelta(days=1), "2026-11-30T23:59", False),
        (timedelta(days=1), "2026-12-01T00:00", True),
        (timedelta(hours=36), "2026-11-29T21:30", False),
        (timedelta(hours=36), "2026-11-29T21:31", True),
    ],
)
def test_the_gap_counts_days_of_the_readers_calendar(gap: timedelta, last: str, near: bool):
    since = near_since(NOW, gap, NEW_YORK)
    assert since is not None
    assert (datetime.fromisoformat(last).replace(tzinfo=NEW_YORK) >= since) is near


def test_no_gap_means_no_cap():
    assert near_since(NOW, timedelta(0), NEW_YORK) is None


@given(st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)), st.integers(1, 30 * 24))
def test_a_full_gap_of_hours_is_always_enough(at: datetime, hours: int):
    gap = timedelta(hours=hours)
    since = near_since(at, gap, NEW_YORK)
    assert since is not None
    assert at - gap - timedelta(hours=1) < since <= at  # a clock change may take an hour away


ITEMS = [item("pinned", "2026-06-01", pin=True), *(item(f"day{day}", f"2026-11-{day:02}") for day in (20, 10, 5))]
FAR_BACK = date(2026, 1, 1)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (set(), ["file:day20", "file:day10"]),  # the pinned one is older than 60 days
        ({"file:day20"}, ["file:day10", "file:day5"]),
        ({"file:pinned"}, ["file:day20", "file:day10"]),
        ({"file:gone"}, ["file:day20", "file:day10"]),
        ({"file:pinned", "file:day20", "file:day10", "file:day5"}, []),
    ],
)
def test_unseen_news_in_order(seen: set[str], expected: list[str]):
    rule = NewsRule(items=ITEMS, unseen=True, maximum=2, back_to=date(2026, 10, 2))
    assert list(choose_news(rule, seen)) == expected


def test_what_was_left_over_is_not_lost_when_it_gets_old():
    rule = NewsRule(items=ITEMS, unseen=True, maximum=2, back_to=date(2026, 11, 15))
    assert choose_news(rule, {"file:day5"}) == ("file:day20", "file:day10")
    assert choose_news(rule, set()) == ("file:day20",)


def test_pinned_news_come_first_and_seen_ones_again_where_the_campaign_says_so():
    rule = NewsRule(items=ITEMS, unseen=False, maximum=2, back_to=FAR_BACK)
    assert choose_news(rule, {"file:pinned"}) == ("file:pinned", "file:day20")


@given(st.sets(st.sampled_from([i.id for i in ITEMS])), st.integers(1, 5))
def test_nobody_gets_what_was_seen_nor_too_much(seen: set[str], maximum: int):
    rule = NewsRule(items=ITEMS, unseen=True, maximum=maximum, back_to=FAR_BACK)
    unseen = [i.id for i in ITEMS if i.id not in seen]
    assert list(choose_news(rule, seen)) == unseen[:maximum]


@pytest.mark.parametrize(
    ("categories", "meant", "expected"),
    [
        ({Category.SCHOOL, Category.PAST_PATIENT}, {Category.PAST_PATIENT}, Category.PAST_PATIENT),
        ({Category.SCHOOL, Category.PAST_PATIENT}, set(), Category.SCHOOL),
        ({Category.SCHOOL}, {Category.PAST_PATIENT}, Category.SCHOOL),
        (set(), {Category.SCHOOL}, Category.PRIVATE_BUSINESS),
    ],
)
def test_the_words_of_the_category_that_is_meant(categories, meant, expected):
    assert variant_for(categories, meant) is expected
