"""Whether answers still reach the clinic: mail comes into the mailbox, and the mailbox is read. Pure.

A filter, a full mailbox or a changed password loses answers without a sound. So silence is asked: a mail of our own
must come round. As long as it has not, no new edition leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

SILENCE = timedelta(days=7)  # a clinic's mailbox gets something every week
PROBE_TAKES = timedelta(hours=1)  # greylisting delays a mail by up to half an hour
PROBE_AGAIN = timedelta(days=1)
UNREAD = timedelta(hours=1)  # a provider's outage that is shorter holds nothing
STUCK = timedelta(hours=6)  # one look at the mailbox never takes so long


class Beat(StrEnum):
    """What is known of the mailbox."""

    WELL = "well"  # mail comes in, or did a few days ago
    ASKED = "asked"  # silent for long: a mail of ours is, or will be, on its way round
    SILENT = "silent"  # ... and did not come round
    UNREADABLE = "unreadable"  # it cannot be read


# New editions wait while it is anything but well; those under way are stopped only if answers are surely lost.
STOPS_WHAT_RUNS = frozenset({Beat.SILENT, Beat.UNREADABLE})


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the decision looks at, all UTC.

    ``heard_at``: when the last mail came in, or we began to listen. ``probe_sent_at``: our last mail to ourselves.
    ``failing_since``: the mailbox cannot be read since then. ``looked_at``: when the last look at it began.
    """

    heard_at: datetime
    probe_sent_at: datetime | None = None
    failing_since: datetime | None = None
    looked_at: datetime | None = None


def beat(pulse: Pulse, now: datetime) -> Beat:
    """How the mailbox does. A look that takes hours counts as a failed one."""
    if pulse.failing_since is not None and now - pulse.failing_since >= UNREAD:
        return Beat.UNREADABLE
    if pulse.looked_at is not None and now - pulse.looked_at >= STUCK:
        return Beat.UNREADABLE
    if now - pulse.heard_at < SILENCE:
        return Beat.WELL
    if _probe_is_out(pulse) and now - _since(pulse) >= PROBE_TAKES:
        return Beat.SILENT
    return Beat.ASKED


def probe_due(pulse: Pulse, now: datetime) -> bool:
    """Whether a mail to ourselves shall leave now: after a week of silence, then once a day until something comes."""
    if beat(pulse, now) not in (Beat.ASKED, Beat.SILENT):
        return False
    return not _probe_is_out(pulse) or now - _since(pulse) >= PROBE_AGAIN


def _probe_is_out(pulse: Pulse) -> bool:
    """Whether one left since the last mail that came in."""
    return pulse.probe_sent_at is not None and pulse.probe_sent_at > pulse.heard_at


def _since(pulse: Pulse) -> datetime:
    assert pulse.probe_sent_at is not None, "asked of a probe that is out"
    return pulse.probe_sent_at
