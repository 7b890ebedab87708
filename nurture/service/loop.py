"""``nurture run``: one asyncio process whose scheduler only wakes us up.

APScheduler 3.x with its memory store: nothing of it survives a restart, and
nothing needs to. What is due is asked of the database by each job, so two loops
on one database do no harm and a sleeping machine loses nothing but time.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from nurture.clock import SystemClock
from nurture.errors import NurtureError
from nurture.service import jobs
from nurture.service.delivering import open_worker
from nurture.service.house import House

log = logging.getLogger("nurture")

# Jobs start one after the other: what is planned first is delivered next.
_FIRST_RUN = {
    jobs.HOUSEKEEPING: timedelta(0),
    jobs.FEEDS: timedelta(seconds=0.2),
    jobs.PLAN: timedelta(seconds=0.4),
    jobs.DELIVER: timedelta(seconds=1),
}


async def run_loop(house: House) -> None:
    """Plan and deliver until SIGTERM or SIGINT, then finish cleanly.

    On the way out no new body leaves; mail whose body is under way gets up to
    30 seconds for its answer (DESIGN 7). A bug in a job ends the loop with its
    traceback; an error that a person can mend becomes an alert and is tried again.
    """
    stop = asyncio.Event()
    bugs: list[Exception] = []
    running: set[asyncio.Task[object]] = set()
    with _signals(stop):
        async with open_worker(house) as worker:
            work: dict[str, Callable[[], Awaitable[object]]] = {
                jobs.PLAN: lambda: asyncio.to_thread(jobs.plan, house),
                jobs.DELIVER: lambda: worker.deliver_due(patience=jobs.PATIENCE),
                jobs.FEEDS: lambda: asyncio.to_thread(jobs.feeds, house),
                jobs.HOUSEKEEPING: lambda: asyncio.to_thread(jobs.housekeeping, house),
            }

            records = jobs.JobRecords(house, worker.owner)

            async def run(job: str) -> None:
                task = asyncio.current_task()
                assert task is not None, "the scheduler runs jobs as tasks"
                running.add(task)
                try:
                    async with records.run(job):
                        await work[job]()
                except NurtureError as error:
                    # the job's end could not be recorded: the database is away; its next run will say so
                    log.error("%s: %s", job, error)
                except Exception as bug:  # noqa: BLE001 - handed on below, with its traceback
                    bugs.append(bug)
                    stop.set()
                finally:
                    running.discard(task)

            scheduler = _scheduler(run)
            scheduler.start()
            log.info("running in %s mode", house.mode())
            try:
                await stop.wait()
            finally:
                log.info("stopping: no new mail leaves")
                scheduler.pause()
                await worker.close()
                # shutdown would cancel what still runs, in the middle of a mail's answer
                await asyncio.gather(*running, return_exceptions=True)
                scheduler.shutdown(wait=False)
    if bugs:
        raise bugs[0]


def _scheduler(run: Callable[[str], Awaitable[None]]) -> AsyncIOScheduler:
    """Wakes every job at its interval, one run of it at a time; a machine that slept wakes it once."""
    scheduler = AsyncIOScheduler(timezone="UTC")
    for job, interval in jobs.INTERVALS.items():
        scheduler.add_job(
            run,
            "interval",
            (job,),
            seconds=interval.total_seconds(),
            id=job,
            name=job,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
            next_run_time=SystemClock().now() + _FIRST_RUN[job],
        )
    return scheduler


@contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
