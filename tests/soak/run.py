"""``make soak``: the full matrices. Prints a table; full sizes are also written to docs/reliability.md.

Three parts: ``kills`` (a worker is killed at a chosen phase, many trials of each
phase), ``faults`` (a database that is locked, a server that throttles) and
``random`` (many mails, every fault at random, kills at random times).
Each runs on each database. Exit code 1 if a promise was broken, 2 if it could not run.
"""

import argparse
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.servers import databases
from tests.soak import report
from tests.soak.chosen import CHOSEN
from tests.soak.faults import soak
from tests.soak.phases import PHASES, kill_at
from tests.soak.report import Row
from tests.soak.trial import Result, Trial

PARTS = ["kills", "faults", "random"]
RECIPIENTS, TIMES, FAULT_MAILS, MAILS = 1000, 20, 1450, 50_000
MAILS_PER_KILL = 600  # in the random part
RANDOM = "everything at random"
BY_NAME = {phase.name: phase for phase in PHASES}
KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass(frozen=True)
class Task:
    """One trial, made in a process of its own. ``template`` is the database that it copies."""

    name: str  # of a phase or a fault
    kind: str
    number: int
    mails: int
    seed: str
    template: str


def main() -> None:
    """Parse the command line and do it."""
    chosen = _parse()
    print(f"seed {chosen.seed}", flush=True)
    sizes = (chosen.recipients, chosen.times, chosen.fault_mails, chosen.mails)
    full = sizes == (RECIPIENTS, TIMES, FAULT_MAILS, MAILS)
    began = time.monotonic()
    with ExitStack() as stack:
        # what a live worker remembers of its database is none of this user's; processes inherit it
        os.environ["NURTURE_STATE_DIR"] = stack.enter_context(TemporaryDirectory())
        templates = {kind: stack.enter_context(_template(kind)) for kind in chosen.databases}
        context = get_context("spawn")
        pool = stack.enter_context(ProcessPoolExecutor(chosen.parallel, mp_context=context))
        rows = []
        for kind in chosen.databases:
            for tasks in _tasks(chosen, kind, templates[kind]):
                row = Row.of(tasks[0].name, KINDS[kind], chosen.seed, pool.map(run, tasks))
                print(row.line, *row.problems, sep="\n    ", flush=True)
                rows.append(row)
    broken = any(row.problems for row in rows)
    minutes = (time.monotonic() - began) / 60
    print(f"{sum(row.mails for row in rows):,} mails, {sum(row.kills for row in rows):,} kills, {minutes:.1f} minutes")
    if full and not broken:
        report.write(rows)
        print(f"Written to {report.DOCUMENT.relative_to(report.ROOT)}")
    sys.exit(broken)


def run(task: Task) -> Result:
    """One trial. The same seed makes the same choices; what the two sides do at the same time is not in its hand."""
    random = Random(f"{task.seed} {task.kind} {task.name} {task.number}")
    with TemporaryDirectory(prefix="nurture-soak-") as folder, _copy(task, Path(folder)) as address:
        root = Path(folder) / "clinic"
        if task.name == RANDOM:
            trial = Trial(address, root, task.mails, at_once=2)
            return soak(trial, random=random, kills=max(1, task.mails // MAILS_PER_KILL))[0]
        trial = Trial(address, root, task.mails)
        if task.name in CHOSEN:
            return CHOSEN[task.name](trial, random)
        return kill_at(trial, BY_NAME[task.name], random=random, kills=random.randint(1, 3))


def _tasks(chosen: argparse.Namespace, kind: str, template: str) -> Iterator[list[Task]]:
    def tasks(name: str, mails: int, times: int = 1) -> list[Task]:
        return [Task(name, kind, number, mails, chosen.seed, template) for number in range(times)]

    if "kills" in chosen.only:
        for name in BY_NAME:
            if chosen.phase in (None, name):
                yield tasks(name, chosen.recipients, chosen.times)
    if "faults" in chosen.only:
        for name in CHOSEN:
            yield tasks(name, chosen.fault_mails)
    if "random" in chosen.only:
        yield tasks(RANDOM, chosen.mails)


@contextmanager
def _template(kind: str) -> Iterator[str]:
    if kind == "sqlite":
        with TemporaryDirectory(prefix="nurture-soak-") as folder:
            yield str(databases.make_sqlite_template(Path(folder)))
    else:
        with databases.postgresql_template(databases.server_address()) as address:
            yield address


@contextmanager
def _copy(task: Task, folder: Path) -> Iterator[str]:
    if task.kind == "sqlite":
        yield databases.copy_sqlite(Path(task.template), folder / "database")
    else:
        with databases.postgresql_copy(task.template) as address:
            yield address


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description="Kill workers and break servers; count every mail.")
    number = _at_least_one(parser)
    parser.add_argument("--only", choices=PARTS, action="append", help="one part (default: all)")
    parser.add_argument("--database", choices=list(KINDS), action="append", dest="databases", help="default: both")
    parser.add_argument("--phase", choices=list(BY_NAME), metavar="NAME", help="one phase of kills")
    parser.add_argument("--recipients", type=number, default=RECIPIENTS, help="mails in a trial of kills")
    parser.add_argument("--times", type=number, default=TIMES, help="trials of each phase")
    parser.add_argument("--fault-mails", type=number, default=FAULT_MAILS, help="mails in a trial of faults")
    parser.add_argument("--mails", type=number, default=MAILS, help="mails in the random part")
    parser.add_argument("--parallel", type=number, default=2, help="trials at once")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="to make the same choices again")
    chosen = parser.parse_args()
    chosen.only = chosen.only or PARTS
    chosen.databases = chosen.databases or list(KINDS)
    if "postgresql" in chosen.databases and not databases.server_address():
        parser.error(
            "NURTURE_TEST_DATABASE_URL is not set: `tests/servers/postgres.sh start DIR` starts a PostgreSQL server "
            "and prints its address; `--database sqlite` does without"
        )
    return chosen


def _at_least_one(parser: argparse.ArgumentParser) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < 1:
            parser.error(f"{text} is no number from 1 on")
        return int(text)

    return number


if __name__ == "__main__":
    main()
