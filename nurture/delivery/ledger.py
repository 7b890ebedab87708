"""The asynchronous sender's way to the synchronous store: group commit.

All transactions of one worker run in one thread. What its lines hand in while
a transaction is being committed goes into the next one together, so many mails
share one wait for the disk.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import sleep
from typing import Any, Protocol, TypeVar

from nurture.delivery.journal import Journal
from nurture.delivery.kept import KeptAnswer
from nurture.errors import StoreError
from nurture.store import Store
from nurture.store.engine import Connection

log = logging.getLogger("nurture.delivery")

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

FIRST_PAUSE = 0.1  # seconds between tries to write an answer
LONGEST_PAUSE = 5.0
GROUP = 256  # pieces of work in one transaction at most
ALONE = 2  # a single connection hands in so many pieces at once: an answer, and the next mail's mark
GATHERING = 0.003  # seconds that a transaction waits for others to join it, where others come

Work = Callable[[Connection], T]


class Step(Protocol[T_co]):
    """Work that does better with others of its kind: few statements for many mails."""

    def write(self, connection: Connection) -> T_co:
        """Do it alone."""
        ...

    @staticmethod
    def write_all(connection: Connection, steps: Sequence[Any]) -> list[Any]:
        """Do many; the results in the same order."""
        ...


@dataclass(frozen=True, slots=True)
class _Entry:
    """Work that waits; ``reading`` gets a snapshot of its own. ``loop``: where ``done`` is awaited, if it is."""

    work: Work[Any] | Step[Any]
    done: asyncio.Future[Any] | Future[Any]
    loop: asyncio.AbstractEventLoop | None = None
    reading: bool = False

    def may_run(self) -> bool:
        """False if whoever waited has given up; after this, giving up does not undo it."""
        return self.done.set_running_or_notify_cancel() if isinstance(self.done, Future) else not self.done.cancelled()


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of a piece of work: its result or its error."""

    entry: _Entry
    result: Any = None
    error: BaseException | None = None

    def tell(self) -> None:
        """In the thread that waits."""
        done = self.entry.done
        if done.cancelled():
            return
        if self.error is not None:
            done.set_exception(self.error)
        else:
            done.set_result(self.result)


