"""The further processes of `nurture run --workers N`: started, watched, started again, stopped.

Each runs until its standard input ends. That is how they are told to stop, and
how they notice that this process was killed: the system closes the pipe.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence

from nurture.clock import monotonic
from nurture.delivery.share import Share
from nurture.delivery.worker import GRACE
from nurture.errors import StoreError
from nurture.service.house import House
from nurture.store import Connection, alerts
from nurture.vocabulary import AlertKind

log = logging.getLogger("nurture")

FIRST_PAUSE = 1.0  # seconds before one that died is started again; doubled each time
LONGEST_PAUSE = 60.0
STEADY = 60.0  # seconds after which one that lives counts as mended
LAST_WORDS = 10.0  # seconds beyond the grace for closing the database

Command = Callable[[Share], Sequence[str]]


class Team:
    """Workers 2 to N. ``command`` gives the command line of one; ``deaths`` counts those that ended by themselves."""

    def __init__(self, house: House, workers: int, command: Command) -> None:
        self._house = house
        self._command = command
        self._shares = [Share(number, workers) for number in range(2, workers + 1)]
        self._host = socket.gethostname()
        self._stopping = asyncio.Event()
        self._watchers: list[asyncio.Task[None]] = []
        self.deaths = 0

    async def start(self) -> None:
        """Start all of them and keep them running; what an earlier team's alerts say is over."""
        await self._write(self._end_alerts)
        self._watchers = [asyncio.create_task(self._keep(share)) for share in self._shares]

    async def stop(self) -> None:
        """Tell all to stop and wait for them: a body under way gets its grace, one that hangs is killed."""
        self._stopping.set()
        await asyncio.gather(*self._watchers)
        await self._write(self._end_alerts)

    async def _keep(self, share: Share) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            started = monotonic()
            death = await self._one_life(share)
            if death is None:
                return
            if monotonic() - started >= STEADY:
                pause = FIRST_PAUSE
            self.deaths += 1
            words = f"{share} {death}; it is started again after {pause:g} s"
            log.error("%s", words)
            await self._tell(share, words)
            await self._sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _one_life(self, share: Share) -> str | None:
        """How it ended by itself; None: we stopped it."""
        try:
            process = await asyncio.create_subprocess_exec(
                # a session of its own: Ctrl-C reaches this process alone, which then stops all in order
                *self._command(share),
                stdin=PIPE,
                start_new_session=True,
            )
        except OSError as error:
            return f"cannot be started ({error.strerror})"
        code = await self._until_end(share, process)
        if code is None:
            return None
        return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"

    async def _until_end(self, share: Share, process: Process) -> int | None:
        """The exit code of one that ended by itself; None after we stopped it."""
        ending, stopping = asyncio.create_task(process.wait()), asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([ending, stopping], timeout=STEADY, return_when=asyncio.FIRST_COMPLETED)
            if not ending.done() and not stopping.done():
                await self._tell(share, None)
                await asyncio.wait([ending, stopping], return_when=asyncio.FIRST_COMPLETED)
            if ending.done() and not self._stopping.is_set():
                return ending.result()
            assert process.stdin is not None
            process.stdin.close()
            await asyncio.wait([ending], timeout=GRACE + LAST_WORDS)
            if not ending.done():
                log.error("%s hangs and is killed", share)
                process.kill()
            await ending
            return None
        finally:
            stopping.cancel()

    async def _sleep(self, seconds: float) -> None:
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([stopping], timeout=seconds)
        stopping.cancel()

    async def _tell(self, share: Share, words: str | None) -> None:
        """Raise the alert about one of them, or end it."""
        subject, now = f"{self._host}: worker {share.number}", self._house.clock.now()

        def write(connection: Connection) -> None:
            if words is None:
                alerts.resolve_alert(connection, AlertKind.WORKER_DIED, subject, now)
            else:
                alerts.raise_alert(connection, AlertKind.WORKER_DIED, subject, words, now)

        await self._write(write)

    def _end_alerts(self, connection: Connection) -> None:
        now = self._house.clock.now()
        alerts.resolve_all(connection, AlertKind.WORKER_DIED, now, beginning=f"{self._host}: ")

    async def _write(self, work: Callable[[Connection], None]) -> None:
        def write() -> None:
            with self._house.store.write() as connection:
                work(connection)

        try:
            await asyncio.to_thread(write)
        except StoreError as error:
            log.error("an alert cannot be written: %s", error)
