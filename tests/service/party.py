"""One process among several: `python party.py plan|deliver FOLDER START_FILE`, at the broadcast's time."""

import asyncio
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from nurture.clock import DrivenClock
from nurture.service.delivering import open_worker
from nurture.service.house import open_house
from nurture.service.running import jobs
from nurture.store.editions import list_editions
from nurture.vocabulary import EditionState

NOW = datetime(2026, 12, 1, 18, 0, 30, tzinfo=UTC)
GIVE_UP = 120.0


def main() -> None:
    role, folder, start = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    with open_house(folder, clock=DrivenClock(NOW)) as house:
        while not start.exists():
            time.sleep(0.01)
        if role == "plan":
            for _ in range(3):
                jobs.plan(house)
        else:
            asyncio.run(deliver(house))


async def deliver(house) -> None:
    end = time.monotonic() + GIVE_UP
    async with open_worker(house) as worker:
        while time.monotonic() < end:
            await worker.deliver_due()
            with house.store.read() as connection:
                editions = list_editions(connection, mode=house.mode())
            if editions and all(row.state is EditionState.FINISHED for row in editions):
                return
            await asyncio.sleep(0.05)
    raise SystemExit("the edition was not finished in time")


if __name__ == "__main__":
    main()
