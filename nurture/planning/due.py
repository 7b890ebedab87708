"""Which occurrences of a campaign are due, and what is to be done with each. Pure.

Law (DESIGN 5): nothing before the campaign's first valid load or before going
live; after an edit, nothing before the new version was first seen, nor a second
edition in one period of the rule unless somebody confirms it; a new file that
equals a vanished one asks; a file changed within 10 minutes of an occurrence
delays it until it has been quiet for 10 minutes; what was missed goes late up to
the grace and is then recorded as missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from nurture.planning.occurrences import NOMINAL_FORMAT, Occurrence, occurrences, period_of
from nurture.planning.windows import Openings
from nurture.vocabulary import CampaignKind, EditionReason
from nurture.workspace.campaign import Campaign
from nurture.workspace.schedule import Schedule

QUIET = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Version:
    """One content of a campaign's file, and when the planner saw it (UTC)."""

    schedule: str
    first_seen_at: datetime
    last_seen_at: datetime
    vanished_at: datetime | None = None
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PastEdition:
    """An edition that exists: its key, and the schedule of the file it was made from (None: unknown)."""

    occurrence: str
    schedule: str | None


@dataclass(frozen=True, slots=True)
class History:
    """What is known of a campaign.

    ``versions`` are oldest first, the last one is in force. ``since`` is the
    instant of going live, or when the database was made. ``renamed_from`` names
    a vanished campaign with the same content, if this file is new.
    ``changed_at`` is when the file was last written.
    """

    versions: Sequence[Version]
    since: datetime
    editions: Sequence[PastEdition] = ()
    renamed_from: str | None = None
    paused_at: datetime | None = None
    changed_at: datetime | None = None


class Decision(StrEnum):
    """What is to be done with an occurrence whose time has come."""

    PLAN = "plan"  # make the edition now
    WAIT = "wait"  # not yet: the file is being edited, or the campaign is paused
    CONFIRM = "confirm"  # not before somebody says yes
    MISS = "miss"  # too late: record it as missed


@dataclass(frozen=True, slots=True)
class Due:
    """One occurrence whose time has come. ``key`` names the edition, ``words`` say why."""

    occurrence: Occurrence
    key: str
    expires_at: datetime
    decision: Decision
    reason: EditionReason | None = None
    words: str = ""


def edition_key(campaign: Campaign, occurrence: Occurrence) -> str:
    """What names an edition within its campaign.

    The nominal wall time; for a broadcast its number, so that moving its date
    never sends it again.
    """
    return str(campaign.edition) if campaign.kind is CampaignKind.BROADCAST else occurrence.nominal


def due_occurrences(
    campaign: Campaign,
    history: History,
    *,
    zone: ZoneInfo,
    openings: Openings,
    now: datetime,
    until: datetime | None = None,
) -> Iterator[Due]:
    """What has come and has no edition yet, oldest first.

    ``openings`` are the campaign's delivery windows in the clinic's ``zone``;
    a window that never opens plans nothing. With ``until``, which lies ahead,
    also what will come, judged as it will stand then if nothing changes.
    """
    if campaign.schedule is None or not history.versions:
        return
    made = {edition.occurrence for edition in history.editions}
    start = max(_in_force_since(history.versions), history.since)
    lost_from = max(_watched_until(history.versions), history.since)
    moment = timedelta(microseconds=1)
    for found in occurrences(campaign.schedule, zone=zone, after=min(start, lost_from) - moment, until=until or now):
        key = edition_key(campaign, found)
        span = openings.span(found.at, zone)
        if key in made or span is None:
            continue
        made.add(key)
        if found.at < start:
            words = "its file was changed after its time, before anybody could plan it"
            yield Due(found, key, span[1], Decision.MISS, EditionReason.EDITED, words)
        else:
            yield _decide(found, key, span[1], campaign.schedule, history, max(now, found.at))


def _decide(
    found: Occurrence, key: str, expires_at: datetime, schedule: Schedule, history: History, now: datetime
) -> Due:
    current = history.versions[-1]

    def due(decision: Decision, words: str = "", reason: EditionReason | None = None) -> Due:
        return Due(found, key, expires_at, decision, reason, words)

    if history.paused_at is not None and found.at >= history.paused_at:
        return due(Decision.MISS, "its time went by while the campaign was paused", EditionReason.PAUSED)
    if now > expires_at:
        return due(Decision.MISS, "its time and its grace went by", EditionReason.TOO_LATE)
    if history.paused_at is not None:
        return due(Decision.WAIT, "the campaign is paused")
    if current.confirmed_at is None:
        if history.renamed_from is not None:
            return due(Decision.CONFIRM, f"the file equals {history.renamed_from}, which has vanished")
        if _second_in_period(found, schedule, current.schedule, history.editions):
            return due(Decision.CONFIRM, "the schedule was edited, and this period had its edition already")
    changed_at = current.first_seen_at
    if history.changed_at is not None and history.changed_at <= now:  # else its date is wrong
        changed_at = max(changed_at, history.changed_at)
    if changed_at <= now < changed_at + QUIET and changed_at > found.at - QUIET:
        return due(Decision.WAIT, "the file was changed less than 10 minutes ago")
    return due(Decision.PLAN)


def _second_in_period(found: Occurrence, schedule: Schedule, text: str, editions: Sequence[PastEdition]) -> bool:
    period = period_of(schedule, found.wall)
    for edition in editions:
        if edition.schedule is None or edition.schedule == text:
            continue  # the same rule may come twice in what we call its period
        try:
            wall = datetime.strptime(edition.occurrence, NOMINAL_FORMAT)  # noqa: DTZ007 - naive on purpose
        except ValueError:
            continue  # a broadcast's number, or an edition made by hand
        if period_of(schedule, wall) == period:
            return True
    return False


def _in_force_since(versions: Sequence[Version]) -> datetime:
    """From when on occurrences of the present version are due.

    That is when it was first seen. Where only other things than the schedule
    were edited, an occurrence in the last 10 minutes before the editing began
    is delayed by it, not lost; edits with less than 10 minutes between them are
    one editing.
    """
    start = versions[-1].first_seen_at
    for earlier, later in zip(reversed(versions[:-1]), reversed(versions), strict=False):
        if not _continues(earlier, later):
            break
        if start - earlier.first_seen_at > QUIET:
            return max(start - QUIET, earlier.first_seen_at)
        start = earlier.first_seen_at
    return start


def _watched_until(versions: Sequence[Version]) -> datetime:
    """When a planner last looked before the present version came, if its schedule was the same."""
    if len(versions) > 1 and _continues(versions[-2], versions[-1]):
        return versions[-2].last_seen_at
    return versions[-1].first_seen_at


def _continues(earlier: Version, later: Version) -> bool:
    return (
        earlier.schedule == later.schedule
        and earlier.vanished_at is not None
        and earlier.vanished_at >= later.first_seen_at
    )
