"""`nurture run --workers N` as people run it: real processes, one mail server, each mail once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from nurture.reports.accounts import accounts
from nurture.service.house import House, open_house
from nurture.store import alerts, meta, workers
from nurture.store.schema import attempt, delivery, worker
from nurture.vocabulary import Mode, WorkerRole
from nurture.workspace.scaffold import Answers, init_workspace
from tests.service.noon import NOON_ZONE
from tests.soak.sink import Act, Sink, Stage

PATIENCE = 120.0
PEOPLE = 400
ALL_AT_ONCE = f"brakes: {{first_edition: {{over: {PEOPLE}}}}}\n"


class SlowSink(Sink):
    """Slow enough that both workers come to work; ``most`` sessions were open at once.

    So many readers as ``unknown`` says are refused first.
    """

    def __init__(self) -> None:
        self.most = self.unknown = 0
        self.delay = 0.01
        super().__init__(self.take_your_time)

    def take_your_time(self, stage: Stage) -> Act:
        self.most = max(self.most, len(self._open))
        if stage is Stage.RCPT and self.unknown:
            self.unknown -= 1
            return Act(reply="550 5.1.1 no such mailbox")
        return Act(delay=self.delay) if stage is Stage.BODY else Act()


@pytest.fixture
def sink() -> Iterator[SlowSink]:
    with SlowSink() as sink:
        yield sink


class Clinic:
    """A workspace that is live, whose mail server is the sink, and `nurture` in it."""

    def __init__(self, root: Path, port: int, database_url: str) -> None:
        self.root = root
        init_workspace(root, Answers(time_zone=NOON_ZONE), now=datetime(2026, 11, 20, 20, tzinfo=UTC))
        settings = root / "nurture.yaml"
        address = root.parent / "database-address"
        address.write_text(database_url)
        address.chmod(0o600)
        account = f"    connections: 2\n    smtp: {{host: 127.0.0.1, port: {port}, tls: none}}\n"
        text = settings.read_text().replace("    address:", f"{account}    address:", 1)
        assert account in text
        settings.write_text(
            f'{text}window: {{hours: {{mon-sun: "07:00-21:00"}}}}\n{ALL_AT_ONCE}database: file:{address}\n'
        )
        rows = "".join(f"p{number}@club.example,Pat{number}\n" for number in range(PEOPLE))
        (root / "contacts.csv").write_text("Email,First name\n" + rows)
        self.environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        consent = "implied:2026-09-01:card"
        self.nurture("contacts", "import", "contacts.csv", "--category", "sports_club", "--consent", consent, "--yes")
        with self.house() as house, house.store.write() as connection:
            meta.set_mode(connection, Mode.LIVE, datetime.now(UTC))

    def house(self):
        return open_house(self.root)

    def nurture(self, *words: str) -> str:
        done = self._start(*words)
        out, error = done.communicate(timeout=PATIENCE)
        assert done.returncode == 0, out + error
        return out

    def run(self, count: int) -> subprocess.Popen:
        """`nurture run --workers`; returns when all of them stand in the database."""
        process = self._start("run", "--workers", str(count))
        wait_for(lambda: len(self.workers()) == count)
        return process

    def _start(self, *words: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "nurture", *words],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )

    def workers(self) -> list:
        with self.house() as house, house.store.read() as connection:
            return [row for row in workers.not_ended(connection) if alive(row.process)]

    def count(self, state: str) -> int:
        query = sa.select(sa.func.count()).select_from(delivery).where(delivery.c.state == state)
        with self.house() as house, house.store.read() as connection:
            return connection.execute(query).scalar_one()


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(what) -> None:
    """Wait until ``what`` is true; slow machines get their time."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if what():
            return
        time.sleep(0.1)
    pytest.fail("it did not happen in time")


@pytest.fixture
def clinic(tmp_path: Path, sink: SlowSink, database_url: str) -> Clinic:
    return Clinic(tmp_path / "clinic", sink.port, database_url)


def stop(running: subprocess.Popen) -> tuple[int, str]:
    running.send_signal(signal.SIGTERM)
    out, error = running.communicate(timeout=PATIENCE)
    return running.returncode, out + error


def look(house: House) -> tuple[bool, int, list[str]]:
    with house.store.read() as connection:
        kinds = [str(alert.kind) for alert in alerts.open_alerts(connection)]
        owners = connection.execute(sa.select(sa.func.count(attempt.c.owner.distinct()))).scalar_one()
    return accounts(house.store, mode=Mode.LIVE).balanced, owners, kinds


