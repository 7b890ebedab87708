"""The named jobs of the loop: plan, deliver, feeds, housekeeping.

Each records its start, end and error in the database (`nurture status` shows
them), so a job that fails is seen and the others go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from nurture.errors import NurtureError
from nurture.service.house import House
from nurture.store import alerts, jobs
from nurture.vocabulary import AlertKind

if TYPE_CHECKING:
    from nurture.news.feeds import FeedReport
    from nurture.planning.editions import PlanReport

log = logging.getLogger("nurture")

PLAN = "plan"
DELIVER = "deliver"
FEEDS = "feeds"
HOUSEKEEPING = "housekeeping"

# How often each is woken. What is due is asked of the database every time, so
# these only bound how late something can be noticed.
INTERVALS = {
    PLAN: timedelta(seconds=20),
    DELIVER: timedelta(seconds=2),
    FEEDS: timedelta(minutes=60),
    HOUSEKEEPING: timedelta(seconds=30),
}


@asynccontextmanager
async def recorded(house: House, job: str, owner: str) -> AsyncIterator[None]:
    """Record one run of a job. An error that an operator can mend becomes an alert; bugs go on up."""
    await asyncio.to_thread(_started, house, job, owner)
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
        await asyncio.to_thread(_ended, house, job, owner, error)


def _started(house: House, job: str, owner: str) -> None:
    with house.store.write() as connection:
        jobs.job_started(connection, job, owner, house.clock.now())


def _ended(house: House, job: str, owner: str, error: str | None) -> None:
    now = house.clock.now()
    with house.store.write() as connection:
        jobs.job_ended(connection, job, owner, now, error=error)
        if error is None:
            alerts.resolve_alert(connection, AlertKind.JOB_FAILED, job, now)
        else:
            alerts.raise_alert(connection, AlertKind.JOB_FAILED, job, error, now)


def plan(house: House) -> PlanReport:
    """Take over changed files, then plan every edition that is due."""
    from nurture.planning.editions import plan_due

    take_over_files(house)
    return plan_due(house.store, house.workspace, now=house.clock.now(), snapshot=house.snapshot)


def take_over_files(house: House) -> None:
    """Say when the files have problems; the last good set stays at work meanwhile."""
    problems = house.source.problems()
    now = house.clock.now()
    with house.store.write() as connection:
        if problems:
            message = "; ".join(map(str, problems[:5]))
            alerts.raise_alert(connection, AlertKind.BROKEN_FILES, "workspace", message, now)
        else:
            alerts.resolve_alert(connection, AlertKind.BROKEN_FILES, "workspace", now)


def feeds(house: House) -> FeedReport:
    """Fetch the feeds; one that fails does not stop the others."""
    from nurture.news.feeds import fetch_feeds

    return fetch_feeds(house.store, house.workspace, clock=house.clock)


def housekeeping(house: House) -> None:
    """Keep segments fast: custom attributes that conditions use get an index."""
    from nurture.audience.segments import attributes_used
    from nurture.store.expressions import ensure_attribute_indices

    workspace = house.workspace
    conditions = [*workspace.segments.values(), *(campaign.to for campaign in workspace.campaigns.values())]
    with house.store.write() as connection:
        ensure_attribute_indices(connection, attributes_used(conditions))
