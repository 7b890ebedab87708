"""An edition for 100,000 people is planned."""

from __future__ import annotations

import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.crowd import fill
from benchmarks.measurement import Measurement, median, peak_mb, significant
from benchmarks.processes import ROOT
from nurture.clock import DrivenClock
from nurture.planning.editions import plan_now
from nurture.service.house import open_house
from nurture.store import editions
from nurture.vocabulary import Mode

PEOPLE = 100_000
_AT = datetime(2026, 12, 1, 17, 30, tzinfo=UTC)


def measure() -> list[Measurement]:
    """``nurture send partner-news`` with the sample clinic's files: CPU time for each person who is meant.

    The whole plan, with its commits: people streamed, every gate asked (household,
    suppression, consent, cap, give before ask, unseen news), the template compiled
    once, one delivery row and three news rows written for each. Each run starts
    from the same fresh database, and its rows are counted. ``cache`` and disk
    waits are no CPU time, so neighbours disturb little.
    """
    runs: list[float] = []
    with tempfile.TemporaryDirectory(prefix="nurture-bench-") as folder:
        template = Path(folder) / "template"
        for name in ("nurture.yaml", "campaigns", "segments", "imports", "news", "templates", "data/sample"):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            (template / name).parent.mkdir(parents=True, exist_ok=True)
            copy(ROOT / name, template / name)
        fill(template, PEOPLE).close()
        for number in range(3):
            clinic = Path(folder) / f"clinic{number}"
            shutil.copytree(template, clinic)
            runs.append(_plan(clinic))
            shutil.rmtree(clinic)
    return [
        median(f"planning, each of {PEOPLE:,} contacts", runs, "µs CPU"),
        Measurement("planning, peak memory", significant(peak_mb()), "MB RSS"),
    ]


def _plan(clinic: Path) -> float:
    with open_house(clinic, clock=DrivenClock(_AT)) as house:
        began = time.process_time()
        made = plan_now(house.store, house.workspace, "partner-news", now=_AT, snapshot=house.snapshot)
        cpu = time.process_time() - began
        with house.store.read() as connection:
            edition = editions.find(connection, made, mode=Mode.SANDBOX)
    expected = sum(i * 7919 % 100 < 80 for i in range(1, PEOPLE + 1))
    if edition is None or edition.planned != expected:
        raise AssertionError(f"{edition} is not planned for {expected} people")
    return cpu / expected * 1e6
