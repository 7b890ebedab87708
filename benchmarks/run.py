"""``make bench``: measure, print a table, write build/bench.json.

Every group of measurements runs in a process of its own, so that neither its
peak memory nor its caches belong to another. Exit code 1 if a bar is not kept,
2 if something could not be measured.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from typing import Any

from benchmarks.processes import ROOT

GROUPS = ("startup", "composing", "planning", "importing", "segments", "sample_clinic")
RESULT = ROOT / "build" / "bench.json"


def main() -> None:
    """Parse the command line and do it."""
    parser = argparse.ArgumentParser(description="Measure nurture; writes build/bench.json.")
    parser.add_argument("groups", nargs="*", metavar="NAME", help=f"some of: {', '.join(GROUPS)} (default: all)")
    parser.add_argument("--one", choices=GROUPS, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        measure_one(chosen.one)
        return
    if unknown := sorted(set(chosen.groups) - set(GROUPS)):
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    results: dict[str, Any] = {}
    loops: list[float] = []
    for group in chosen.groups or GROUPS:
        loops += (reference_loop() for _ in range(3))
        print(f"{group} ...", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "benchmarks.run", "--one", group]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
        if done.returncode:
            print(f"the benchmark {group} failed, so nothing was written", file=sys.stderr)
            sys.exit(2)
        results |= json.loads(done.stdout)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print_table(results)
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; the same loop of Python took "
        f"{min(loops):.0f} to {max(loops):.0f} ms CPU between the groups. Written to {RESULT.relative_to(ROOT)}"
    )
    sys.exit(any(result["ok"] is False for result in results.values()))


def measure_one(group: str) -> None:
    """Run one group in this process; its figures go to standard output as JSON."""
    output, sys.stdout = sys.stdout, sys.stderr  # nothing else may get between
    found = importlib.import_module(f"benchmarks.{group}").measure()
    command = f"python -m benchmarks.run {group}"
    json.dump({measured.name: measured.to_json(command) for measured in found}, output)


def reference_loop() -> float:
    """CPU time of a fixed piece of Python in ms: how far apart its values are tells how much neighbours disturb.

    They do not only take time, but slow down the core and its caches that we share.
    """
    began = time.process_time()
    texts: dict[str, int] = {}
    for number in range(200_000):
        texts[str(number % 1000)] = number
        f"{number},{number + 1}".split(",")
    return (time.process_time() - began) * 1000


def print_table(results: dict[str, dict[str, Any]]) -> None:
    """The figures for people."""
    width = max(map(len, results))
    for name, result in results.items():
        bar = "" if result["bar"] is None else f"{'≥' if result['at_least'] else '≤'} {result['bar']:g}"
        verdict = {None: "", True: "ok", False: "MISSED"}[result["ok"]]
        print(f"{name:<{width}}  {result['value']:>9,g} {result['unit']:<7} {bar:>7}  {verdict}".rstrip())


if __name__ == "__main__":
    main()
