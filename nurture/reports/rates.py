"""How many read, followed a link, answered: as ranges, because programs open mails too.

The lower end counts what a person did for sure; whoever answered or followed a link has also read. The upper end adds
what may have been a person: pictures that a provider fetches for its readers, visits that came suspiciously early.
Scanners that gave themselves away, and the clinic's own people, count nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from nurture.errors import NotFoundError
from nurture.store import Store, meta, rates
from nurture.store.editions import EditionId, EditionRow, find, list_editions
from nurture.store.rates import Mails, TouchedMails
from nurture.vocabulary import EditionState

_NONE = Mails(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Range:
    """At least ``low``, at most ``high``."""

    low: int
    high: int

    @property
    def words(self) -> str:
        """``12 to 31``, or one number where both are the same."""
        return str(self.low) if self.low == self.high else f"{self.low} to {self.high}"


@dataclass(frozen=True, slots=True)
class EditionRates:
    """What came back of one edition.

    ``tracked`` of its ``sent`` mails tell when they are read; ``opened`` and ``clicked`` are of those. ``replied`` is
    of all. ``shared`` mails tell only that somebody opened one: ``shared_opens`` counts different networks and
    programs, so there may be more readers.
    """

    edition: str
    due_at: datetime
    sent: int
    tracked: int
    opened: Range
    clicked: Range
    replied: int
    shared: int
    shared_opens: int


def edition_rates(
    store: Store, *, campaign: str | None = None, edition: str | None = None, limit: int = 20
) -> tuple[EditionRates, ...]:
    """The rates of the last editions that were planned, or of one; raises `InputError`, `NotFoundError`."""
    wanted = None if edition is None else EditionId.parse(edition)
    with store.read() as connection:
        mode = meta.get_mode(connection)
        if wanted is None:
            planned = (EditionState.READY, EditionState.FINISHED, EditionState.CANCELED)
            rows = list_editions(connection, mode=mode, campaign=campaign, states=planned, limit=limit)
        else:
            row = find(connection, wanted, mode=mode)
            if row is None:
                raise NotFoundError(f"there is no edition {wanted}; `nurture accounts` lists them")
            rows = (row,)
        ids = [row.id for row in rows]
        mails = rates.mails_of(connection, ids)
        touched = rates.touched(connection, ids)
        shared = rates.shared_opens(connection, ids)
    return tuple(_rates(row, mails.get(row.id, _NONE), touched, shared.get(row.id, 0)) for row in rows)


def _rates(row: EditionRow, mails: Mails, touched: Sequence[TouchedMails], shared: int) -> EditionRates:
    groups = [group for group in touched if group.edition_id == row.id]
    return EditionRates(
        edition=str(row.public_id),
        due_at=row.due_at,
        sent=mails.sent,
        tracked=mails.tracked,
        opened=opened(groups),
        clicked=clicked(groups),
        replied=sum(group.count for group in groups if group.replied),
        shared=mails.shared,
        shared_opens=shared,
    )


def opened(groups: Sequence[TouchedMails]) -> Range:
    """How many mails were read. Pure."""
    sure = sum(group.count for group in groups if group.opened or group.clicked or group.replied)
    possible = sum(
        group.count
        for group in groups
        if not (group.opened or group.clicked or group.replied) and (group.may_be_opened or group.may_be_clicked)
    )
    return Range(sure, sure + possible)


def clicked(groups: Sequence[TouchedMails]) -> Range:
    """Of how many mails a link was followed. Pure."""
    sure = sum(group.count for group in groups if group.clicked)
    return Range(sure, sure + sum(group.count for group in groups if group.may_be_clicked and not group.clicked))
