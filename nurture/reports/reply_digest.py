"""The notice to the clinic's people about answers that wait: when it is due, and what it says. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from nurture.address import clean_text
from nurture.inbox.reply_clock import ReplyClock
from nurture.reports.replies import WaitingReply
from nurture.reports.words import working_time_in_words
from nurture.vocabulary import ReplyStanding

# Working time from one notice to the next: half of a day.
HALF_A_DAY = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Digest:
    """Who waits too long, and whose time is half over; those that wait longest first."""

    overdue: tuple[WaitingReply, ...]
    soon: tuple[WaitingReply, ...]


def digest_due(
    replies: Sequence[WaitingReply], clock: ReplyClock, *, last_at: datetime | None, now: datetime
) -> Digest | None:
    """What the notice would say now; None: nobody need be told, or not yet.

    It comes while the clinic works, once a working half day at most, and only if somebody passed the limit, or
    half of it, of whom it was not told. ``last_at``: when the last one was sent.
    """
    overdue = tuple(each for each in replies if each.standing is ReplyStanding.OVERDUE)
    soon = tuple(each for each in replies if each.standing is ReplyStanding.SOON)
    news = any(each.reply.overdue_told_at is None for each in overdue) or any(
        each.reply.warned_at is None for each in soon
    )
    if not news or not clock.working_time.is_open(now):
        return None
    if last_at is not None and clock.working_time.between(last_at, now) < HALF_A_DAY:
        return None
    return Digest(overdue, soon)


def digest_subject(digest: Digest) -> str:
    """No name stands in it: subjects are shown on locked screens."""
    count = len(digest.overdue) or len(digest.soon)
    who = "1 person waits" if count == 1 else f"{count} people wait"
    return f"{who} too long for your answer" if digest.overdue else f"{who} for your answer"


def digest_text(digest: Digest, *, limit: timedelta) -> str:
    """Partners by name and how long they wait; of past patients only how many (their names stay in the house)."""
    parts = ["Times are working hours of the clinic.", ""]
    half = working_time_in_words(limit / 2)
    for title, replies in (
        (f"Longer than {working_time_in_words(limit)}:", digest.overdue),
        (f"Longer than {half}, half of the time that an answer may take:", digest.soon),
    ):
        if replies:
            parts += [title, *map(_partner, (each for each in replies if not each.reply.private))]
            parts += _private(sum(each.reply.private for each in replies))
            parts.append("")
    return "\n".join([*parts, "What they wrote: nurture replies"])


def _partner(each: WaitingReply) -> str:
    row = each.reply
    # clean: the name may be what a stranger's mail calls itself
    who = ", ".join(clean_text(name)[:80] for name in (row.person, row.organization) if name)
    more = ", ".join(filter(None, (row.topic.replace("_", " "), row.assigned_to and f"for {row.assigned_to}")))
    return f"  {who or 'a partner'}: {working_time_in_words(each.waited)} ({more})"


def _private(count: int) -> list[str]:
    if not count:
        return []
    return [f"  {count} more, whose {'name stays' if count == 1 else 'names stay'} in the house"]