def test_two_workers_deliver_each_mail_once_and_stop_together(clinic: Clinic, sink: SlowSink) -> None:
    running = clinic.run(2)
    try:
        assert sorted(row.role for row in clinic.workers()) == [WorkerRole.LOOP, WorkerRole.MEMBER]
        shown = clinic._start("status").communicate(timeout=PATIENCE)[0]
        assert shown.count("worker: process") == 1
        assert shown.count("loop: process") == 1
        assert json.loads(clinic.nurture("send", "partner-news", "--yes", "--json"))["by_loop"] is True
        wait_for(lambda: clinic.count("sent") == PEOPLE)
    finally:
        code, said = stop(running)
    assert code == 0, said
    assert "Traceback" not in said
    assert clinic.workers() == []
    assert (len(sink.taken), sink.taken.total()) == (PEOPLE, PEOPLE)
    assert sink.most == 2, "the sender's two connections, one for each"
    with clinic.house() as house:
        assert look(house) == (True, 2, [])


def test_one_that_is_killed_loses_nothing_and_is_started_again(clinic: Clinic, sink: SlowSink) -> None:
    running = clinic.run(2)
    try:
        clinic.nurture("send", "partner-news", "--yes")
        wait_for(lambda: clinic.count("sent") >= 20)
        (member,) = [row for row in clinic.workers() if row.role is WorkerRole.MEMBER]
        os.kill(member.process, signal.SIGKILL)
        lapse(clinic, member.owner)
        wait_for(lambda: clinic.count("sent") + clinic.count("uncertain") == PEOPLE)
        wait_for(lambda: len(clinic.workers()) == 2)
        with clinic.house() as house:
            assert "worker_died" in look(house)[2]
    finally:
        code, said = stop(running)
    assert code == 1, "it says that one died"
    assert "worker 2 of 2 was killed by signal 9; it is started again after 1 s" in said
    assert sink.taken.total() == len(sink.taken), "nobody got two"
    assert clinic.count("uncertain") <= 1, "one line"
    assert len(sink.taken) >= clinic.count("sent")
    with clinic.house() as house:
        assert look(house)[0]


def lapse(clinic: Clinic, owner: str) -> None:
    """On PostgreSQL, as if a minute had passed; on SQLite the lock went with the process."""
    with clinic.house() as house:
        if house.store.dialect == "postgresql":
            minute = sa.bindparam("minute", workers.LEASE, sa.Interval())
            with house.store.write() as connection:
                lapsed = sa.update(worker).values(seen_at=worker.c.seen_at - minute)
                connection.execute(lapsed.where(worker.c.owner == owner))


def test_all_end_when_the_first_is_killed(clinic: Clinic) -> None:
    running = clinic.run(3)
    started = [row.process for row in clinic.workers()]
    assert len(started) == 3
    running.kill()
    running.communicate(timeout=PATIENCE)
    wait_for(lambda: not any(map(alive, started)))


def test_by_hand_while_three_processes_send(clinic: Clinic, sink: SlowSink) -> None:
    sink.unknown, sink.delay = 2, 0.06
    running = clinic.run(3)
    try:
        edition = json.loads(clinic.nurture("send", "partner-news", "--yes", "--json"))["account"]["edition"]
        wait_for(lambda: clinic.count("sent") >= 20)

        clinic.nurture("pause", "partner-news")
        paused = stands_still(sink)
        assert paused < PEOPLE
        clinic.nurture("resume", "partner-news")
        wait_for(lambda: len(sink.taken) > paused + 20)

        wait_for(lambda: clinic.count("failed") == 2)
        clinic.nurture("retry", edition, "--failed", "--yes")
        wait_for(lambda: clinic.count("failed") == 0)

        clinic.nurture("cancel", edition, "--yes")
        taken = stands_still(sink)
        assert clinic.count("queued") == 0
        assert clinic.count("canceled") > 0
    finally:
        code, said = stop(running)
    assert code == 0, said
    assert sink.taken.total() == len(sink.taken) == taken, "nobody got two"
    assert clinic.count("sent") == taken
    assert clinic.count("sent") + clinic.count("canceled") == PEOPLE
    with clinic.house() as house:
        assert look(house)[0]


def stands_still(sink: SlowSink) -> int:
    """How many mails the server has when no more come: one on each of the two connections may be under way."""
    at_once = len(sink.taken)
    time.sleep(1)
    after = len(sink.taken)
    assert after <= at_once + 2
    time.sleep(1)
    assert len(sink.taken) == after
    return after
