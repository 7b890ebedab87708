"""Group commit: many pieces of work share one transaction, and none suffers from another."""

import asyncio
import threading
from typing import ClassVar

import pytest
import sqlalchemy as sa

from nurture.delivery.ledger import Ledger
from nurture.errors import StoreLockedError
from nurture.store import Store
from nurture.store.schema import meta


@pytest.fixture
def ledger(store: Store):
    ledger = Ledger(store)
    yield ledger
    ledger.close()


class Busy:
    """Holds the ledger's thread, so that what comes meanwhile forms one group."""

    def __init__(self, ledger: Ledger) -> None:
        self._release = threading.Event()
        self._ledger = ledger

    async def __aenter__(self) -> None:
        self._held = self._ledger.submit(lambda _: self._release.wait(30))
        await asyncio.sleep(0.05)

    async def __aexit__(self, *_: object) -> None:
        self._release.set()
        await self._held


def note(key: str):
    def work(connection: sa.Connection) -> str:
        connection.execute(sa.insert(meta).values(key=key, value="x"))
        return key

    return work


def noted(store: Store) -> set[str]:
    with store.read() as connection:
        return set(connection.execute(sa.select(meta.c.key).where(meta.c.value == "x")).scalars())


def commits(store: Store) -> list[object]:
    found: list[object] = []
    sa.event.listen(store._writer, "commit", found.append)
    return found


async def test_what_waits_is_committed_together(store: Store, ledger: Ledger) -> None:
    found = commits(store)
    async with Busy(ledger):
        going = [ledger.submit(note(f"key {number}")) for number in range(20)]
    assert await asyncio.gather(*going) == [f"key {number}" for number in range(20)]
    assert len(found) == 2, "the one that held the thread, and the group"
    assert len(noted(store)) == 20


async def test_where_many_come_a_transaction_waits_a_moment_for_others(
    store: Store, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nurture.delivery.ledger.GATHERING", 0.5)
    async with Busy(ledger):
        many = [ledger.submit(note(f"many {number}")) for number in range(3)]
    await asyncio.gather(*many)
    found = commits(store)
    early = ledger.submit(note("early"))
    await asyncio.sleep(0.05)
    late = ledger.submit(note("late"))
    await asyncio.gather(early, late)
    assert len(found) == 1, "what came a little later is in the same transaction"
    await ledger.write(note("alone"))
    assert len(found) == 2


async def test_one_that_fails_takes_nobody_along(store: Store, ledger: Ledger) -> None:
    def fail(_: sa.Connection) -> None:
        raise StoreLockedError("of mine")

    async with Busy(ledger):
        going = [ledger.submit(note("a")), ledger.submit(fail), ledger.submit(note("b")), ledger.submit(note("a"))]
    results = await asyncio.gather(*going, return_exceptions=True)
    assert results[0] == "a"
    assert isinstance(results[1], StoreLockedError)
    assert results[2] == "b"
    assert isinstance(results[3], sa.exc.IntegrityError), "the second of the same key, alone"
    assert noted(store) == {"a", "b"}


async def test_what_was_canceled_in_time_is_not_written(store: Store, ledger: Ledger) -> None:
    async with Busy(ledger):
        going = ledger.submit(note("a"))
        going.cancel()
        await asyncio.sleep(0)  # the cancellation gets to the other side by a callback
        other = ledger.submit(note("b"))
    await other
    assert noted(store) == {"b"}


class Numbered:
    """A step that notes with how many it was written."""

    sizes: ClassVar[list[int]] = []

    def __init__(self, number: int) -> None:
        self.number = number

    def write(self, connection: sa.Connection) -> int:
        return self.write_all(connection, [self])[0]

    @staticmethod
    def write_all(_: sa.Connection, steps: list["Numbered"]) -> list[int]:
        Numbered.sizes.append(len(steps))
        return [step.number for step in steps]


async def test_steps_of_one_kind_are_written_in_one_go_each_with_its_own_result(store: Store, ledger: Ledger) -> None:
    Numbered.sizes.clear()
    async with Busy(ledger):
        going = [ledger.submit(Numbered(1)), ledger.submit(note("a")), ledger.submit(Numbered(2))]
    assert await asyncio.gather(*going) == [1, "a", 2]
    assert Numbered.sizes == [2]


async def test_what_was_handed_in_is_written_before_the_end(store: Store) -> None:
    ledger = Ledger(store)
    going = [ledger.submit(note(f"key {number}")) for number in range(5)]
    ledger.close()
    assert len(noted(store)) == 5
    await asyncio.gather(*going)
