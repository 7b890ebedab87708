"""Opens and clicks at 50 connections: nurture's pages beside a server that commits each hit through an ORM."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from benchmarks.measurement import Measurement, median, significant
from benchmarks.outbox import AT, make_clinic, plan_edition
from nurture.composing.link_keys import read_link_keys
from nurture.composing.link_tokens import make_token, parse_token
from nurture.delivery.event_loop import run_async
from nurture.service.house import open_house
from nurture.store import way_out
from nurture.store.schema import delivery, event
from nurture.vocabulary import LinkPurpose

CONNECTIONS = 50
HITS = 3000
ROUNDS = 3
PACE = 1000  # a second, all connections together: far more than an edition to 100,000 readers brings
KILLED = 1500
THEIR_HITS = 1000
_URL = "https://mail.riverbend.example"
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"


@dataclass(frozen=True, slots=True)
class Load:
    """What the client saw: hits a second, and the 99th percentile of their times in ms."""

    rate: float
    p99: float


def measure() -> list[Measurement]:
    """Opens and clicks of 3,000 mails each, none twice, and clicks on a server as a careful beginner writes it.

    As fast as they can, where 50 connections that never rest wait for each other, and 1,000 a second. At last a server
    is killed by SIGKILL while clicks come: how old was the oldest that is answered and lost?

    Both run in a process of their own under the same uvicorn, on SQLite with the same settings on one disk; one client
    opens a connection for each request, as a proxy does. Ours is stopped with SIGTERM right after the last answer;
    then every hit must be in its log, or there is no figure.
    """
    opens, clicks, theirs = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        clinic = Path(folder) / "clinic"
        paths = _clinic(clinic)
        for number in range(ROUNDS):
            with _server("nurture", str(clinic)) as port:
                opens.append(_load(port, [path for path, _ in paths[number]]))
                clicks.append(_load(port, [path for _, path in paths[number]]))
            _check_written(clinic, 2 * HITS * (number + 1))
            with _server("orm", f"{folder}/orm{number}", str(THEIR_HITS)) as port:
                theirs.append(_load(port, [f"/c/{mail}/1" for mail in range(THEIR_HITS)]))
        with _server("nurture", str(clinic)) as port:
            paced = _load(port, [path for _, path in paths[ROUNDS]], pace=PACE)
        last = [path for _, path in paths[ROUNDS + 1]]
        lost_paced = _lost_at_sigkill(clinic, last[:KILLED], pace=PACE)
        lost = _lost_at_sigkill(clinic, last[KILLED:])
    ratios = [ours.rate / other.rate for ours, other in zip(clicks, theirs, strict=True)]
    name = f"at {CONNECTIONS} connections"
    return [
        median(f"opens {name}", [load.rate for load in opens], "a second", at_least=True),
        median(f"clicks {name}", [load.rate for load in clicks], "a second", at_least=True),
        median(f"clicks {name}, an ORM commit for each", [load.rate for load in theirs], "a second", at_least=True),
        median("clicks: nurture / ORM", ratios, "times", bar=5, at_least=True),
        median(f"opens {name}: 99th percentile", [load.p99 for load in opens], "ms", bar=20),
        median(f"clicks {name}: 99th percentile", [load.p99 for load in clicks], "ms", bar=20),
        median(f"clicks {name}, {PACE:,} a second: 99th percentile", [paced.p99], "ms", bar=20),
        median(f"clicks, {PACE:,} a second: the oldest answered and lost at SIGKILL", [lost_paced], "ms", bar=50),
        median(f"clicks {name}: the oldest answered and lost at SIGKILL", [lost], "ms", bar=50),
        median(f"clicks {name}, an ORM commit for each: 99th percentile", [load.p99 for load in theirs], "ms"),
    ]


def _clinic(folder: Path) -> list[list[tuple[str, str]]]:
    """A clinic with mails that were sent; for each round the paths of their pixels and of one link each."""
    needed = (ROUNDS + 2) * HITS
    make_clinic(folder, HITS * (ROUNDS + 4))
    with (folder / "nurture.yaml").open("a", encoding="utf-8") as settings:
        settings.write(f"public_url: {_URL}\n")
    with open_house(folder) as house:
        with house.store.write() as connection:
            way_out.record_links(connection, _URL, AT)
        plan_edition(folder)
        with house.store.write() as connection:
            sent = sa.update(delivery).where(delivery.c.state == "queued").values(state="sent", settled_at=AT)
            connection.execute(sent)
        with house.store.read() as connection:
            query = sa.select(delivery.c.id, delivery.c.recipient_key).where(delivery.c.state == "sent")
            mails = connection.execute(query.limit(needed)).all()
        key = read_link_keys(house.data).newest
    if len(mails) < needed:
        raise AssertionError(f"only {len(mails)} mails were planned")
    paths = [
        (
            f"/o/{make_token(key, LinkPurpose.OPEN, number, recipient)}.gif",
            f"/c/{make_token(key, LinkPurpose.CLICK, number, recipient)}/1",
        )
        for number, recipient in mails
    ]
    return [paths[start : start + HITS] for start in range(0, needed, HITS)]


def _check_written(folder: Path, hits: int) -> None:
    with open_house(folder) as house, house.store.read() as connection:
        kinds = event.c.kind.in_(["opened", "clicked"])
        written = connection.scalar(sa.select(sa.func.count()).select_from(event).where(kinds))
    if written != hits:
        raise AssertionError(f"{written} of {hits} hits are in the log after SIGTERM")


@contextmanager
def _server(*arguments: str) -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.hit_servers", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None, "it is a pipe"
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        if process.wait(timeout=60):
            raise AssertionError(f"{' '.join(command)} ended with {process.returncode}")


def _lost_at_sigkill(folder: Path, paths: Sequence[str], *, pace: int | None = None) -> float:
    """How long before the kill the oldest click was answered that is not in the log, in ms; 0 if none is lost."""
    command = [sys.executable, "-m", "benchmarks.hit_servers", "nurture", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None, "it is a pipe"
        answered = run_async(_ask_and_kill(int(process.stdout.readline()), paths, process, pace=pace))
        killed = max(answered.values())
    with open_house(folder) as house, house.store.read() as connection:
        written = set(connection.scalars(sa.select(event.c.delivery_id).where(event.c.kind == "clicked")))
    return significant(max((killed - at for number, at in answered.items() if number not in written), default=0) * 1000)


async def _ask_and_kill(
    port: int, paths: Sequence[str], process: subprocess.Popen[str], *, pace: int | None
) -> dict[int, float]:
    """At all connections, as `_ask`; half way the server is killed. When each mail's click was answered."""
    answered: dict[int, float] = {}
    waiting = iter(enumerate(paths))
    loop = asyncio.get_running_loop()
    start = time.perf_counter()

    async def line() -> None:
        for place, path in waiting:
            if pace:
                await asyncio.sleep(max(0, start + place / pace - time.perf_counter()))
            _, visit = await loop.create_connection(partial(_Visit, path), "127.0.0.1", port)
            if not (await visit.answer).startswith(b"HTTP/1.1 302") or process.poll() is not None:
                return
            answered[_number(path)] = time.monotonic()
            if len(answered) == KILLED // 2:
                process.kill()
                process.wait()
                return

    await asyncio.gather(*(line() for _ in range(CONNECTIONS)), return_exceptions=True)
    if len(answered) < KILLED // 2:
        raise AssertionError(f"only {len(answered)} clicks were answered before the kill")
    return answered


