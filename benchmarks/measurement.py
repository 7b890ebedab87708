"""One measured figure, and where it has to be."""

from __future__ import annotations

import resource
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Measurement:
    """``value`` is the median of ``runs`` where there were several.

    ``bar`` is the limit of the issue that asked for it, None where no limit was
    set; ``at_least`` says that more is better.
    """

    name: str
    value: float
    unit: str
    bar: float | None = None
    at_least: bool = False
    runs: tuple[float, ...] = ()

    @property
    def ok(self) -> bool | None:
        """Whether it keeps its bar; None without one."""
        if self.bar is None:
            return None
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    def to_json(self, command: str) -> dict[str, Any]:
        """As it stands in build/bench.json; ``command`` measures it again."""
        return {
            "value": self.value,
            "unit": self.unit,
            "bar": self.bar,
            "at_least": self.at_least,
            "ok": self.ok,
            "runs": list(self.runs),
            "command": command,
        }


def median(
    name: str, runs: Sequence[float], unit: str, *, bar: float | None = None, at_least: bool = False
) -> Measurement:
    """The median of several runs; it forgets the run that a neighbour disturbed."""
    kept = tuple(significant(run) for run in runs)
    return Measurement(name, statistics.median(kept), unit, bar, at_least, kept)


def significant(value: float) -> float:
    """Three digits: no measurement here is better than that."""
    return float(f"{value:.3g}")


def peak_mb(kilobytes: int | None = None) -> float:
    """A peak RSS in MB (10^6 bytes): of this process, or ``ru_maxrss`` of another one."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if kilobytes is None else kilobytes
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6  # bytes on macOS, else kB
