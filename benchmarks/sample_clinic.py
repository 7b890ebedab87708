"""The sample clinic's commands, as a new user runs them."""

from __future__ import annotations

from benchmarks.measurement import Measurement, median
from benchmarks.processes import NURTURE, run


def measure() -> list[Measurement]:
    """``nurture check`` of the sample clinic, and ``make demo`` on a machine that is set up.

    The real commands in their own processes. The first run of each does not
    count: it fills the file cache, and for the demo it may set up ``.venv``. The
    demo ends with exit code 0 only if its accounts balance, so a wrong one has no
    figure. Its bar is a wall time; the CPU time beside it does not depend on the
    neighbours.
    """
    check, demo = (*NURTURE, "check"), ("make", "demo")
    run(check)
    run(demo)
    checks = [run(check) for _ in range(5)]
    demos = [run(demo) for _ in range(3)]
    return [
        median("nurture check", [usage.cpu for usage in checks], "s CPU"),
        median("make demo, second run", [usage.wall for usage in demos], "s wall", bar=5),
        median("make demo, second run, CPU", [usage.cpu for usage in demos], "s CPU"),
        median("make demo, peak memory", [usage.peak for usage in demos], "MB RSS"),
    ]
