"""An edition for a million people is planned, while a worker writes its marks into the same database."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.crowd import fill
from benchmarks.measurement import Measurement, peak_mb, significant
from benchmarks.processes import ROOT
from nurture.clock import DrivenClock
from nurture.planning.editions import plan_now
from nurture.service.house import open_house
from nurture.store import Store, deliveries, editions, groups
from nurture.store.attempts import Attempt, ClaimedDelivery
from nurture.store.groups import Beginning, Marking
from nurture.vocabulary import Mode

PEOPLE = 1_250_000  # four of five are meant
PLANNED = 1_000_000
_MARKS = 50_000
_AT = datetime(2026, 12, 1, 17, 30, tzinfo=UTC)
_OWNER = "bench"
_STATEMENTS = (
    """INSERT INTO edition (id, mode, campaign, occurrence, kind, topic, sender, state, planned, due_at, expires_at,
      campaign_digest, created_at, ready_at)
    VALUES (1, 'sandbox', 'check-in', '1', 'broadcast', 'recovery', 'riverbend', 'ready', {marks}, {at}, {later}, '',
      {at}, {at})""",
    """INSERT INTO delivery (mode, edition_id, campaign, contact_id, recipient_key, addressee, address, domain, variant,
      state, consent_mask, not_before, not_after, next_attempt_at, created_at)
    SELECT 'sandbox', 1, 'check-in', id, address_hash, id, address, domain, 'past_patient', 'queued', 0, {at}, {later},
      {at}, {at}
    FROM contact WHERE organization_id IS NULL LIMIT {marks}""",
)


def measure() -> list[Measurement]:
    """``nurture send partner-news`` in a process of its own, with the sample clinic's files.

    The whole plan, with its commits: every gate asked (household, suppression,
    consent, cap, give before ask, unseen news), the template compiled once, a
    million rows written and counted. Meanwhile this process marks mails of
    another edition one by one, each in a transaction of its own, as a worker does.
    CPU time is the planner's alone, user and system.
    """
    with tempfile.TemporaryDirectory(prefix="nurture-bench-") as folder:
        clinic = Path(folder)
        for name in ("nurture.yaml", "campaigns", "segments", "imports", "news", "templates", "data/sample"):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            (clinic / name).parent.mkdir(parents=True, exist_ok=True)
            copy(ROOT / name, clinic / name)
        store = fill(clinic, PEOPLE)
        with store.write() as connection:
            for statement in _STATEMENTS:
                times = {"at": f"'{_AT:%Y-%m-%d %H:%M:%S.%f}'", "later": "'2026-12-09 00:00:00.000000'"}
                connection.exec_driver_sql(statement.format(marks=_MARKS, **times))
        command = [sys.executable, "-m", "benchmarks.planning", folder]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as planner:
            marks = list(_mark_while(store, planner))
            output, _ = planner.communicate()
        store.close()
    if planner.returncode:
        raise AssertionError("the planner failed")
    found = json.loads(output)
    return [
        Measurement("plan_million_cpu_s", significant(found["cpu"]), "s CPU", bar=40),
        Measurement("plan_million_mark_p99_ms", significant(statistics.quantiles(marks, n=100)[-1]), "ms", bar=250),
        Measurement("plan_million_mark_p50_ms", significant(statistics.median(marks)), "ms"),
        Measurement("plan_million_peak_mb", significant(found["peak"]), "MB RSS", bar=100),
        Measurement("plan_million_wall_s", significant(found["wall"]), "s"),
    ]


def _mark_while(store: Store, planner: subprocess.Popen[str]) -> Iterator[float]:
    """Mark mails until the planner is done; the wall time of each mark in ms, its COMMIT and all waiting included."""
    while planner.poll() is None:
        for marking in _claimed(store):
            began = time.perf_counter()
            with store.write() as connection:
                groups.mark(connection, [marking], frozenset(), owner=_OWNER, now=_AT, today=_AT.date())
            yield (time.perf_counter() - began) * 1000
            if planner.poll() is not None:
                return
            time.sleep(0.01)


def _claimed(store: Store) -> list[Marking]:
    with store.write() as connection:
        claimed = deliveries.claim(connection, mode=Mode.SANDBOX, sender="riverbend", owner=_OWNER, now=_AT, limit=500)
        wanted = [Beginning(each, "127.0.0.1:25", f"<{each.id}@bench.example>", _AT) for each in claimed]
        begun = groups.begin(connection, wanted, frozenset(), owner=_OWNER, now=_AT, today=_AT.date())
    return [_marking(each, begun[each.id]) for each in claimed]


def _marking(claimed: ClaimedDelivery, begun: object) -> Marking:
    if not isinstance(begun, Attempt):
        raise AssertionError(f"delivery {claimed.id} was refused: {begun}")
    return Marking(claimed, begun, {"contact": {"greeting": "Maria"}})


def _plan(clinic: Path) -> None:
    """The planner's process: prints what it took as JSON."""
    with open_house(clinic, clock=DrivenClock(_AT)) as house:
        began, began_cpu = time.perf_counter(), time.process_time()
        made = plan_now(house.store, house.workspace, "partner-news", now=_AT, snapshot=house.snapshot)
        cpu, wall = time.process_time() - began_cpu, time.perf_counter() - began
        with house.store.read() as connection:
            edition = editions.find(connection, made, mode=Mode.SANDBOX)
    if edition is None or edition.planned != PLANNED:
        raise AssertionError(f"{edition} is not planned for {PLANNED} people")
    print(json.dumps({"cpu": cpu, "wall": wall, "peak": peak_mb()}))


if __name__ == "__main__":
    _plan(Path(sys.argv[1]))
