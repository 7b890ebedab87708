"""How many lines a provider gets: by what it answers, and how soon."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.delivery.traffic import REFUSALS, Traffic
from tests.delivery.outbox import NOW


def lines_for(traffic: Traffic, provider: str, limit: int | None = None) -> int:
    """How many lines may be busy with it at once."""
    taken = []
    while traffic.allows(1000 + len(taken), provider, limit):
        traffic.took(1000 + len(taken), 10_000 + len(taken), provider)
        taken.append(10_000 + len(taken))
    for delivery in taken:
        traffic.left(delivery)
    return len(taken)


@pytest.mark.parametrize(("connections", "first"), [(1, 1), (2, 1), (4, 1), (16, 2), (50, 6)])
def test_few_lines_begin_and_each_quick_answer_adds_one(connections: int, first: int) -> None:
    traffic = Traffic(connections)
    seen = []
    for _ in range(connections + 3):
        seen.append(lines_for(traffic, "a.example"))
        traffic.answered("a.example", 0.1, for_now=False)
    assert seen[0] == first
    assert seen == sorted(seen)
    assert seen[-1] == connections
    assert lines_for(traffic, "b.example") == first, "each provider by itself"
    assert lines_for(traffic, "a.example", 1) == 1, "the clinic's limit"


def test_a_line_may_have_several_mails_for_one_provider_in_hand() -> None:
    traffic = Traffic(2)
    traffic.took(1, 11, "a.example")
    assert traffic.allows(1, "a.example")
    traffic.took(1, 12, "a.example")
    assert not traffic.allows(2, "a.example")
    traffic.left(11)
    traffic.left(11)
    assert not traffic.allows(2, "a.example")
    traffic.left(12)
    assert traffic.allows(2, "a.example")


def test_slow_is_what_takes_far_longer_than_the_others() -> None:
    traffic = Traffic(8)
    for _ in range(8):
        traffic.answered("slow.example", 0.1, for_now=False)
    assert not traffic.is_slow("slow.example", 600), "there is nobody to compare it with"
    assert not traffic.keeps_waiting("slow.example", 0.9)
    assert traffic.keeps_waiting("slow.example", 1.1)
    for name in ("a.example", "b.example", "c.example"):
        traffic.answered(name, 0.1, for_now=False)
    assert [traffic.is_slow("slow.example", seconds) for seconds in (0.45, 0.79, 0.81)] == [False, False, True]
    traffic.answered("slow.example", 3, for_now=False)
    assert lines_for(traffic, "slow.example") == 1
    traffic.answered("slow.example", 0.2, for_now=False)
    assert lines_for(traffic, "slow.example") == 2, "it comes back by answering"


def test_one_silence_may_be_an_accident_unless_others_answer() -> None:
    traffic = Traffic(8)
    assert [traffic.fell_silent("dead.example", 300) for _ in range(2)] == [False, True]
    traffic.answered("odd.example", 0.1, for_now=False)
    assert [traffic.fell_silent(name, 300) for name in ("odd.example", "new.example")] == [False, True]
    traffic.answered("odd.example", 0.1, for_now=False)
    assert not traffic.fell_silent("odd.example", 0.3), "an answer ends the row"


def test_where_all_are_slow_nobody_is() -> None:
    traffic = Traffic(8)
    for _ in range(8):
        for name in ("a.example", "b.example", "c.example"):
            traffic.answered(name, 4, for_now=False)
    assert [lines_for(traffic, name) for name in ("a.example", "b.example")] == [8, 8]
    assert not traffic.keeps_waiting("a.example", 5)


def test_many_refusals_in_a_row_say_slow_down_and_one_yes_ends_the_row() -> None:
    traffic = Traffic(2)
    refused = [traffic.answered("a.example", 0.1, for_now=True) for _ in range(REFUSALS)]
    assert refused == [False] * (REFUSALS - 1) + [True]
    traffic.answered("a.example", 0.1, for_now=False)
    assert not any(traffic.answered("a.example", 0.1, for_now=True) for _ in range(REFUSALS - 1))
    assert lines_for(traffic, "b.example") == 1


def test_a_crowded_server_keeps_the_lines_down_for_ten_minutes() -> None:
    traffic = Traffic(8)
    assert traffic.most_lines(NOW) == 16
    traffic.crowd(5, NOW)
    assert traffic.most_lines(NOW + timedelta(minutes=9)) == 5
    assert traffic.most_lines(NOW + timedelta(minutes=10)) == 16


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 4), st.booleans()), max_size=60))
def test_nothing_is_left_of_mails_that_left(steps: list[tuple[str, int, bool]]) -> None:
    traffic, in_hand = Traffic(4), []
    for number, (provider, line, done) in enumerate(steps):
        if traffic.allows(line, provider):
            traffic.took(line, number, provider)
            in_hand.append(number)
        if done and in_hand:
            traffic.left(in_hand.pop(0))
    for delivery in in_hand:
        traffic.left(delivery)
    assert all(traffic.allows(99, provider) for provider in "abc")
