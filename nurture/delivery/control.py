"""What people do by hand: pause, resume, cancel, retry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nurture.errors import InputError
from nurture.store import Connection, Store, alerts, asking, brakes, campaigns, deliveries, editions, senders
from nurture.store.brakes import FirstMails
from nurture.vocabulary import WAITS_FOR_APPROVAL, AlertKind, EditionReason


def cancel_edition(store: Store, edition_id: int, *, now: datetime) -> int:
    """Cancel an edition and all of it that waits; how many deliveries.

    A mail that a worker has in hand is refused at its mark; one whose body is
    out already cannot be called back. Raises `InputError` if the edition is over.
    """
    with store.write() as connection:
        if not editions.mark_canceled(connection, edition_id, EditionReason.BY_HAND, now=now):
            row = editions.get(connection, edition_id)
            raise InputError(
                f"{row.public_id} is {row.state}; only an edition that is planning or ready can be canceled"
            )
        name = str(editions.get(connection, edition_id).public_id)
        alerts.resolve_alert(connection, AlertKind.EDITION_HELD, name, now)
        return deliveries.cancel(connection, edition_id, now)


def hold_edition(store: Store, edition_id: int, *, by: str, now: datetime) -> bool:
    """Let nothing more of an edition leave until it is approved; False: it is held already, or over.

    It bites before the next body.
    """
    with store.write() as connection:
        return editions.hold(connection, edition_id, because=f"by {by}", now=now)


def hold_by_itself(connection: Connection, edition_id: int, *, because: str, now: datetime) -> None:
    """A brake holds an edition, in the caller's transaction, and tells of it; once, until it is approved."""
    if editions.hold(connection, edition_id, because=because, now=now):
        name = str(editions.get(connection, edition_id).public_id)
        words = f"{because} nurture approve {name} lets it go on, nurture cancel {name} ends it"
        alerts.raise_alert(connection, AlertKind.EDITION_HELD, name, words, now)


def approve_edition(store: Store, edition_id: int, *, by: str, now: datetime, first: FirstMails | None = None) -> bool:
    """Let an edition that is held go on; False: it was not held.

    ``first``: how the first edition of all begins, if this one is it and waited for approval until now.
    """
    with store.write() as connection:
        row = editions.get(connection, edition_id)
        alerts.resolve_alert(connection, AlertKind.EDITION_HELD, str(row.public_id), now)
        if first is not None and row.held_because == WAITS_FOR_APPROVAL:
            brakes.begin_anew(connection, edition_id, row.mode, first)
        return editions.approve(connection, edition_id, by=by, now=now)


def retry_failed(store: Store, edition_id: int, *, now: datetime) -> int:
    """Queue an edition's failed deliveries anew, with a fresh time of three days; how many."""
    with store.write() as connection:
        return deliveries.retry_failed(connection, edition_id, now)


def release_held(store: Store, edition_id: int, *, now: datetime) -> int:
    """Queue an edition's held deliveries again, with a fresh time of three days; how many."""
    with store.write() as connection:
        return deliveries.release_held(connection, edition_id, now)


def pause(store: Store, campaign: str, *, by: str, now: datetime) -> bool:
    """Nothing of the campaign (``"*"``: of all) is planned or begun any more; False: it was paused already.

    It bites before the next MAIL FROM.
    """
    with store.write() as connection:
        return campaigns.pause(connection, campaign, by=by, now=now)


@dataclass(frozen=True, slots=True)
class Resumed:
    """``changed``: something goes on that did not. ``still_paused``: all campaigns are paused together."""

    changed: bool
    still_paused: bool


def resume(store: Store, campaign: str, *, now: datetime) -> Resumed:
    """End a pause, or say yes to a campaign that asks before its edition goes.

    ``"*"`` ends the pause of all, not those of single campaigns, and lets
    stopped senders try again at once.
    """
    with store.write() as connection:
        confirmed = asking.answer(connection, campaign, now=now)
        woken = senders.wake(connection, now=now) if campaign == campaigns.ALL else 0
        ended = campaigns.resume(connection, campaign)
        alerts.resolve_alert(connection, AlertKind.COMPLAINTS, campaign, now)
        return Resumed(confirmed or ended or woken > 0, campaigns.is_paused(connection, campaign))
