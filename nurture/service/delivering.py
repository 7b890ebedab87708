"""Opening a worker: in the sandbox with a mail server of its own that takes everything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nurture.delivery.guard import refuse_copy
from nurture.delivery.share import Share
from nurture.delivery.worker import Worker
from nurture.sandbox.server import SandboxServer
from nurture.service.house import House
from nurture.vocabulary import Mode, WorkerRole


@asynccontextmanager
async def open_worker(
    house: House,
    *,
    role: WorkerRole = WorkerRole.COMMAND,
    share: Share | None = None,
    sandbox: tuple[str, int] | None = None,
) -> AsyncIterator[Worker]:
    """A worker for this process; closed cleanly at the end, whatever happens.

    ``sandbox`` is (host, port) of a sandbox's server that runs already. Raises
    `SandboxError` if one cannot start, `CopyError` if the database may be an
    older copy.
    """
    refuse_copy(house.store, house.workspace.settings.zone)
    server = SandboxServer(house.maildir) if house.mode() is Mode.SANDBOX and sandbox is None else None
    if server:
        sandbox = "127.0.0.1", server.start()
    try:
        worker = Worker(house.store, lambda: house.workspace, house.clock, sandbox=sandbox, role=role, share=share)
        try:
            yield worker
        finally:
            await worker.close()
    finally:
        if server:
            server.stop()
