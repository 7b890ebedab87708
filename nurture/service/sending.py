"""``nurture send``: an edition now, delivered by the running loop or else right here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nurture.delivery.event_loop import run_async
from nurture.delivery.guard import refuse_copy
from nurture.delivery.ownership import living
from nurture.delivery.worker import DeliverySummary
from nurture.planning.editions import plan_now
from nurture.reports.accounts import EditionAccount, accounts
from nurture.reports.pacing import Slowed, slowed
from nurture.service.delivering import open_worker
from nurture.service.house import House
from nurture.store import deliveries, editions, workers
from nurture.store.senders import StoppedSender
from nurture.vocabulary import WorkerRole


@dataclass(frozen=True, slots=True)
class Sent:
    """An edition made by hand, and where its mails are now.

    ``by_loop``: a running loop delivers it. ``stopped``: the senders whose server could not be used.
    ``slowed``: the senders and providers whose mail waits for a limit. ``held``: why nothing of it leaves.
    ``opens_at``: when the first of them may leave, if none may now.
    """

    account: EditionAccount
    by_loop: bool
    stopped: tuple[StoppedSender, ...] = ()
    slowed: tuple[Slowed, ...] = ()
    held: str | None = None
    opens_at: datetime | None = None


def send_now(house: House, campaign: str) -> Sent:
    """Make an edition of ``campaign`` and see it off.

    Raises what `plan_now` raises, `SandboxError`, `CopyError` and `StoreError`.
    """
    refuse_copy(house.store, house.workspace.settings.zone)  # else the edition would wait in an older copy
    edition = plan_now(house.store, house.workspace, campaign, now=house.clock.now(), snapshot=house.snapshot)
    by_loop = _loop_is_alive(house)
    stopped = () if by_loop else run_async(_deliver(house)).stopped
    found = accounts(house.store, mode=house.mode(), edition=str(edition))
    now = house.clock.now()
    with house.store.read() as connection:
        slow = slowed(connection, house.workspace.settings, mode=found.mode, now=now)
        row = editions.find(connection, edition, mode=found.mode)
        opens_at = deliveries.opens_at(connection, row.id) if row else None
    return Sent(
        found.editions[0],
        by_loop,
        stopped,
        slowed=tuple(each for each in slow if each.waiting),
        held=row.held_because if row else None,
        opens_at=opens_at if opens_at is not None and opens_at > now else None,
    )


async def _deliver(house: House) -> DeliverySummary:
    async with open_worker(house) as worker:
        return await worker.deliver_due()


def _loop_is_alive(house: House) -> bool:
    with house.store.read() as connection:
        running = [row.owner for row in workers.not_ended(connection) if row.role is WorkerRole.LOOP]
        return bool(living(connection, house.store, running))
