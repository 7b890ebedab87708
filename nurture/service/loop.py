"""``nurture run``: one asyncio process whose scheduler only wakes us up.

APScheduler 3.x with its memory store: nothing of it survives a restart, and
nothing needs to. What is due is asked of the database by each job, so two loops
on one database do no harm and a sleeping machine loses nothing but time.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from nurture.clock import SystemClock
from nurture.delivery.worker import Worker
from nurture.sandbox.server import SandboxServer
from nurture.service import jobs
from nurture.service.house import House
from nurture.store import meta
from nurture.vocabulary import Mode

log = logging.getLogger("nurture")


async def run_loop(house: House, *, stop: asyncio.Event | None = None) -> None:
    """Plan and deliver until SIGTERM or SIGINT (or ``stop``), then finish cleanly.

    On the way out no new body leaves; mail whose body is under way gets up to
    30 seconds for its answer (DESIGN 7).
    """
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with house.store.read() as connection:
        mode = meta.get_mode(connection)
    server = SandboxServer(house.maildir) if mode is Mode.SANDBOX else None
    port = server.start() if server else None
    worker = Worker(house.store, lambda: house.workspace, house.clock, sandbox=("127.0.0.1", port) if port else None)
    scheduler = AsyncIOScheduler(timezone="UTC")
    bugs: list[BaseException] = []

    def add(name: str, work: Callable[[], Awaitable[object]]) -> None:
        async def run() -> None:
            try:
                with jobs.recorded(house, name, worker.owner):
                    await work()
            except Exception as bug:
                log.exception("%s failed", name)
                bugs.append(bug)
                raise

        scheduler.add_job(
            run,
            "interval",
            seconds=jobs.INTERVALS[name].total_seconds(),
            id=name,
            name=name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
            next_run_time=SystemClock().now() + STAGGER[name],
        )

    add(jobs.PLAN, lambda: asyncio.to_thread(jobs.plan, house))
    add(jobs.DELIVER, worker.deliver_due)
    add(jobs.FEEDS, lambda: asyncio.to_thread(jobs.feeds, house))
    add(jobs.HOUSEKEEPING, lambda: asyncio.to_thread(jobs.housekeeping, house, worker))
    scheduler.start()
    log.info("running in %s mode", mode)
    try:
        await stop.wait()
        log.info("stopping: no new mail leaves")
    finally:
        scheduler.shutdown(wait=False)
        await worker.close()
        if server:
            server.stop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


# Jobs start one after the other: plans first, so that the first delivery finds them.
STAGGER: dict[str, timedelta] = {
    jobs.HOUSEKEEPING: timedelta(0),
    jobs.FEEDS: timedelta(seconds=0.2),
    jobs.PLAN: timedelta(seconds=0.4),
    jobs.DELIVER: timedelta(seconds=1),
}


def next_wakeup(candidates: list[datetime | None], *, after: datetime) -> datetime | None:
    """The earliest instant after ``after``; what a driven clock moves to next."""
    return min((instant for instant in candidates if instant and instant > after), default=None)
