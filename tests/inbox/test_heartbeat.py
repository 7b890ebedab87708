"""When a silent mailbox is asked, and when it stops what leaves."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.inbox.heartbeat import STOPS_WHAT_RUNS, Beat, Pulse, beat, probe_due

NOW = datetime(2026, 12, 1, 17, tzinfo=UTC)


def ago(**span):
    return NOW - timedelta(**span)


@pytest.mark.parametrize(
    ("pulse", "found", "due"),
    [
        (Pulse(ago(minutes=1)), Beat.WELL, False),
        (Pulse(ago(days=6, hours=23)), Beat.WELL, False),
        (Pulse(ago(days=7)), Beat.ASKED, True),
        (Pulse(ago(days=7), probe_sent_at=ago(minutes=10)), Beat.ASKED, False),
        (Pulse(ago(days=7), probe_sent_at=ago(hours=1)), Beat.SILENT, False),
        (Pulse(ago(days=9), probe_sent_at=ago(days=1)), Beat.SILENT, True),
        (Pulse(ago(seconds=9), probe_sent_at=ago(minutes=10)), Beat.WELL, False),  # it came round
        (Pulse(ago(days=8), probe_sent_at=ago(days=30)), Beat.ASKED, True),  # that one came round long ago
        (Pulse(ago(days=1), failing_since=ago(minutes=59)), Beat.WELL, False),
        (Pulse(ago(days=1), failing_since=ago(minutes=60)), Beat.UNREADABLE, False),
        (Pulse(ago(days=9), failing_since=ago(days=2)), Beat.UNREADABLE, False),  # nobody could see a probe
        (Pulse(ago(days=1), looked_at=ago(minutes=5)), Beat.WELL, False),
        (Pulse(ago(days=1), looked_at=ago(hours=6)), Beat.UNREADABLE, False),  # a look that never ends
    ],
)
def test_beats(pulse, found, due):
    assert (beat(pulse, NOW), probe_due(pulse, NOW)) == (found, due)


AGES = st.timedeltas(timedelta(), timedelta(days=60))
MAYBE = st.none() | AGES.map(lambda age: NOW - age)


@given(AGES.map(lambda age: NOW - age), MAYBE, MAYBE, MAYBE)
def test_any_mail_and_a_mailbox_that_is_read_make_it_well(heard_at, probe_sent_at, failing_since, looked_at):
    pulse = Pulse(heard_at, probe_sent_at, failing_since, looked_at)
    assert beat(Pulse(NOW, probe_sent_at, None, NOW), NOW) is Beat.WELL
    if beat(pulse, NOW) in STOPS_WHAT_RUNS - {Beat.UNREADABLE}:
        assert probe_sent_at is not None, "what runs is stopped only after our own mail was lost"
    if probe_due(pulse, NOW):
        assert beat(pulse, NOW) is not Beat.WELL
        assert not probe_due(Pulse(heard_at, NOW, failing_since, looked_at), NOW), "one a day"
