"""One process that delivers a clinic's queue, as `nurture run` does, and prints what that cost.

``python -m benchmarks.deliver FOLDER [--limit MAILS] [--plan] [--beside]``; the answer is JSON on one line.
With ``--plan`` it plans the edition before: that counts for ``peak`` only. ``--beside`` says that another process
delivers from the same queue: what this one leaves is then not its fault, and who started both counts together.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

from benchmarks.measurement import peak_mb
from benchmarks.outbox import AT, plan_edition
from nurture.clock import DrivenClock
from nurture.delivery.event_loop import run_async
from nurture.delivery.worker import DeliverySummary, Worker
from nurture.service.house import open_house
from nurture.store.accounts import state_counts
from nurture.vocabulary import WAITING_STATES, Mode


def main() -> None:
    """Deliver and say so; ``cpu`` and ``wall`` are in seconds, from an open house to an empty queue."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--plan", action="store_true")
    parser.add_argument("--beside", action="store_true")
    orders = parser.parse_args()
    if orders.plan:
        plan_edition(orders.folder)
    with open_house(orders.folder, clock=DrivenClock(AT)) as house:
        worker = Worker(house.store, lambda: house.workspace, house.clock, sandbox=None)

        async def deliver() -> DeliverySummary:
            try:
                return await worker.deliver_due(limit=orders.limit)
            finally:
                await worker.close()

        began, usage = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        summary = run_async(deliver())
        wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
        with house.store.read() as connection:
            waiting = sum(state_counts(connection, mode=Mode.LIVE, states=WAITING_STATES).values())
    cpu = after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime
    left = waiting and not orders.limit and not orders.beside
    if left or summary.failed or summary.skipped or summary.uncertain or summary.retried or summary.stopped:
        raise AssertionError(f"not everything was sent: {waiting} wait, {summary}")
    figures = {"sent": summary.sent, "cpu": cpu, "wall": wall, "began": began, "ended": began + wall}
    print(json.dumps({**figures, "peak": peak_mb()}))


if __name__ == "__main__":
    main()
