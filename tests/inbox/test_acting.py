"""What a bounce, a complaint and an absence lead to: tables."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.inbox.acting import (
    BounceHistory,
    absence_until,
    after_bounce,
    may_leave_by_words,
    too_many_complaints,
)
from nurture.vocabulary import BounceAct, BounceKind, MatchedBy
from nurture.workspace.brakes import Complaints
from nurture.workspace.feedback import Bounces

DAY = datetime(2026, 12, 1, 9, tzinfo=UTC)
RULES = Bounces()  # five over ten days; more than 20 that are more than a fifth
PROVEN = [MatchedBy.SIGNED, MatchedBy.MESSAGE_ID, MatchedBy.RELAY_ID]


def judged(
    kind: BounceKind,
    matched_by: MatchedBy = MatchedBy.MESSAGE_ID,
    *,
    same_address: bool = True,
    soft_days: tuple[int, ...] = (0,),
    hard: int = 0,
    sent: int = 100,
) -> BounceAct:
    history = BounceHistory(tuple(DAY + timedelta(days=day) for day in soft_days), hard, sent)
    return after_bounce(kind, matched_by=matched_by, same_address=same_address, history=history, rules=RULES)


@pytest.mark.parametrize("matched_by", PROVEN)
def test_an_address_that_does_not_exist_is_suppressed_at_once(matched_by: MatchedBy) -> None:
    assert judged(BounceKind.HARD, matched_by) is BounceAct.SUPPRESS_HARD


@pytest.mark.parametrize("kind", [BounceKind.HARD, BounceKind.SOFT])
@pytest.mark.parametrize("matched_by", [MatchedBy.ADDRESS, MatchedBy.ORGANIZATION])
def test_what_anybody_could_write_suppresses_nobody(kind: BounceKind, matched_by: MatchedBy) -> None:
    assert judged(kind, matched_by, soft_days=(0, 5, 10, 15, 20, 25)) is BounceAct.RECORD


def test_a_mailbox_to_which_it_was_forwarded_is_not_the_readers() -> None:
    assert judged(BounceKind.HARD, same_address=False) is BounceAct.RECORD
    assert judged(BounceKind.HARD, same_address=False, soft_days=(0, 3, 6, 9, 12)) is BounceAct.SUPPRESS_SOFT


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ((0,), BounceAct.RECORD),
        ((0, 3, 6, 9), BounceAct.RECORD),
        ((0, 10, 20, 30), BounceAct.RECORD),
        ((0, 1, 2, 3, 9), BounceAct.RECORD),
        ((0, 1, 2, 3, 10), BounceAct.SUPPRESS_SOFT),
        ((0, 1, 2, 3, 4, 5, 6), BounceAct.RECORD),
    ],
)
def test_soft_bounces_count_by_number_and_time(days: tuple[int, ...], expected: BounceAct) -> None:
    assert judged(BounceKind.SOFT, soft_days=days) is expected


@given(
    st.sampled_from(MatchedBy), st.booleans(), st.integers(0, 1000), st.integers(0, 1000), st.lists(st.integers(0, 90))
)
def test_a_refusal_of_us_is_never_the_contacts_fault(
    matched_by: MatchedBy, same: bool, hard: int, sent: int, days: list[int]
) -> None:
    act = judged(BounceKind.SENDER, matched_by, same_address=same, hard=hard, sent=sent, soft_days=(0, *sorted(days)))
    assert act is BounceAct.BLAME_US
    for kind in (BounceKind.DELAYED, BounceKind.DELIVERED):
        assert judged(kind, matched_by, soft_days=(0, *sorted(days))) is BounceAct.RECORD


@pytest.mark.parametrize(
    ("hard", "sent", "expected"),
    [
        (19, 30, BounceAct.SUPPRESS_HARD),  # the twentieth
        (20, 30, BounceAct.DOUBT),  # more than 20, and more than a fifth
        (20, 105, BounceAct.SUPPRESS_HARD),  # exactly a fifth
        (20, 104, BounceAct.DOUBT),
        (100, 1000, BounceAct.SUPPRESS_HARD),  # one in ten of a large list: bad, but believable
    ],
)
def test_many_at_once_are_doubted(hard: int, sent: int, expected: BounceAct) -> None:
    assert judged(BounceKind.HARD, hard=hard, sent=sent) is expected


@pytest.mark.parametrize(
    ("complaints", "sent", "expected"),
    [(1, 100, False), (2, 600, True), (2, 667, False), (2, 666, True), (3, 1000, False), (4, 1000, True)],
)
def test_more_than_three_in_a_thousand_pause(complaints: int, sent: int, expected: bool) -> None:
    assert too_many_complaints(complaints, sent, Complaints()) is expected


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        (None, None),
        (date(2026, 11, 30), None),  # over
        (date(2026, 12, 1), date(2026, 12, 1)),
        (date(2026, 12, 20), date(2026, 12, 20)),
        (date(2027, 12, 31), date(2026, 12, 31)),  # nobody waits for longer than 30 days
    ],
)
def test_an_absence_is_believed_for_a_month(until: date | None, expected: date | None) -> None:
    assert absence_until(until, today=date(2026, 12, 1)) == expected


def test_words_count_where_they_answer_a_mail_of_ours() -> None:
    assert [by for by in [*MatchedBy, None] if may_leave_by_words(by)] == PROVEN
