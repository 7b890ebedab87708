"""Who waits too long."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from nurture.inbox.reply_clock import ReplyClock, share_reached
from nurture.inbox.working_time import WorkingTime
from nurture.vocabulary import ReplyStanding, ReplyTopic
from nurture.workspace.hours import parse_opening_hours

OREGON = ZoneInfo("America/Los_Angeles")
CLOCK = ReplyClock(
    WorkingTime(parse_opening_hours({"mon-fri": "09:00-17:00"}), frozenset(), OREGON), limit=timedelta(hours=8)
)


@dataclass(frozen=True)
class Reply:
    received_at: datetime
    ended_at: datetime | None = None
    snoozed_until: datetime | None = None
    topic: ReplyTopic = ReplyTopic.OTHER


def oregon(text):
    return datetime.fromisoformat(text).replace(tzinfo=OREGON)


FRIDAY = oregon("2026-11-20T16:00")  # an hour before the weekend


@pytest.mark.parametrize(
    ("now", "standing"),
    [
        ("2026-11-20T16:59", ReplyStanding.WAITING),
        ("2026-11-22T23:00", ReplyStanding.WAITING),  # a weekend is no waiting
        ("2026-11-23T11:59", ReplyStanding.WAITING),
        ("2026-11-23T12:00", ReplyStanding.SOON),  # 1 + 3 hours: half of the limit
        ("2026-11-23T15:59", ReplyStanding.SOON),
        ("2026-11-23T16:00", ReplyStanding.OVERDUE),  # 1 + 7
        ("2027-03-01T00:00", ReplyStanding.OVERDUE),
    ],
)
def test_the_limit_is_working_time(now, standing):
    assert CLOCK.standing(Reply(FRIDAY), oregon(now)) is standing


def test_an_answer_stops_the_clock():
    answered = Reply(FRIDAY, ended_at=oregon("2026-11-23T10:00"))
    assert CLOCK.standing(answered, oregon("2026-12-24T10:00")) is ReplyStanding.ENDED
    assert CLOCK.waited(answered, oregon("2026-12-24T10:00")) == timedelta(hours=2)


def test_a_snoozed_reply_comes_back_with_all_its_time():
    snoozed = Reply(FRIDAY, snoozed_until=oregon("2026-11-25T09:00"))
    assert CLOCK.standing(snoozed, oregon("2026-11-25T08:59")) is ReplyStanding.SNOOZED
    assert CLOCK.standing(snoozed, oregon("2026-11-25T09:00")) is ReplyStanding.OVERDUE


@pytest.mark.parametrize("topic", ReplyTopic)
def test_thanks_and_wishes_to_leave_want_no_answer(topic):
    found = CLOCK.standing(Reply(FRIDAY, topic=topic), oregon("2027-03-01T00:00"))
    quiet = topic in (ReplyTopic.THANKS, ReplyTopic.STOP)
    assert found is (ReplyStanding.NO_ANSWER_NEEDED if quiet else ReplyStanding.OVERDUE)


def test_shares():
    hours = [timedelta(hours=number) for number in (10, 1, 2, 3, 4, 5, 6, 7, 8, 9)]
    assert share_reached(hours, 0.5) == timedelta(hours=5)
    assert share_reached(hours, 0.9) == timedelta(hours=9)
    assert share_reached(hours[:1], 0.9) == timedelta(hours=10)
    assert share_reached([], 0.5) is None
