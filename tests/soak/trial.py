"""One trial: an outbox, a sink, workers that are killed and started again until nothing waits; then the comparison."""

import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from nurture.delivery.ownership import LAST_ANSWER
from nurture.reports.accounts import accounts
from nurture.store import deliveries, meta, open_store, workers
from nurture.store.schema import delivery, edition, pace, worker
from nurture.vocabulary import WAITING_STATES, DeliveryState, Mode
from tests.delivery.clinic import edition_content, make_clinic
from tests.delivery.outbox import NOW, fill_outbox
from tests.delivery.watching import KillPoint
from tests.delivery.worker_process import Orders, WorkerProcess
from tests.soak.sink import Decide, Sink, be_friendly

PAUSE = timedelta(minutes=10)  # the clock goes on by that over the next due mail, so that many are due together
ROUNDS = 400
PATIENCE = 1200  # seconds that one worker may deliver; 50,000 mails on a slow machine need minutes


@dataclass(frozen=True)
class Result:
    """What came out. ``problems`` are in words; none means that every promise held.

    ``most_uncertain``: each connection of each killed worker may leave one mail in doubt, and each doubt of the sink.
    """

    mails: int
    states: Counter[str]
    kills: int
    rounds: int
    most_uncertain: int
    lost: int
    duplicates: int
    problems: tuple[str, ...]

    @property
    def uncertain(self) -> int:
        return self.states[DeliveryState.UNCERTAIN]


# nobody is there to let an edition go on in which chance has made too many addresses unknown
NO_BRAKE = "brakes: {dead_addresses: {percent: 100}}\n"


