"""Replies for people: who waits, one thread, how soon answers come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from nurture.errors import NotFoundError
from nurture.inbox.reply_clock import ReplyClock, share_reached
from nurture.inbox.working_time import WorkingTime
from nurture.store import Store, meta, reply_pages
from nurture.store.reply_pages import ReplyRow, ReplyTimes, Thread
from nurture.vocabulary import ReplyStanding
from nurture.workspace.settings import Settings

_STANDINGS = {standing: place for place, standing in enumerate(ReplyStanding)}
REPORT_REACHES_BACK = timedelta(days=366)
NO_CAMPAIGN = "(no mail of ours)"


@dataclass(frozen=True, slots=True)
class WaitingReply:
    """A reply and its clock: ``waited`` is working time, until the answer or until now."""

    reply: ReplyRow
    standing: ReplyStanding
    waited: timedelta


@dataclass(frozen=True, slots=True)
class AnsweringTimes:
    """How soon answers came. ``name`` is a month (``2026-11``) or a campaign; times are working time.

    ``replies`` that want an answer, ``answered`` of them; of those that were answered or wait longer than the
    limit, ``in_time`` is the share (0 to 1) that was answered within it. None where there is nothing to tell.
    """

    name: str
    replies: int
    answered: int
    median: timedelta | None
    ninety_percent: timedelta | None
    in_time: float | None


@dataclass(frozen=True, slots=True)
class AnsweringReport:
    """Answering times of the last twelve months, by month and by campaign."""

    limit: timedelta
    months: tuple[AnsweringTimes, ...]
    campaigns: tuple[AnsweringTimes, ...]


def clock_of(settings: Settings) -> ReplyClock:
    """The clock of a clinic's replies."""
    return ReplyClock(WorkingTime.of(settings), settings.replies.limit)


def waiting_replies(store: Store, clock: ReplyClock, now: datetime) -> tuple[WaitingReply, ...]:
    """The replies that nobody answered, those that need somebody most first, then who waits longest."""
    with store.read() as connection:
        rows = reply_pages.open_replies(connection, mode=meta.get_mode(connection))
    waiting = (_clocked(row, clock, now) for row in rows)
    return tuple(sorted(waiting, key=lambda each: (_STANDINGS[each.standing], each.reply.received_at)))


def latest_replies(store: Store, clock: ReplyClock, now: datetime, *, limit: int) -> tuple[WaitingReply, ...]:
    """The replies that came last, whatever became of them, the newest first."""
    with store.read() as connection:
        rows = reply_pages.latest(connection, mode=meta.get_mode(connection), limit=limit)
    return tuple(_clocked(row, clock, now) for row in rows)


def reply_thread(store: Store, number: int) -> Thread:
    """One reply with its thread; `NotFoundError` if there is none."""
    with store.read() as connection:
        found = reply_pages.thread(connection, number, mode=meta.get_mode(connection))
    if found is None:
        raise NotFoundError(f"there is no reply {number}; `nurture replies --all` lists them")
    return found


def answering_report(store: Store, settings: Settings, now: datetime) -> AnsweringReport:
    """How soon answers came in the last twelve months, in the clinic's months."""
    clock = clock_of(settings)
    with store.read() as connection:
        found = reply_pages.times_since(connection, now - REPORT_REACHES_BACK, mode=meta.get_mode(connection))
        wanted = [times for times in found if clock.wants_answer(times)]
    return AnsweringReport(
        clock.limit,
        _by(wanted, [_month(times, settings.zone) for times in wanted], clock, now),
        _by(wanted, [times.campaign or NO_CAMPAIGN for times in wanted], clock, now),
    )


def _by(
    replies: Sequence[ReplyTimes], names: Sequence[str], clock: ReplyClock, now: datetime
) -> tuple[AnsweringTimes, ...]:
    groups: dict[str, list[ReplyTimes]] = {}
    for name, times in zip(names, replies, strict=True):
        groups.setdefault(name, []).append(times)
    return tuple(_times(name, groups[name], clock, now) for name in sorted(groups))


def _times(name: str, replies: Iterable[ReplyTimes], clock: ReplyClock, now: datetime) -> AnsweringTimes:
    ended = [clock.waited(each, now) for each in replies if each.ended_at is not None]
    waiting = [clock.waited(each, now) for each in replies if each.ended_at is None]
    in_time = sum(time < clock.limit for time in ended)
    decided = len(ended) + sum(time >= clock.limit for time in waiting)
    return AnsweringTimes(
        name=name,
        replies=len(ended) + len(waiting),
        answered=len(ended),
        median=share_reached(ended, 0.5),
        ninety_percent=share_reached(ended, 0.9),
        in_time=in_time / decided if decided else None,
    )


def _month(times: ReplyTimes, zone: ZoneInfo) -> str:
    return f"{times.received_at.astimezone(zone):%Y-%m}"


def _clocked(row: ReplyRow, clock: ReplyClock, now: datetime) -> WaitingReply:
    return WaitingReply(row, clock.standing(row, now), clock.waited(row, now))
