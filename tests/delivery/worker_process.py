"""A worker in a process of its own, which delivers what is due and ends. Tests kill it on the way.

The processes are forked from one that has imported everything, so that one
more costs milliseconds. Where the server's eye does not reach, a process
watches its own database and kills itself (`watching`).
"""

import asyncio
import multiprocessing
import os
import signal
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from nurture.clock import DrivenClock
from nurture.delivery.connection import Timeouts
from nurture.delivery.event_loop import run_async
from nurture.delivery.worker import Worker
from nurture.errors import StoreError
from nurture.store import open_store
from nurture.workspace.workspace import load_workspace
from tests.delivery.outbox import NOW
from tests.delivery.watching import KillPoint, watch


@dataclass(frozen=True)
class Orders:
    """What a worker shall do. ``grace`` is for SIGTERM; ``kill`` and ``nth`` say where it kills itself.

    ``patient``: after a failure of the database it tries again, as the loop of `nurture run` does.
    """

    database_url: str
    root: Path
    now: datetime = NOW
    grace: float = 30
    busy: float = 10  # seconds that it waits for a locked database
    kill: KillPoint | None = None
    nth: int = 1
    patient: bool = False


class WorkerProcess:
    """It stands in the database when this returns, and begins with `go`."""

    def __init__(self, orders: Orders) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(orders, theirs), daemon=True)
        self._waiting = threading.Lock()  # the exit code can be fetched by one thread only
        self._process.start()
        theirs.close()
        assert self._pipe.recv() == "ready"

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def go(self) -> None:
        self._pipe.send("go")

    def kill(self) -> bool:
        """SIGKILL, and wait until it is dead; False: it had ended by itself. Any thread may ask, more than once."""
        with self._waiting:
            self._process.kill()
            self._process.join()
            return self._process.exitcode == -signal.SIGKILL

    def terminate(self) -> None:
        self._process.terminate()

    def wait(self, timeout: float = 120) -> int:
        """Its exit code; minus the signal if one killed it."""
        deadline = threading.Event()
        for _ in range(int(timeout / 0.02)):
            with self._waiting:
                self._process.join(0)
                if self._process.exitcode is not None:
                    return self._process.exitcode
            # a killing thread may want its turn
            deadline.wait(0.02)
        raise TimeoutError(f"the worker {self.pid} did not end in {timeout:g} seconds")


def _run(orders: Orders, pipe: Connection) -> None:
    run_async(_work(orders, pipe))


async def _work(orders: Orders, pipe: Connection) -> None:
    workspace = load_workspace(orders.root)
    store = open_store(orders.database_url, root=orders.root, busy_timeout=timedelta(seconds=orders.busy))
    timeouts = Timeouts(greeting=20, command=20, data=20, body=20, quit=1)
    worker = Worker(store, lambda: workspace, DrivenClock(orders.now), sandbox=None, timeouts=timeouts)
    if orders.kill is not None:
        watch(store, orders.kill, orders.nth, lambda: os.kill(os.getpid(), signal.SIGKILL))
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    pipe.send("ready")
    pipe.recv()
    delivering = asyncio.create_task(_deliver(worker, patient=orders.patient))
    stopped = asyncio.create_task(stopping.wait())
    await asyncio.wait([delivering, stopped], return_when=asyncio.FIRST_COMPLETED)
    await worker.close(grace=orders.grace)
    stopped.cancel()
    await delivering
    store.close()


async def _deliver(worker: Worker, *, patient: bool) -> None:
    while True:
        try:
            await worker.deliver_due()
        except StoreError:
            if not patient:
                raise
            await asyncio.sleep(1)
        else:
            return
