"""Single faults at full size: a database that is locked for half a minute, a server that throttles."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

import sqlalchemy as sa

from tests.soak.sink import FRIENDLY, Act, Stage
from tests.soak.trial import Result, Trial

LOCKED = 30.0  # seconds
THROTTLED_AFTER = 290  # mails in one round


def database_locked(trial: Trial, random: Random) -> Result:
    """Somebody holds the lock for half a minute, from the moment on when a body was read and not answered."""
    nth = random.randint(1, max(1, trial.mails // 2))
    bodies = 0
    released: list[threading.Thread] = []

    def lock_once(stage: Stage) -> Act:
        nonlocal bodies
        bodies += stage is Stage.BODY
        return Act(before=lock) if stage is Stage.BODY and bodies == nth else FRIENDLY

    def lock() -> None:
        taken = threading.Event()
        released.append(threading.Thread(target=_hold, args=(trial, taken)))
        released[0].start()
        taken.wait(30)

    with trial.begun(lock_once):
        began = time.monotonic()
        trial.until_nothing_waits(patient=True)
        for thread in released:
            thread.join()
        if time.monotonic() - began < LOCKED:
            trial.problems.append("the lock did not last, so nothing was proven")
        return trial.result()


def server_throttles(trial: Trial, random: Random) -> Result:
    """It takes so many mails in one round, then says 454 or 421 until the next."""
    seen, left = 0, 0

    def throttle(stage: Stage) -> Act:
        nonlocal seen, left
        if stage is not Stage.MAIL:
            return FRIENDLY
        if trial.rounds != seen:
            seen, left = trial.rounds, THROTTLED_AFTER
        left -= 1
        if left >= 0:
            return FRIENDLY
        return random.choice([Act("454 4.7.0 too much, slow down"), Act("421 4.7.0 too fast", cut=True)])

    with trial.begun(throttle):
        trial.until_nothing_waits()
        if trial.rounds < trial.mails // THROTTLED_AFTER:
            trial.problems.append("the server never throttled, so nothing was proven")
        return trial.result()


def _hold(trial: Trial, taken: threading.Event) -> None:
    with _locked(trial):
        taken.set()
        time.sleep(LOCKED)


@contextmanager
def _locked(trial: Trial) -> Iterator[None]:
    if trial.store.path is not None:
        connection = sqlite3.connect(trial.store.path, isolation_level=None, timeout=30)
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
        connection.close()
    else:
        engine = sa.create_engine(trial.database_url, poolclass=sa.NullPool)
        with engine.begin() as locking:
            locking.exec_driver_sql("LOCK TABLE delivery IN ACCESS EXCLUSIVE MODE")
            yield


CHOSEN: dict[str, Callable[[Trial, Random], Result]] = {
    f"database locked for {LOCKED:g} s": database_locked,
    "server throttles": server_throttles,
}
