"""A worker in a process of its own: ``python -m tests.delivery.worker_process DATABASE WORKSPACE``.

Says "ready" when it stands in the database, waits for a line, delivers what is due, and ends. Tests kill it on the way.
"""

import asyncio
import signal
import sys
from pathlib import Path

from nurture.clock import DrivenClock
from nurture.delivery.connection import Timeouts
from nurture.delivery.worker import Worker
from nurture.store import open_store
from nurture.workspace.workspace import load_workspace
from tests.delivery.outbox import NOW


async def main(url: str, root: str) -> None:
    workspace = load_workspace(Path(root))
    store = open_store(url, root=Path(root))
    timeouts = Timeouts(greeting=20, command=20, data=20, body=20, quit=1)
    worker = Worker(store, lambda: workspace, DrivenClock(NOW), sandbox=None, timeouts=timeouts)
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    delivering = asyncio.create_task(worker.deliver_due())
    stopped = asyncio.create_task(stopping.wait())
    await asyncio.wait([delivering, stopped], return_when=asyncio.FIRST_COMPLETED)
    await worker.close(grace=float(sys.argv[3]) if len(sys.argv) > 3 else 30)
    stopped.cancel()
    await delivering
    store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
