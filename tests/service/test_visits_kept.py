"""Opens that `nurture run` answered: all are in the log after SIGTERM, all but the last moment's after SIGKILL."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from nurture.clock import DrivenClock
from nurture.composing.link_keys import read_link_keys
from nurture.composing.link_tokens import make_token
from nurture.service.house import House, open_house
from nurture.service.link_keys import link_keys
from nurture.service.running import jobs
from nurture.store.schema import delivery, event
from nurture.vocabulary import EventKind, LinkPurpose
from tests.servers.ready import free_port, wait_until
from tests.service.conftest import BEFORE, DUE, PEOPLE

PATIENCE = 90.0
LAST_MOMENT = 1.0  # seconds; the benchmark `visits` holds it to 50 ms
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"


class Mailed:
    """A clinic whose mails were sent, and its pages in a process of their own."""

    def __init__(self, root: Path, port: int) -> None:
        self.root, self.port = root, port
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nurture", "run"],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": os.getcwd(), "PYTHONUNBUFFERED": "1"},
        )
        with open_house(root) as house, house.store.read() as connection:
            mails = connection.execute(sa.select(delivery.c.id, delivery.c.recipient_key)).all()
            key = read_link_keys(house.data).newest
        self.pixels = [f"/o/{make_token(key, LinkPurpose.OPEN, mail.id, mail.recipient_key)}.gif" for mail in mails]
        assert len(self.pixels) == PEOPLE
        wait_until(lambda: self.open("/o/none.gif"), "the pages are not served", seconds=PATIENCE)

    def open(self, path: str) -> bool:
        """Whether the picture came."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers={"User-Agent": AGENT})
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        said = self.process.communicate(timeout=PATIENCE)[0]
        assert "Traceback" not in said
        return self.process.returncode

    def noted(self) -> int:
        with open_house(self.root) as house, house.store.read() as connection:
            query = sa.select(sa.func.count()).select_from(event).where(event.c.kind == EventKind.OPENED)
            return connection.scalar(query) or 0


@pytest.fixture
def mailed(workspace: Path) -> Iterator[Mailed]:
    port = free_port()
    settings = workspace / "nurture.yaml"
    settings.write_text(f"public_url: https://mail.riverbend.example\nweb: {{port: {port}}}\n{settings.read_text()}")
    clock = DrivenClock(BEFORE)
    with open_house(workspace, clock=clock) as house:
        link_keys(house.store, house.data, now=clock.now())
        jobs.plan(house)
        clock.move_to(DUE)
        jobs.plan(house)
        _mark_sent(house)
    made = Mailed(workspace, port)
    yield made
    made.process.kill()
    made.process.communicate()


def _mark_sent(house: House) -> None:
    with house.store.write() as connection:
        connection.execute(sa.update(delivery).values(state="sent", settled_at=DUE))


def test_nothing_is_lost_at_sigterm(mailed: Mailed) -> None:
    assert all(mailed.open(path) for path in mailed.pixels)
    assert mailed.end(signal.SIGTERM) == 0
    assert mailed.noted() == PEOPLE


def test_at_sigkill_only_the_last_moment_is_lost(mailed: Mailed) -> None:
    answered = []
    for path in mailed.pixels:
        assert mailed.open(path)
        answered.append(time.monotonic())
        time.sleep(0.02)
    killed = time.monotonic()
    assert mailed.end(signal.SIGKILL) == -signal.SIGKILL
    before = sum(at < killed - LAST_MOMENT for at in answered)
    assert before > PEOPLE // 4
    assert before <= mailed.noted() <= PEOPLE
