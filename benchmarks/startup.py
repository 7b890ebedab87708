"""How fast the command line is there."""

from __future__ import annotations

from benchmarks.measurement import Measurement, median
from benchmarks.processes import NURTURE, run


def measure() -> list[Measurement]:
    """CPU time of ``nurture --help``: what every command pays before it does anything.

    Trusted because the kernel counts the whole process, from a warm file cache
    (the first run does not count), and because a bare interpreter is measured
    beside it: what is above that is ours.
    """
    commands = {"help": (*NURTURE, "--help"), "python": (NURTURE[0], "-c", "pass")}
    for command in commands.values():
        run(command)
    cpu: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(9):
        for name, command in commands.items():  # in turns, so that both see the same neighbours
            cpu[name].append(run(command).cpu * 1000)
    return [
        median("nurture --help", cpu["help"], "ms CPU", bar=300),
        median("bare python", cpu["python"], "ms CPU"),
    ]