class Ledger:
    """One worker's transactions. ``settling`` counts answers that are read but not written yet.

    With a ``journal`` what cannot be written outlives this process.
    """

    def __init__(self, store: Store, journal: Journal | None = None) -> None:
        self._store = store
        self._journal = journal
        self._waiting: SimpleQueue[_Entry | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="nurture-ledger", daemon=True)
        self._thread.start()
        self.settling = 0

    @property
    def troubled(self) -> bool:
        """An answer cannot be written at present, so no further body may leave."""
        return self.settling > 0

    async def write(self, work: Work[T] | Step[T]) -> T:
        """Run ``work`` in a write transaction; raises `StoreError` as the store does.

        What others do in the same transaction never changes what this work gets:
        if one of them fails, each runs again alone.
        """
        return await self.submit(work)

    def submit(self, work: Work[T] | Step[T]) -> asyncio.Future[T]:
        """The same without waiting; what is submitted first is written first, or together."""
        return self._submit(work)

    async def read(self, work: Work[T]) -> T:
        """Run ``work`` in one snapshot."""
        result: T = await self._submit(work, reading=True)
        return result

    async def write_answer(
        self, work: Work[T] | Step[T], kept: Callable[[], KeptAnswer], failed: StoreError | None = None
    ) -> T:
        """Write what a server said, however long the database is locked or full.

        ``work`` must be idempotent: after a lost COMMIT it runs again and finds
        what it wrote. Meanwhile the journal has ``kept``. ``failed``: it was
        tried, with this error. Gives up only when it is canceled.
        """
        if failed is None:
            try:
                return await self.write(work)
            except StoreError as error:
                failed = error
        log.error("an answer of the mail server waits for the database: %s", failed)
        self.settling += 1
        try:
            self.keep(answer := kept())
            pause = FIRST_PAUSE
            while True:
                await asyncio.sleep(pause)
                try:
                    result = await self.write(work)
                except StoreError:
                    pause = min(pause * 2, LONGEST_PAUSE)
                else:
                    self.written(answer.attempt_id)
                    return result
        finally:
            self.settling -= 1

    def keep(self, answer: KeptAnswer) -> None:
        """Into the journal, until `written`: nobody knows when the database will take it."""
        if self._journal is not None:
            self._journal.keep(answer)

    def written(self, attempt_id: int) -> None:
        """The database has the answer to this try."""
        if self._journal is not None and self._journal.kept:
            self._journal.clear(attempt_id)

    def write_now(self, work: Work[T] | Step[T]) -> T:
        """The same without asyncio: on the way out, after everything that was handed in before."""
        done: Future[T] = Future()
        self._waiting.put(_Entry(work, done))
        return done.result()

    def close(self) -> None:
        """Wait for what is under way and end the thread."""
        self._waiting.put(None)
        self._thread.join()

    def _submit(self, work: Work[T] | Step[T], *, reading: bool = False) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._waiting.put(_Entry(work, done, loop, reading))
        return done

    def _run(self) -> None:
        open_for_work = True
        entries: list[_Entry | None] = []
        while open_for_work:
            entries = self._gather(others=len(entries) > ALONE)
            open_for_work = None not in entries
            going = [entry for entry in entries if entry and entry.may_run()]
            for entry in going:
                if entry.reading:
                    _hand_out([_alone(entry, self._store.read())])
            self._write_group([entry for entry in going if not entry.reading])

    def _gather(self, *, others: bool) -> list[_Entry | None]:
        """What waits; ``others`` are about, so a moment more brings many of them into one transaction."""
        entries = [self._waiting.get()]
        if others:
            sleep(GATHERING)
        while len(entries) < GROUP:
            try:
                entries.append(self._waiting.get_nowait())
            except Empty:
                break
        return entries

    def _write_group(self, entries: list[_Entry]) -> None:
        if len(entries) > 1:
            try:
                with self._store.write() as connection:
                    results = _together(connection, [entry.work for entry in entries])
            except Exception as error:  # noqa: BLE001 - each tells its own error below
                log.debug("a group of %d fell apart: %s", len(entries), type(error).__name__)
            else:
                _hand_out([_Outcome(entry, result) for entry, result in zip(entries, results, strict=True)])
                return
        for entry in entries:
            _hand_out([_alone(entry, self._store.write())])


def _alone(entry: _Entry, transaction: AbstractContextManager[Connection]) -> _Outcome:
    try:
        with transaction as connection:
            result = entry.work(connection) if callable(entry.work) else entry.work.write(connection)
    except BaseException as error:  # noqa: BLE001 - handed to who waits for it
        return _Outcome(entry, error=error)
    return _Outcome(entry, result)


def _hand_out(outcomes: list[_Outcome]) -> None:
    """Wake who waits: each loop once for a whole group, because each waking costs as much as a small query."""
    loops: dict[asyncio.AbstractEventLoop | None, list[_Outcome]] = {}
    for outcome in outcomes:
        loops.setdefault(outcome.entry.loop, []).append(outcome)
    for loop, its in loops.items():
        if loop is None:
            _tell(its)
        else:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_tell, its)


def _tell(outcomes: list[_Outcome]) -> None:
    for outcome in outcomes:
        outcome.tell()


def _together(connection: Connection, works: Sequence[Work[object] | Step[object]]) -> list[object]:
    """The results in order; steps of one kind are written together, in the order in which kinds first come."""
    results: list[object] = [None] * len(works)
    kinds: dict[type[Step[object]], list[int]] = {}
    for index, work in enumerate(works):
        if callable(work):
            results[index] = work(connection)
        else:
            kinds.setdefault(type(work), []).append(index)
    for kind, indices in kinds.items():
        written = kind.write_all(connection, [works[index] for index in indices])
        for index, result in zip(indices, written, strict=True):
            results[index] = result
    return results
