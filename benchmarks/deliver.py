"""One process that delivers a clinic's queue, as `nurture run` does, and prints what that cost.

``python -m benchmarks.deliver FOLDER [LIMIT]``; the answer is JSON on one line.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from benchmarks.measurement import peak_mb
from benchmarks.outbox import AT
from nurture.clock import DrivenClock
from nurture.delivery.event_loop import run_async
from nurture.delivery.worker import DeliverySummary, Worker
from nurture.service.house import open_house


def main() -> None:
    """Deliver and say so; ``cpu`` and ``wall`` are in seconds, from an open house to an empty queue."""
    limit = int(sys.argv[2]) if len(sys.argv) > 2 else None
    with open_house(Path(sys.argv[1]), clock=DrivenClock(AT)) as house:
        worker = Worker(house.store, lambda: house.workspace, house.clock, sandbox=None)

        async def deliver() -> DeliverySummary:
            try:
                return await worker.deliver_due(limit=limit)
            finally:
                await worker.close()

        began, usage = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        summary = run_async(deliver())
        wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime
    if summary.failed or summary.skipped or summary.uncertain or summary.retried or summary.stopped:
        raise AssertionError(f"not everything was sent: {summary}")
    figures = {"sent": summary.sent, "cpu": cpu, "wall": wall, "began": began, "ended": began + wall}
    print(json.dumps({**figures, "peak": peak_mb()}))


if __name__ == "__main__":
    main()
