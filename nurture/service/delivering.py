"""Opening a worker: in the sandbox with a mail server of its own that takes everything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nurture.delivery.guard import refuse_copy
from nurture.delivery.worker import Worker
from nurture.sandbox.server import SandboxServer
from nurture.service.house import House
from nurture.vocabulary import Mode


@asynccontextmanager
async def open_worker(house: House) -> AsyncIterator[Worker]:
    """A worker for this process; closed cleanly at the end, whatever happens.

    Raises `SandboxError` if the sandbox's server cannot start, `CopyError` if
    the database may be an older copy.
    """
    refuse_copy(house.store, house.workspace.settings.zone)
    server = SandboxServer(house.maildir) if house.mode() is Mode.SANDBOX else None
    sandbox = ("127.0.0.1", server.start()) if server else None
    try:
        worker = Worker(house.store, lambda: house.workspace, house.clock, sandbox=sandbox)
        try:
            yield worker
        finally:
            await worker.close()
    finally:
        if server:
            server.stop()