@dataclass
class Trial:
    """``mails`` deliveries over ``connections`` each of ``at_once`` workers; the sender's rule is ``on_uncertain``."""

    database_url: str
    root: Path
    mails: int
    connections: int = 4
    at_once: int = 1
    pipelining: str = "auto"
    on_uncertain: str = "hold"
    now: datetime = NOW
    kills: int = 0
    rounds: int = 0
    problems: list[str] = field(default_factory=list)
    _at_work: list[WorkerProcess] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def begun(self, decide: Decide = be_friendly) -> Iterator["Trial"]:
        """With the outbox filled and the sink running."""
        content = edition_content(make_clinic(self.root))
        self.store = open_store(self.database_url, root=self.root)
        with self.store.write() as connection:
            meta.set_mode(connection, Mode.LIVE, NOW)
        self.outbox = fill_outbox(self.store, recipients=self.mails, content=content)
        with Sink(decide) as self.sink:
            account = {"host": "127.0.0.1", "port": self.sink.port, "tls": "none", "pipelining": self.pipelining}
            make_clinic(self.root, account, connections=self.connections, on_uncertain=self.on_uncertain)
            with (self.root / "nurture.yaml").open("a") as settings:
                settings.write(NO_BRAKE)
            try:
                yield self
            finally:
                for process in self._at_work:
                    process.kill()
                self.store.close()

    def kill_one(self) -> bool:
        """SIGKILL a worker; returns when it is dead. False: none was at work. For the sink's threads."""
        with self._lock:
            process = self._at_work.pop() if self._at_work else None
        return process is not None and process.kill()

    def one_round(
        self, kill: KillPoint | None = None, nth: int = 1, *, restart: bool = False, patient: bool = False
    ) -> int:
        """Workers deliver what is due until they end or are killed; how many were killed.

        With ``restart`` another one stands up at once for each that is killed;
        ``patient`` ones go on after a failure of the database, as the loop does.
        """
        self.rounds += 1
        orders = Orders(self.database_url, self.root, self.now, kill=kill, nth=nth, patient=patient)
        before = self.kills
        with ThreadPoolExecutor(self.at_once) as pool:
            list(pool.map(lambda _: self._one_place(orders, restart=restart), range(self.at_once)))
        self.sink.drain()
        return self.kills - before

    def _one_place(self, orders: Orders, *, restart: bool) -> None:
        killed = True
        while killed:
            process = WorkerProcess(orders)
            with self._lock:
                self._at_work.append(process)
            process.go()
            code = process.wait(timeout=PATIENCE)
            killed = code == -signal.SIGKILL
            with self._lock:
                if process in self._at_work:
                    self._at_work.remove(process)
                self.kills += killed
                if code and not killed:
                    self.problems.append(f"a worker ended with {code}")
            if killed:
                self._look_at_the_dead(process.pid)
                killed = restart

    def until_nothing_waits(self, *, patient: bool = False) -> None:
        """More rounds; the clock goes on where nothing is due."""
        while self.one_round(restart=True, patient=patient) or self._move_clock():
            if self.rounds > ROUNDS:
                self.problems.append(f"after {ROUNDS} rounds something still waits")
                return

    def _look_at_the_dead(self, pid: int) -> None:
        with self.store.write() as connection:
            owners = sa.select(worker.c.owner).where(worker.c.process == pid)
            marked = connection.execute(
                sa.select(sa.func.count())
                .select_from(delivery)
                .where(delivery.c.state == "sending", delivery.c.marked_at.is_not(None), delivery.c.owner.in_(owners))
            ).scalar_one()
            if self.store.dialect == "postgresql":
                # as if its lease, and with it the time for any answer, were over; on SQLite the lock went with it
                silence = sa.bindparam("silence", workers.LEASE + LAST_ANSWER, sa.Interval())
                lapsed = worker.c.seen_at - silence
                connection.execute(sa.update(worker).where(worker.c.process == pid).values(seen_at=lapsed))
        if marked > self.connections:
            self.problems.append(f"{marked} mails in doubt after a kill, over {self.connections} connections")

    def _move_clock(self) -> bool:
        with self.store.read() as connection:
            waiting = connection.execute(
                sa.select(sa.func.count()).select_from(delivery).where(delivery.c.state.in_(WAITING_STATES))
            ).scalar_one()
            following = deliveries.next_due_at(connection, mode=Mode.LIVE, after=self.now)
        before, self.now = self.now, max(following or self.now, self.now) + PAUSE
        if self.store.dialect == "postgresql":
            # limits go by the server's clock there, which no test drives: as if as much time had passed for them
            passed = sa.bindparam("passed", self.now - before, sa.Interval())
            with self.store.write() as connection:
                values = {"filled_at": pace.c.filled_at - passed, "changed_at": pace.c.changed_at - passed}
                connection.execute(sa.update(pace).values(values))
        return bool(waiting)

    def result(self) -> Result:
        """The sink's truth against the log."""
        self.sink.drain()
        rows = self._rows()
        states = Counter(state for state, _ in rows)
        taken = self.sink.taken
        sent = {message_id for state, message_id in rows if state == DeliveryState.SENT}
        uncertain = {message_id for state, message_id in rows if state == DeliveryState.UNCERTAIN}
        lost = len(sent - set(taken)) + self.mails - len(rows)
        duplicates = sum(taken.values()) - len(taken)
        problems = [*self.problems, *_differences(set(taken), sent, uncertain)]
        if lost:
            problems.append(f"{lost} mails lost")
        if duplicates and self.on_uncertain == "hold":
            problems.append(f"{duplicates} mails taken again")
        if most := [name for name, times in taken.items() if times > 2]:
            problems.append(f"{len(most)} mails taken more than twice")
        if set(self.sink.answered) - sent - uncertain:
            problems.append("a yes is in the log neither as sent nor as uncertain")
        most_uncertain = self.kills * self.connections + self.sink.in_doubt
        if len(uncertain) > most_uncertain:
            problems.append(f"{len(uncertain)} uncertain, at most {most_uncertain} can be")
        if waiting := {state for state in states if state in WAITING_STATES}:
            problems.append(f"something still waits: {sorted(waiting)}")
        counted = accounts(self.store, mode=Mode.LIVE, maildir_ids=lambda: list(taken.elements()))
        problems += [f"accounts: {each}" for each in counted.problems]
        problems += [f"accounts: {each}" for account in counted.editions for each in account.problems]
        return Result(self.mails, states, self.kills, self.rounds, most_uncertain, lost, duplicates, tuple(problems))

    def _rows(self) -> list[tuple[str, str]]:
        with self.store.read() as connection:
            found = connection.execute(sa.select(delivery.c.state, delivery.c.message_id).order_by(delivery.c.id))
            rows = [(row.state, row.message_id or f"none of {number}") for number, row in enumerate(found)]
            if connection.execute(sa.select(edition.c.state)).scalars().all() != ["finished"]:
                self.problems.append("the edition is not finished")
        return rows


def _differences(taken: set[str], sent: set[str], uncertain: set[str]) -> list[str]:
    """The two sets must be equal, but for what the log itself calls uncertain."""
    problems = []
    if missing := sent - taken:
        problems.append(f"{len(missing)} called sent, but the sink has them not")
    if unknown := taken - sent - uncertain:
        problems.append(f"{len(unknown)} in the sink, but the log calls them neither sent nor uncertain")
    return problems
