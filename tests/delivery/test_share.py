"""How processes that deliver together divide the connections of a sender."""

from hypothesis import given
from hypothesis import strategies as st

from nurture.delivery.share import Share


@given(connections=st.integers(1, 50), workers=st.integers(1, 64))
def test_all_parts_together_are_the_whole_and_nearly_equal(connections: int, workers: int) -> None:
    parts = [Share(number, workers).of(connections) for number in range(1, workers + 1)]
    assert sum(parts) == connections
    assert max(parts) - min(parts) <= 1


def test_the_first_which_also_plans_gets_no_more_than_others() -> None:
    assert [Share(number, 4).of(2) for number in range(1, 5)] == [0, 0, 1, 1]
    assert [Share(number, 2).of(3) for number in (1, 2)] == [1, 2]
    assert Share().of(7) == 7
