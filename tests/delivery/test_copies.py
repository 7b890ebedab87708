"""What speaks against a database: every pair of what it says itself and what this machine remembers. Pure."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from nurture.delivery.copies import Doubt, Outside, Place, judge
from nurture.store.lineage import HighWater

AT = datetime(2026, 11, 24, 15, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
HERE = Place("front-desk", "/home/ana/clinic/data/nurture.db")
ZONE = ZoneInfo("America/New_York")
SERVER = Place("front-desk", None)


def water(number: int, token: str = "t", host: str = "front-desk", at: datetime = AT) -> HighWater:
    return HighWater(number, token, host, at)


@pytest.mark.parametrize(
    ("inside", "outside", "here", "copy_of", "doubt"),
    [
        (None, None, HERE, None, None),
        (water(5), water(5), HERE, None, None),
        (water(6), water(5), HERE, None, None),  # the file outside could not be written the last time
        (water(5), None, HERE, None, None),  # somebody cleaned the home folder
        (water(4), water(5), HERE, None, Doubt.BEHIND),
        (water(4), water(5), SERVER, None, Doubt.BEHIND),
        (water(5, "a"), water(5, "b"), HERE, None, Doubt.PARTED),
        (water(5, "a"), water(5, "b"), SERVER, None, Doubt.PARTED),
        (water(5), water(5), HERE, "/home/ana/clinic-old/data/nurture.db", Doubt.COPIED),
        (water(5, host="old-pc"), None, HERE, None, Doubt.MOVED),
        (water(9, "z", host="old-pc"), water(5), HERE, None, Doubt.MOVED),  # it was away and came back
        (water(5, host="old-name"), water(5, host="old-name"), HERE, None, None),  # the machine was renamed
        (water(5, host="other-node"), None, SERVER, None, None),  # many machines share a server
    ],
)
def test_every_pair(
    inside: HighWater | None, outside: HighWater | None, here: Place, copy_of: str | None, doubt: Doubt | None
) -> None:
    remembered = Outside(outside, here.file) if outside else None
    found = judge(inside, remembered, here, known_until=AT, copy_of=copy_of)
    assert (found.doubt if found else None) == doubt


def test_the_words_say_what_is_missing_and_what_to_do() -> None:
    found = judge(water(4), Outside(water(5, at=LATER), None), SERVER, known_until=AT, copy_of=None)
    assert found is not None
    words = found.words(ZONE)
    assert words.startswith(
        "the database ends at Tue Nov 24 10:12, but mails were sent until Wed Nov 25 09:30: it is an older copy."
    )
    assert words.endswith("nurture db confirm-restored")


def test_the_lost_time_ends_a_minute_after_the_last_number_or_now() -> None:
    found = judge(water(4), Outside(water(5, at=LATER), None), SERVER, known_until=AT, copy_of=None)
    moved = judge(water(5, host="old-pc"), None, HERE, known_until=AT, copy_of=None)
    assert found is not None
    assert moved is not None
    now = LATER + timedelta(hours=2)
    assert found.lost_until(now) == LATER + timedelta(minutes=1)
    assert found.lost_until(LATER) == LATER
    assert moved.lost_until(now) == now
