"""``nurture db confirm-restored``: a restored copy of the database becomes the one to go on with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nurture.delivery import guard
from nurture.planning.due import Decision
from nurture.planning.outlook import look
from nurture.service.house import House


@dataclass(frozen=True, slots=True)
class Restored:
    """A confirmed database. ``lost_until`` (UTC): what was due until then may have been sent by the original.

    ``held`` mails wait for a yes, ``not_made`` editions are not planned any
    more. Without a lost time both are empty.
    """

    lost_from: datetime
    lost_until: datetime | None
    held: int
    not_made: tuple[str, ...]


def confirm_restored(house: House, *, nothing_lost: bool) -> Restored | None:
    """Confirm the clinic's database; None if nothing speaks against it. Raises `StoreError`."""
    now = house.clock.now()
    with house.store.read() as connection:
        due = look(connection, house.workspace, now=now).due()
    confirmed = guard.confirm(house.store, nothing_lost=nothing_lost, now=now)
    if confirmed is None:
        return None
    until = confirmed.lost_until
    not_made = [
        f"{campaign}@{each.key}"
        for campaign, each in due
        if until is not None and each.occurrence.at <= until and each.decision is not Decision.MISS
    ]
    return Restored(confirmed.finding.known_until, until, confirmed.held, tuple(not_made))
