"""The named jobs of the loop, from `PLAN` to `ADDRESSES`.

Each records its start, end and error in the database (`nurture status` shows
them), so a job that fails is seen and the others go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nurture.errors import NurtureError
from nurture.service.address_changes import forget_addresses
from nurture.service.house import House
from nurture.service.visits import forget_visits, look_at_pages
from nurture.store import alerts, jobs
from nurture.vocabulary import AlertKind

if TYPE_CHECKING:
    from nurture.news.feeds import FeedReport
    from nurture.planning.editions import PlanReport

log = logging.getLogger("nurture")

PLAN = "plan"
DELIVER = "deliver"
FEEDS = "feeds"
ALERTS = "alerts"
HOUSEKEEPING = "housekeeping"
MAILBOX = "mailbox"
REPLIES = "replies"
HEARTBEAT = "heartbeat"
NOTICES = "notices"
ADDRESSES = "addresses"

# How often each is woken. What is due is asked of the database every time, so
# these only bound how late something can be noticed.
INTERVALS = {
    PLAN: timedelta(seconds=20),
    DELIVER: timedelta(seconds=2),
    FEEDS: timedelta(minutes=60),
    ALERTS: timedelta(seconds=30),
    HOUSEKEEPING: timedelta(seconds=30),
    MAILBOX: timedelta(seconds=5),  # of silence between its rounds, each of which waits for mail by itself
    REPLIES: timedelta(minutes=5),
    HEARTBEAT: timedelta(minutes=2),
    NOTICES: timedelta(minutes=1),
    ADDRESSES: timedelta(seconds=30),
}

# Seconds that a line of the loop waits for its sender's limit with its connection open.
PATIENCE = 5.0

# A run that brings nothing new is recorded this often: the loop wakes every two seconds, and
# writing each time would wear out the disk of a small machine.
RECORD_EVERY = timedelta(minutes=1)

_BROKEN = (AlertKind.BROKEN_FILES, "workspace")


class JobRecords:
    """The runs of one loop's jobs in the database, where `nurture status` finds them."""

    def __init__(self, house: House, owner: str) -> None:
        self._house = house
        self._owner = owner
        self._started: dict[str, datetime] = {}  # the last recorded run of each job
        self._failing: set[str] = set()

    @asynccontextmanager
    async def run(self, job: str) -> AsyncIterator[None]:
        """Record one run. An error that an operator can mend becomes an alert; bugs go on up."""
        now = self._house.clock.now()
        due = job not in self._started or not now - RECORD_EVERY < self._started[job] <= now
        if due:
            await asyncio.to_thread(self._begin, job, now)
        error: str | None = None
        try:
            yield
        except NurtureError as mendable:
            error = str(mendable)
            log.error("%s: %s", job, error)
        except Exception as bug:
            error = f"{type(bug).__name__}: {bug}"
            raise
        finally:
            if due or error is not None or job in self._failing:
                await asyncio.to_thread(self._end, job, error)

    def _begin(self, job: str, now: datetime) -> None:
        with self._house.store.write() as connection:
            jobs.job_started(connection, job, self._owner, now)

    def _end(self, job: str, error: str | None) -> None:
        now = self._house.clock.now()
        with self._house.store.write() as connection:
            jobs.job_ended(connection, job, self._owner, now, error=error)
            if error is None:
                alerts.resolve_alert(connection, AlertKind.JOB_FAILED, job, now)
            else:
                alerts.raise_alert(connection, AlertKind.JOB_FAILED, job, error, now)
        self._started[job] = now
        if error is None:
            self._failing.discard(job)
        else:
            self._failing.add(job)


def plan(house: House) -> PlanReport:
    """Take over changed files, then plan every edition that is due."""
    from nurture.planning.editions import plan_due

    take_over_files(house)
    return plan_due(house.store, house.workspace, now=house.clock.now(), snapshot=house.snapshot)


def take_over_files(house: House) -> None:
    """Say when the files have problems; the last good set stays at work meanwhile."""
    problems = house.source.problems()
    now = house.clock.now()
    message = "; ".join(map(str, problems[:5]))
    with house.store.read() as connection:
        told = alerts.words_of(connection, *_BROKEN)
    if (told or "") == message:
        return
    with house.store.write() as connection:
        if problems:
            alerts.raise_alert(connection, *_BROKEN, message, now)
        else:
            alerts.resolve_alert(connection, *_BROKEN, now)


def feeds(house: House) -> FeedReport:
    """Fetch the feeds; one that fails does not stop the others."""
    from nurture.news.feeds import fetch_feeds

    return fetch_feeds(house.store, house.workspace, clock=house.clock)


def housekeeping(house: House) -> None:
    """Keep segments fast, forget old words, visits and wishes of readers, see that their pages are reached.

    Custom attributes that conditions use get an index.
    """
    from nurture.audience.segments import attributes_used
    from nurture.store import inbound, replies
    from nurture.store.expressions import ensure_attribute_indices

    workspace = house.workspace
    conditions = [*workspace.segments.values(), *(campaign.to for campaign in workspace.campaigns.values())]
    with house.store.write() as connection:
        ensure_attribute_indices(connection, attributes_used(conditions))
        before = house.clock.now() - workspace.settings.privacy.reply_text
        replies.forget_words(connection, before=before)
        inbound.forget_words(connection, before=before)
    forget_visits(house)
    forget_addresses(house)
    look_at_pages(house)
