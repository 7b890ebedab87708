"""Commands run as users run them, with what they cost."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measurement import peak_mb

ROOT = Path(__file__).parents[1]
NURTURE = (sys.executable, "-m", "nurture")


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU (user and system) and wall time in seconds, peak RSS in MB; of the process and its own children."""

    cpu: float
    wall: float
    peak: float


def run(command: Sequence[str], *, cwd: Path = ROOT, may_fail: bool = False) -> Usage:
    """Run ``command`` to its end without a terminal; raises `SystemExit` with its output if it fails.

    The kernel counts the CPU time, so waiting for neighbours on the machine does
    not count. A peak is never below this process's own size at the start, so who
    asks for peaks keeps small.
    """
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        child = subprocess.Popen(
            command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, "CI": "true"}
        )
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode and not may_fail:
            output.seek(0)
            sys.exit(f"{' '.join(command)} ended with {child.returncode}:\n{output.read().decode(errors='replace')}")
    return Usage(usage.ru_utime + usage.ru_stime, wall, peak_mb(usage.ru_maxrss))
