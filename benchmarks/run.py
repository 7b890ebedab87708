"""``make bench``: measure, print a table, write build/bench.json; with ``--document`` also docs/performance.md.

Every group of measurements runs in a process of its own, so that neither its
peak memory nor its caches belong to another. Exit code 1 if a bar is not kept,
2 if something could not be measured.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks.processes import ROOT

GROUPS = (
    "startup",
    "composing",
    "signing",
    "sending",
    "wire",
    "planning",
    "log_pages",
    "importing",
    "segments",
    "reading",
    "visits",
    "sample_clinic",
)
RESULT = ROOT / "build" / "bench.json"
DOCUMENT = ROOT / "docs" / "performance.md"
_BEGIN, _END = "<!-- figures -->", "<!-- end of figures -->"


def main() -> None:
    """Parse the command line and do it."""
    parser = argparse.ArgumentParser(description="Measure nurture; writes build/bench.json.")
    parser.add_argument("groups", nargs="*", metavar="NAME", help=f"some of: {', '.join(GROUPS)} (default: all)")
    parser.add_argument("--document", action="store_true", help="put the figures into docs/performance.md")
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
        with tempfile.TemporaryDirectory() as state:
            # what a live worker remembers of its database is none of this user's
            environment = {**os.environ, "NURTURE_STATE_DIR": state}
            done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=False)
        if done.returncode:
            print(f"the benchmark {group} failed, so nothing was written", file=sys.stderr)
            sys.exit(2)
        results |= json.loads(done.stdout)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print_table(results)
    machine = (
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; the same loop of Python took "
        f"{min(loops):.0f} to {max(loops):.0f} ms CPU between the groups."
    )
    print(f"{machine} Written to {RESULT.relative_to(ROOT)}")
    if chosen.document:
        write_document(results, machine)
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


def write_document(results: dict[str, dict[str, Any]], machine: str) -> None:
    """The figures as the table in docs/performance.md; the words around it stay."""
    rows = ["| what | figure | bar | |", "|---|---:|---:|---|"]
    rows += [f"| {name} | {' | '.join(cells)} |" for name, *cells in map(_cells, results.items())]
    version, day = f"{sys.implementation.name} {platform.python_version()}", time.strftime("%Y-%m-%d")
    table = "\n".join([*rows, "", f"Measured on {day} with {version}: {machine}"])
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(_BEGIN)
    after = rest.partition(_END)[2]
    DOCUMENT.write_text(f"{before}{_BEGIN}\n\n{table}\n\n{_END}{after}", encoding="utf-8")


def _cells(named: tuple[str, dict[str, Any]]) -> tuple[str, str, str, str]:
    name, result = named
    bar = "" if result["bar"] is None else f"{'≥' if result['at_least'] else '≤'} {result['bar']:g}"
    verdict = {None: "", True: "ok", False: "MISSED"}[result["ok"]]
    return name, f"{result['value']:,g} {result['unit']}", bar, verdict


def print_table(results: dict[str, dict[str, Any]]) -> None:
    """The figures for people."""
    width = max(map(len, results))
    for name, value, bar, verdict in map(_cells, results.items()):
        print(f"{name:<{width}}  {value:>18} {bar:>7}  {verdict}".rstrip())


if __name__ == "__main__":
    main()
