"""The asynchronous sender's way to the synchronous store.

All transactions of one worker run in one thread: they never wait for each
other's locks, and what was handed in first is written first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from nurture.errors import StoreError
from nurture.store import Store
from nurture.store.engine import Connection

log = logging.getLogger("nurture.delivery")

T = TypeVar("T")

FIRST_PAUSE = 0.1  # seconds between tries to write an answer
LONGEST_PAUSE = 5.0


class Ledger:
    """One worker's transactions. ``settling`` counts answers that are read but not written yet."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="nurture-ledger")
        self.settling = 0

    @property
    def troubled(self) -> bool:
        """An answer cannot be written at present, so no further body may leave."""
        return self.settling > 0

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in one write transaction; raises `StoreError` as the store does."""
        return await asyncio.wrap_future(self._thread.submit(self._write, work))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in one snapshot."""
        return await asyncio.wrap_future(self._thread.submit(self._read, work))

    async def write_answer(self, work: Callable[[Connection], T]) -> T:
        """Write what a server said, however long the database is locked or full.

        ``work`` must be idempotent: after a lost COMMIT it runs again and finds
        what it wrote. Gives up only when it is canceled.
        """
        try:
            return await self.write(work)
        except StoreError as error:
            log.error("an answer of the mail server waits for the database: %s", error)
        self.settling += 1
        try:
            pause = FIRST_PAUSE
            while True:
                await asyncio.sleep(pause)
                try:
                    return await self.write(work)
                except StoreError:
                    pause = min(pause * 2, LONGEST_PAUSE)
        finally:
            self.settling -= 1

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """The same without asyncio: on the way out, after everything that was handed in before."""
        return self._thread.submit(self._write, work).result()

    def close(self) -> None:
        """Wait for what is under way and end the thread."""
        self._thread.shutdown(wait=True)

    def _write(self, work: Callable[[Connection], T]) -> T:
        with self._store.write() as connection:
            return work(connection)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._store.read() as connection:
            return work(connection)
