"""What is due around edits, sleeps and clock jumps; by table, and played minute by minute by Hypothesis."""

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nurture.planning.due import QUIET, Decision, History, PastEdition, Version, due_occurrences
from nurture.planning.windows import Openings
from nurture.vocabulary import EditionReason
from nurture.workspace.campaign import Campaign
from nurture.workspace.hours import parse_opening_hours

NEW_YORK = ZoneInfo("America/New_York")
OPENINGS = Openings(parse_opening_hours({"mon-fri": "08:00-18:00"}), frozenset(), timedelta(days=3))
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
DUE = datetime(2026, 12, 1, 14, 30, tzinfo=UTC)  # the first Tuesday at 09:30


def minutes(number: float) -> datetime:
    """So many minutes after the occurrence."""
    return DUE + timedelta(minutes=number)


def newsletter(schedule: str = "first tuesday at 09:30") -> Campaign:
    return Campaign.model_validate(
        {
            "kind": "newsletter",
            "topic": "news",
            "to": {"category": "school"},
            "schedule": schedule,
            "subject": "News",
            "template": "note",
            "intent": "give",
        }
    )


def versions(*edits: tuple[datetime, str]) -> list[Version]:
    """A chain of versions, each looked at only once, when it was new."""
    chain = []
    for number, (seen, schedule) in enumerate(edits):
        end = edits[number + 1][0] if number + 1 < len(edits) else None
        chain.append(Version(schedule, seen, seen, vanished_at=end))
    return chain


def decide(history: History, now: datetime, campaign: Campaign | None = None):
    found = due_occurrences(campaign or newsletter(), history, zone=NEW_YORK, openings=OPENINGS, now=now)
    return [(due.key, due.decision, due.reason) for due in found]


SAME = "first tuesday at 09:30"
KEY = "2026-12-01T09:30"


@pytest.mark.parametrize(
    ("first_seen", "now", "expected"),
    [
        (LONG_AGO, -1, None),
        (LONG_AGO, 0, Decision.PLAN),
        (LONG_AGO, 4 * 24 * 60, Decision.MISS),
        (minutes(-60), 0, Decision.PLAN),
        (minutes(-5), 0, Decision.WAIT),  # a new file may still be edited
        (minutes(-5), 5, Decision.PLAN),
        (minutes(0), 10, Decision.PLAN),
        (minutes(1), 20, None),  # nothing before the first valid load
    ],
)
def test_a_campaign_that_was_never_edited(first_seen: datetime, now: int, expected: Decision | None):
    history = History(versions((first_seen, SAME)), since=LONG_AGO)
    december = [found for found in decide(history, minutes(now)) if found[0] == KEY]
    assert [decision for _, decision, _ in december] == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("edits", "now", "expected"),
    [
        ([-60], 0, (Decision.PLAN, None)),
        ([-9], 0, (Decision.WAIT, None)),
        ([-9], 1, (Decision.PLAN, None)),
        ([0.2], 1, (Decision.WAIT, None)),  # saved just before, seen just after
        ([9], 10, (Decision.WAIT, None)),
        ([9], 19, (Decision.PLAN, None)),
        ([-9, -1, 7, 15], 16, (Decision.WAIT, None)),  # one long editing
        ([-9, -1, 7, 15], 25, (Decision.PLAN, None)),
        ([11], 12, (Decision.MISS, EditionReason.EDITED)),  # nobody had looked for ten minutes: the law of edits
    ],
)
def test_edits_of_the_text_around_the_time(edits, now, expected):
    chain = versions((LONG_AGO, SAME), *((minutes(edit), SAME) for edit in edits))
    history = History(chain, since=minutes(-24 * 60))
    assert decide(history, minutes(now)) == [(KEY, *expected)]


def test_a_planner_that_looked_at_its_time_leaves_nothing_to_be_missed():
    chain = versions((LONG_AGO, SAME), (minutes(60), SAME))
    chain[0] = Version(SAME, LONG_AGO, minutes(58), vanished_at=minutes(60))
    assert decide(History(chain, since=LONG_AGO), minutes(61)) == []


def test_an_edited_schedule_makes_nothing_due_that_lies_before_the_edit():
    campaign = newsletter("every tuesday at 09:30")
    chain = versions((LONG_AGO, SAME), (minutes(5), "every tuesday at 09:30"))
    assert decide(History(chain, since=LONG_AGO), minutes(60), campaign) == []


@pytest.mark.parametrize(
    ("made_by", "confirmed", "expected"),
    [
        ("first tuesday at 09:30", None, Decision.CONFIRM),
        ("first tuesday at 09:30", LONG_AGO, Decision.PLAN),
        ("second tuesday at 09:30", None, Decision.PLAN),  # the same rule
        (None, None, Decision.PLAN),
    ],
)
def test_a_second_edition_in_one_period_needs_a_yes(made_by, confirmed, expected):
    text = "second tuesday at 09:30"
    current = Version(text, minutes(60), minutes(60), confirmed_at=confirmed)
    history = History([current], since=LONG_AGO, editions=[PastEdition(KEY, made_by)])
    now = DUE + timedelta(days=7)
    assert decide(history, now, newsletter(text)) == [("2026-12-08T09:30", expected, None)]


@pytest.mark.parametrize("key", ["now-20261201T143000Z", "1"])
def test_editions_made_by_hand_do_not_count_for_the_period(key: str):
    history = History(versions((minutes(-60), SAME)), since=LONG_AGO, editions=[PastEdition(key, "cron 0 9 1 * *")])
    assert decide(history, DUE) == [(KEY, Decision.PLAN, None)]


