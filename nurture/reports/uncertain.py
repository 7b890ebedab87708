"""Mails that may or may not have arrived, for people: which, since when, what the server said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nurture.errors import InputError
from nurture.reports.log import LogQuery, delivery_history, resolve
from nurture.store import Store, uncertain
from nurture.store import log as store_log
from nurture.store.log import DeliveryRow
from nurture.store.log_pages import Position
from nurture.store.uncertain import Choice
from nurture.vocabulary import DeliveryState

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class UncertainMail:
    """One mail in doubt. ``number`` is its number in the log, ``at`` when its last try began.

    ``words`` say what happened then; ``left_at``: when somebody decided to leave it so.
    """

    number: int
    address: str | None
    campaign: str
    edition: str
    at: datetime
    server: str | None
    words: str
    resends: int
    left_at: datetime | None


def uncertain_mails(store: Store, query: LogQuery) -> tuple[UncertainMail, ...]:
    """All that are uncertain and fit the query's campaign and edition, the newest first. Raises as `log_page`."""
    found: list[UncertainMail] = []
    with store.read() as connection:
        which = resolve(connection, LogQuery(query.campaign, query.edition, states=(DeliveryState.UNCERTAIN,)))
        after = None
        while rows := store_log.page(connection, which, after=after, limit=_PAGE):
            found += map(_mail, rows)
            after = Position(rows[-1].time, rows[-1].id)
    return tuple(found)


def _mail(row: DeliveryRow) -> UncertainMail:
    last = row.last_attempt
    return UncertainMail(
        number=row.id,
        address=row.address,
        campaign=row.campaign,
        edition=row.edition,
        at=last.started_at if last else row.time,
        server=last.server if last else None,
        words=(last.said if last else "") or row.reason or "no answer came",
        resends=row.resends,
        left_at=row.decided_at,
    )


def choose(store: Store, query: LogQuery, numbers: tuple[int, ...]) -> Choice:
    """What a person chose, number by number.

    ``numbers`` as in the log; without any, all of the query's campaign and edition
    that nobody has decided to leave. Raises as `log_page`, and `InputError` for a
    number that is not uncertain.
    """
    with store.read() as connection:
        which = resolve(connection, LogQuery(query.campaign, query.edition))
        choice = Choice(
            which.mode, ids=numbers or None, campaign=which.campaign, edition_id=which.edition_id, undecided=not numbers
        )
        found = tuple(row.id for row in uncertain.find(connection, choice))
    for number in numbers:
        if number not in found:
            raise _not_there(delivery_history(store, number).delivery, query)
    return Choice(which.mode, ids=found)


def _not_there(row: DeliveryRow, query: LogQuery) -> InputError:
    if row.state is not DeliveryState.UNCERTAIN:
        return InputError(f"delivery {row.id} is {row.state}, not uncertain; nothing was changed")
    if query.campaign or query.edition:
        return InputError(f"delivery {row.id} belongs to {row.edition}; nothing was changed")
    return InputError(
        f"delivery {row.id} belongs to {row.mode} mode, and the clinic is in the other; nothing was changed"
    )
