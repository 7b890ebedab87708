"""When an edition will have left: an estimate by limits and windows."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.delivery.finishing import Finish, Pace, few_first, finish
from nurture.planning.windows import Openings
from nurture.workspace.brakes import FirstEdition
from nurture.workspace.hours import parse_opening_hours
from nurture.workspace.settings import Sender, SenderLimits, WarmUp

ZONE = ZoneInfo("America/New_York")
OPENINGS = Openings(parse_opening_hours({"mon-fri": "08:00-18:00"}), frozenset(), timedelta(days=3))


def at(text: str) -> datetime:
    """A wall time of Tuesday to Friday, 1 to 4 December 2026, in UTC."""
    day, _, time = text.partition(" ")
    number = {"tue": 1, "wed": 2, "thu": 3, "fri": 4}[day]
    return datetime.fromisoformat(f"2026-12-{number:02}T{time}").replace(tzinfo=ZONE).astimezone(UTC)


DUE, EXPIRES = at("tue 09:30"), at("fri 09:30")


def sender(**limits: object) -> Sender:
    return Sender(name="A", address="a@clinic.example", connections=2, limits=SenderLimits(**limits))


def estimate(starts: dict[datetime, int], pace: Pace) -> Finish:
    return finish(starts, pace, OPENINGS, zone=ZONE, expires_at=EXPIRES)


@pytest.mark.parametrize(
    ("starts", "pace", "finishes", "too_late"),
    [
        ({DUE: 120}, Pace(sender()), "tue 09:31", 0),  # one mail a second on each connection
        ({DUE: 120}, Pace(sender(per_minute=10)), "tue 09:42", 0),
        ({DUE: 120}, Pace(sender(per_minute=10), per_minute=2), "tue 10:30", 0),  # its server taught us so
        ({DUE: 10, at("tue 12:30"): 10}, Pace(sender(per_minute=10)), "tue 12:31", 0),  # another time zone, or spread
        ({DUE: 600}, Pace(sender(per_minute=1)), "wed 09:30", 0),  # 510 minutes until closing, 90 in the morning
        ({DUE: 120}, Pace(sender(per_day=50, per_minute=10)), "thu 08:02", 0),
        ({DUE: 60}, Pace(sender(per_day=50, per_minute=10), today=date(2026, 12, 1), used_today=45), "thu 08:00", 0),
        ({DUE: 300}, Pace(sender(per_day=50, per_minute=10)), "fri 08:05", 100),  # four days are too few
        ({DUE: 6}, Pace(sender(warm_up=WarmUp(**{"from": date(2026, 12, 2)}, first_day=3, growth=1))), "thu 08:00", 0),
    ],
)
def test_the_estimate(starts: dict[datetime, int], pace: Pace, finishes: str, too_late: int) -> None:
    found = estimate(starts, pace)
    assert found.at is not None
    assert abs(found.at - at(finishes)) <= timedelta(minutes=1)
    assert found.too_late == too_late


def test_nothing_leaves_before_a_warm_up_begins() -> None:
    pace = Pace(sender(warm_up=WarmUp(**{"from": date(2027, 1, 11)})))
    assert estimate({DUE: 6}, pace) == Finish(None, 6)


@given(
    st.dictionaries(st.integers(0, 3000).map(lambda minutes: DUE + timedelta(minutes=minutes)), st.integers(1, 500)),
    st.integers(1, 200),
    st.none() | st.integers(1, 300),
)
def test_it_ends_and_is_never_before_the_last_start(
    starts: dict[datetime, int], per_minute: int, per_day: int | None
) -> None:
    found = estimate(starts, Pace(sender(per_minute=per_minute, per_day=per_day)))
    total = sum(starts.values())
    assert 0 <= found.too_late <= total
    if total and not found.too_late:
        assert found.at is not None
        assert found.at > max(starts)
        if per_day is None and len(starts) == 1 and total <= per_minute:
            assert found.at <= max(starts) + timedelta(minutes=1) or found.at.astimezone(ZONE).hour >= 8


@pytest.mark.parametrize(
    ("starts", "expected"),
    [
        ({DUE: 100}, {DUE: 100}),
        ({DUE: 143}, {DUE: 30, at("tue 10:30"): 113}),
        (
            {DUE: 20, at("tue 10:00"): 20, at("tue 12:30"): 80},
            {DUE: 20, at("tue 10:00"): 10, at("tue 10:30"): 10, at("tue 12:30"): 80},
        ),
    ],
)
def test_the_first_edition_begins_with_few(starts: dict[datetime, int], expected: dict[datetime, int]) -> None:
    assert few_first(starts, FirstEdition()) == expected
