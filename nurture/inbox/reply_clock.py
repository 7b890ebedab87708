"""How a reply stands: who waits, since how much working time, and whether somebody must hear of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Protocol

from nurture.inbox.working_time import WorkingTime
from nurture.vocabulary import ReplyStanding, ReplyTopic

# Nobody waits for an answer to these: thanks alone, and a wish to leave, which is followed at once or asked about.
NEEDS_NO_ANSWER = frozenset({ReplyTopic.THANKS, ReplyTopic.STOP})


class ReplyFacts(Protocol):
    """What the clock looks at; `store.reply_pages.ReplyRow` fits. All UTC."""

    @property
    def received_at(self) -> datetime:
        """When it came."""
        ...

    @property
    def ended_at(self) -> datetime | None:
        """When it was answered, or somebody said that it is done."""
        ...

    @property
    def topic(self) -> ReplyTopic:
        """What it is about."""
        ...


class OpenReply(ReplyFacts, Protocol):
    """... and what somebody decided about it."""

    @property
    def snoozed_until(self) -> datetime | None:
        """Nobody is asked before."""
        ...


@dataclass(frozen=True, slots=True)
class ReplyClock:
    """The clinic's working time, and how much of it an answer may take."""

    working_time: WorkingTime
    limit: timedelta

    def waited(self, facts: ReplyFacts, now: datetime) -> timedelta:
        """The working time that passed until the answer, or until ``now``."""
        return self.working_time.between(facts.received_at, facts.ended_at or now)

    def standing(self, facts: OpenReply, now: datetime) -> ReplyStanding:
        """How it stands ``now``. A warning comes at half of the limit; at the limit itself it is overdue."""
        if facts.ended_at is not None:
            return ReplyStanding.ENDED
        if facts.snoozed_until is not None and now < facts.snoozed_until:
            return ReplyStanding.SNOOZED
        if not self.wants_answer(facts):
            return ReplyStanding.NO_ANSWER_NEEDED
        waited = self.waited(facts, now)
        if waited >= self.limit:
            return ReplyStanding.OVERDUE
        return ReplyStanding.SOON if waited >= self.limit / 2 else ReplyStanding.WAITING

    def wants_answer(self, facts: ReplyFacts) -> bool:
        """Whether somebody waits for an answer, or got one."""
        return facts.topic not in NEEDS_NO_ANSWER


def share_reached(times: Sequence[timedelta], share: float) -> timedelta | None:
    """The shortest time within which this share (0 to 1) of ``times`` lies; None without any."""
    if not times:
        return None
    return sorted(times)[max(ceil(len(times) * share), 1) - 1]