def _number(path: str) -> int:
    token = parse_token(path.split("/")[2])
    assert token is not None, "we made it"
    return token.number


def _load(port: int, paths: Sequence[str], *, pace: int | None = None) -> Load:
    times: list[float] = []
    run_async(
        _ask(port, paths[:CONNECTIONS], [])
    )  # what is made at the first request; again below, which is no new hit
    time.sleep(0.5)
    began = time.perf_counter()
    run_async(_ask(port, paths, times, pace=pace))
    wall = time.perf_counter() - began
    times.sort()
    return Load(significant(len(paths) / wall), significant(times[len(times) * 99 // 100] * 1000))


class _Visit(asyncio.Protocol):
    """One request on a connection of its own; ``answer`` is done when the server closes it."""

    def __init__(self, path: str) -> None:
        self._request = f"GET {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: {_AGENT}\r\n\r\n".encode()
        self._received = b""
        self.answer = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Keep it."""
        self._received += data

    def connection_lost(self, exc: Exception | None) -> None:
        """That was all."""
        self.answer.set_result(self._received)


async def _ask(port: int, paths: Sequence[str], times: list[float], *, pace: int | None = None) -> None:
    """Each path once; by ``pace`` so many a second, each timed from when it was due, whether a connection was free."""
    waiting = iter(enumerate(paths))
    loop = asyncio.get_running_loop()
    start = time.perf_counter()

    async def line() -> None:
        for place, path in waiting:
            began = start + place / pace if pace else time.perf_counter()
            await asyncio.sleep(max(0, began - time.perf_counter()))
            _, visit = await loop.create_connection(partial(_Visit, path), "127.0.0.1", port)
            answer = await visit.answer
            times.append(time.perf_counter() - began)
            if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 302")):
                raise AssertionError(f"{path} answers {answer[:100]!r}")

    await asyncio.gather(*(line() for _ in range(CONNECTIONS)))