@pytest.mark.parametrize(
    ("changed", "now", "expected"),
    [
        (-5, 0, Decision.WAIT),
        (-5, 5, Decision.PLAN),
        (-11, 0, Decision.PLAN),
        (3, 4, Decision.WAIT),
        (600, 4, Decision.PLAN),  # a date in the future is a wrong date
    ],
)
def test_a_touched_file_delays_too(changed, now, expected):
    history = History(versions((LONG_AGO, SAME)), since=minutes(-600), changed_at=minutes(changed))
    assert decide(history, minutes(now)) == [(KEY, expected, None)]


def test_a_holiday_moves_the_grace():
    christmas = frozenset({datetime(2026, 12, 1).date(), datetime(2026, 12, 2).date()})
    openings = Openings(OPENINGS.window, christmas, timedelta(days=3))
    history = History(versions((LONG_AGO, SAME)), since=minutes(-600))
    late = DUE + timedelta(days=6)  # Monday; from Thursday 08:00 on it could leave
    found = list(due_occurrences(newsletter(), history, zone=NEW_YORK, openings=openings, now=late))
    assert [due.decision for due in found] == [Decision.MISS]
    in_time = list(
        due_occurrences(newsletter(), history, zone=NEW_YORK, openings=openings, now=DUE + timedelta(days=3))
    )
    assert [due.decision for due in in_time] == [Decision.PLAN]


def test_a_window_that_never_opens_plans_nothing():
    closed = Openings(parse_opening_hours({"mon-sun": "22:00-23:00"}), frozenset(), timedelta(days=3))
    history = History(versions((LONG_AGO, SAME)), since=LONG_AGO)
    assert list(due_occurrences(newsletter(), history, zone=NEW_YORK, openings=closed, now=DUE)) == []


# --- a year played through: looks at odd times, edits, sleeps, jumps of the clock ---

SCHEDULES = ["first tuesday at 09:30", "every monday at 01:30", "cron 30 2 * * 0", "cron 0 9 1,15 * *"]
steps = st.lists(
    st.tuples(
        st.integers(-600, 6 * 24 * 60),  # minutes until the next look; less than 0: the clock was set back
        st.sampled_from(["look", "look", "look", "edit text", "edit schedule"]),
        st.sampled_from(SCHEDULES),
    ),
    min_size=5,
    max_size=80,
)


def rule_since(chain: list[Version]) -> datetime:
    """Since when the present schedule stands in the file without a break."""
    same = takewhile(lambda version: version.schedule == chain[-1].schedule, reversed(chain))
    return min(version.first_seen_at for version in same)


@settings(deadline=None)
@given(steps, st.sampled_from(["America/New_York", "Australia/Lord_Howe", "Europe/Berlin"]))
def test_whatever_happens_an_edition_is_decided_once_and_never_early(steps, zone_name: str):
    zone = ZoneInfo(zone_name)
    now = datetime(2027, 2, 20, tzinfo=UTC)
    schedule = SCHEDULES[0]
    chain = [Version(schedule, now, now)]
    editions: dict[str, PastEdition] = {}
    for wait, action, new_schedule in steps:
        now += timedelta(minutes=wait)
        if action != "look":
            schedule = new_schedule if action == "edit schedule" else schedule
            chain[-1] = Version(chain[-1].schedule, min(chain[-1].first_seen_at, now), now, vanished_at=now)
            chain.append(Version(schedule, now, now))
        history = History(chain, since=LONG_AGO, editions=list(editions.values()))
        campaign = newsletter(schedule)
        found = list(due_occurrences(campaign, history, zone=zone, openings=OPENINGS, now=now))
        assert found == list(due_occurrences(campaign, history, zone=zone, openings=OPENINGS, now=now))
        for due in found:
            assert due.occurrence.at <= now
            assert due.key not in editions
            if due.decision is Decision.PLAN:
                assert now <= due.expires_at
                assert due.occurrence.at >= rule_since(chain)
            if due.decision in (Decision.PLAN, Decision.MISS):
                editions[due.key] = PastEdition(due.key, schedule)


@settings(deadline=None)
@given(st.lists(st.integers(1, 60), min_size=20, max_size=300), st.sampled_from(SCHEDULES))
def test_a_planner_that_looks_every_hour_misses_nothing_and_repeats_nothing(waits, schedule: str):
    """Over the spring change of New York, without edits: every occurrence is planned, at the first look after it."""
    start = now = datetime(2027, 3, 10, tzinfo=UTC)
    chain = [Version(schedule, start - QUIET, start - QUIET)]
    planned: dict[str, datetime] = {}
    campaign = newsletter(schedule)
    for wait in waits:
        now += timedelta(minutes=wait)
        history = History(chain, since=LONG_AGO, editions=[PastEdition(key, schedule) for key in planned])
        for due in due_occurrences(campaign, history, zone=NEW_YORK, openings=OPENINGS, now=now):
            assert due.decision is Decision.PLAN
            assert now - due.occurrence.at < timedelta(minutes=wait) or due.occurrence.at <= start
            planned[due.key] = now
    everything = due_occurrences(campaign, History(chain, since=LONG_AGO), zone=NEW_YORK, openings=OPENINGS, now=now)
    assert [due.key for due in everything] == sorted(planned)
