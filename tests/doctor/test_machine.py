"""This machine: rights, room, copies, clock."""

import contextlib
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nurture.clock import DrivenClock
from nurture.doctor.clock_reading import read_clock
from nurture.doctor.machine import ClockReading, PrivateFile, judge_clock, judge_copies, judge_disk, judge_private
from nurture.vocabulary import Health
from tests.servers.feed_server import serve_feeds

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


def test_private_files():
    key, database = PrivateFile(Path("data/key.pem"), 0o100600), PrivateFile(Path("data/nurture.db"), 0o100640)
    missing = PrivateFile(Path("data/nurture.db-wal"), None)
    assert judge_private((key, missing)).seen == "1 file, none of which others can read"
    check = judge_private((key, database, missing))
    assert (check.health, check.seen) == (Health.FAIL, "others can read data/nurture.db (0640)")
    assert check.mend.endswith("chmod 600 'data/nurture.db'")
    assert judge_private(None).health is Health.UNKNOWN


@pytest.mark.parametrize(
    ("free", "health"), [(5_000_000_000, Health.OK), (900_000_000, Health.WARN), (100_000_000, Health.FAIL)]
)
def test_room(free, health):
    assert judge_disk(Path("data"), free=free).health is health


def test_copies():
    judged = [judge_copies(last, by_others=False, now=NOW) for last in (None, NOW - timedelta(8), NOW - timedelta(6))]
    assert [check.health for check in judged] == [Health.WARN, Health.WARN, Health.OK]
    assert "8 days ago" in judged[1].seen
    assert judge_copies(None, by_others=True, now=NOW).health is Health.UNKNOWN


@pytest.mark.parametrize(
    ("seconds", "health", "words"),
    [
        (20, Health.OK, "agrees with clinic.example"),
        (-20, Health.OK, "agrees"),
        (120, Health.WARN, "120 seconds behind"),
        (-120, Health.WARN, "120 seconds ahead of"),
        (3600, Health.FAIL, "behind"),
    ],
)
def test_clock(seconds, health, words):
    check = judge_clock(ClockReading("clinic.example", timedelta(seconds=seconds)))
    assert check.health is health
    assert words in check.seen


@pytest.mark.parametrize(
    ("headers", "ahead"),
    [
        ({"Date": "Tue, 01 Dec 2026 09:05:00 GMT"}, 300),
        ({"Date": "Tue, 01 Dec 2026 09:00:00 GMT", "Age": "300"}, 300),
        ({"Date": "Tue, 01 Dec 2026 09:00:00 GMT", "Age": "-1"}, 0),
        ({"Date": "yesterday"}, None),
        ({"Date": ""}, None),
        ({"Date": "Fri, 31 Dec 9999 23:59:59 GMT", "Age": "9999999"}, None),
    ],
)
def test_the_time_that_a_site_tells(headers, ahead):
    def say(handler):
        handler.send_response_only(302)
        for name, value in {**headers, "Location": "http://127.0.0.1:1/", "Content-Length": "0"}.items():
            handler.send_header(name, value)
        handler.end_headers()

    with serve_feeds() as server:
        server.replies["/"] = say
        reading = read_clock(server.url("/", host="127.0.0.1"), DrivenClock(NOW))
    assert reading.ahead == (None if ahead is None else timedelta(seconds=ahead))
    assert len(server.requests) == 1, "redirects are not followed"


def test_a_site_that_does_not_answer():
    reading = read_clock("http://nobody.invalid/", DrivenClock(NOW))
    assert "Errno" not in reading.words
    reading = read_clock("http://127.0.0.1:1/", DrivenClock(NOW))
    assert reading.ahead is None
    assert judge_clock(reading).health is Health.UNKNOWN


def test_a_site_that_drips_gets_no_more_than_its_time():
    def drip(handler):
        with contextlib.suppress(OSError):  # the reader went away
            for letter in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100:
                handler.wfile.write(bytes([letter]))
                time.sleep(0.05)

    with serve_feeds() as server:
        server.replies["/"] = drip
        began = time.monotonic()
        assert read_clock(server.url("/", host="127.0.0.1"), DrivenClock(NOW), seconds=0.5).ahead is None
        assert time.monotonic() - began < 5
