"""``nurture run``: one asyncio process whose scheduler only wakes us up.

APScheduler 3.x with its memory store: nothing of it survives a restart, and
nothing needs to. What is due is asked of the database by each job, so two loops
on one database do no harm and a sleeping machine loses nothing but time.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from nurture.clock import SystemClock
from nurture.delivery.share import Share
from nurture.delivery.worker import Worker
from nurture.errors import NurtureError
from nurture.service.address_changes import mail_about_addresses
from nurture.service.alerting import AlertTeller
from nurture.service.delivering import open_worker
from nurture.service.edition_notices.sending import send_notices
from nurture.service.heartbeat import keep_watch
from nurture.service.house import House
from nurture.service.listening import Listener
from nurture.service.reply_digest import tell_who_waits
from nurture.service.running import jobs
from nurture.service.running.systemd import Systemd
from nurture.service.running.team import Team
from nurture.vocabulary import WorkerRole

log = logging.getLogger("nurture")

Work = Mapping[str, Callable[[], Awaitable[object]]]
# the command line of one more process, which gets its share and the sandbox's (host, port)
Command = Callable[[Share, tuple[str, int] | None], Sequence[str]]

# Jobs start one after the other: what is planned first is delivered next.
_FIRST_RUN = {
    jobs.HOUSEKEEPING: timedelta(0),
    jobs.FEEDS: timedelta(seconds=0.2),
    jobs.PLAN: timedelta(seconds=0.4),
    jobs.DELIVER: timedelta(seconds=1),
    jobs.MAILBOX: timedelta(seconds=1.5),
    # what came while nothing ran is taken in before
    jobs.REPLIES: timedelta(seconds=10),
    jobs.HEARTBEAT: timedelta(seconds=20),
    jobs.NOTICES: timedelta(seconds=2),
    jobs.ADDRESSES: timedelta(seconds=3),
    jobs.ALERTS: timedelta(seconds=5),
}


async def run_loop(house: House, *, workers: int = 1, command: Command) -> int:
    """Plan, deliver and read the mailbox until SIGTERM or SIGINT, then finish cleanly.

    ``workers`` processes deliver: this one, and others that `Team` starts with
    ``command``; how many of those died by themselves is returned. On the way out
    no new body leaves; mail whose body is under way gets up to 30 seconds for
    its answer (DESIGN 7). A bug in a job ends the loop with its traceback; an
    error that a person can mend becomes an alert and is tried again.
    """
    stop, share = asyncio.Event(), Share(1, workers)
    with _signals(stop):
        async with open_worker(house, role=WorkerRole.LOOP, share=share) as worker:
            team = Team(house, workers, lambda member: command(member, worker.sandbox))
            await team.start()
            listener = Listener(house)
            teller = AlertTeller(house)
            systemd = Systemd(os.environ)

            async def plan() -> None:
                await asyncio.to_thread(jobs.plan, house)
                systemd.worked()

            work: Work = {
                jobs.PLAN: plan,
                jobs.DELIVER: lambda: worker.deliver_due(patience=jobs.PATIENCE),
                jobs.FEEDS: lambda: asyncio.to_thread(jobs.feeds, house),
                jobs.ALERTS: lambda: asyncio.to_thread(teller.tell),
                jobs.HOUSEKEEPING: lambda: asyncio.to_thread(jobs.housekeeping, house),
                jobs.MAILBOX: listener.attend,
                jobs.REPLIES: lambda: asyncio.to_thread(tell_who_waits, house, sandbox=worker.sandbox),
                jobs.HEARTBEAT: lambda: asyncio.to_thread(keep_watch, house),
                jobs.NOTICES: lambda: asyncio.to_thread(send_notices, house),
                jobs.ADDRESSES: lambda: asyncio.to_thread(mail_about_addresses, house, sandbox=worker.sandbox),
            }

            async def stop_others() -> None:
                await asyncio.gather(team.stop(), listener.close())

            telling = asyncio.create_task(systemd.tell_until(stop))
            try:
                await _work_until(stop, house, worker, work, share, meanwhile=stop_others)
            finally:
                stop.set()
                await telling
    return team.deaths


async def run_member(house: House, share: Share, *, sandbox: tuple[str, int] | None) -> None:
    """Deliver, beside a loop on this machine, until standard input ends (or SIGTERM); as `run_loop`."""
    stop = asyncio.Event()
    with _signals(stop):
        _stop_at_end_of_input(stop)
        async with open_worker(house, role=WorkerRole.MEMBER, share=share, sandbox=sandbox) as worker:
            work: Work = {jobs.DELIVER: lambda: worker.deliver_due(patience=jobs.PATIENCE)}
            await _work_until(stop, house, worker, work, share)


async def _work_until(
    stop: asyncio.Event,
    house: House,
    worker: Worker,
    work: Work,
    share: Share,
    *,
    meanwhile: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Wake each job again and again until ``stop``; then end all, and await ``meanwhile`` beside that."""
    who = str(share) and f"{share}: "
    bugs: list[Exception] = []
    running: set[asyncio.Task[object]] = set()
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

    scheduler = _scheduler(run, work)
    scheduler.start()
    log.info("%srunning in %s mode", who, house.mode())
    try:
        await stop.wait()
    finally:
        log.info("%sstopping: no new mail leaves", who)
        scheduler.pause()
        await asyncio.gather(worker.close(), *([meanwhile()] if meanwhile else []))
        # shutdown would cancel what still runs, in the middle of a mail's answer
        await asyncio.gather(*running, return_exceptions=True)
        scheduler.shutdown(wait=False)
    if bugs:
        raise bugs[0]


def _scheduler(run: Callable[[str], Awaitable[None]], names: Iterable[str]) -> AsyncIOScheduler:
    """Wakes every job at its interval, one run of it at a time; a machine that slept wakes it once."""
    scheduler = AsyncIOScheduler(timezone="UTC")
    for job in names:
        scheduler.add_job(
            run,
            "interval",
            (job,),
            seconds=jobs.INTERVALS[job].total_seconds(),
            id=job,
            name=job,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
            next_run_time=SystemClock().now() + _FIRST_RUN[job],
        )
    return scheduler


def _stop_at_end_of_input(stop: asyncio.Event) -> None:
    """Whoever started this process closes the pipe to stop it; the system does so if it was killed."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        while os.read(0, 1024):
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=read, daemon=True).start()


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
