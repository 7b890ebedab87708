"""What one row of an earlier system's export says: the person stays, or left, why and when. Pure.

Any sign of leaving counts, whatever else the row says, and the strongest one
gives the reason: a mail too few can be mended, one too many cannot. A word that
is not known is never taken for staying.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from nurture.address import clean_text
from nurture.audience.cells import CellError, day
from nurture.audience.columns import fold_header
from nurture.audience.opt_out_columns import OptOutColumns
from nurture.audience.sheet import Cell
from nurture.vocabulary import SuppressionReason

_EMPTY: Final = frozenset({"", "-", "none", "null", "n a"})
_NO: Final = _EMPTY | {"0", "no", "n", "false", "f", "never"}
_YES: Final = frozenset({"1", "yes", "y", "true", "t", "x"})
_SHOWN: Final = 40  # characters of a cell in a message

# The first that is found counts.
_LEAVING: Final = (
    (SuppressionReason.COMPLAINED, re.compile(r"\b(complain\w*|spam\w*|abuse|junk)\b")),
    (
        SuppressionReason.UNSUBSCRIBED,
        re.compile(
            r"\b(unsub\w*|opt(ed)? ?out|optouts?|do not ((e ?)?mail|contact)|removed|(black|block) ?listed|revoked)\b"
        ),
    ),
    (SuppressionReason.SOFT_BOUNCED, re.compile(r"\b(soft ?bounc\w*|mailbox full)\b|^soft$")),
    (
        SuppressionReason.HARD_BOUNCED,
        re.compile(r"\b((hard ?)?bounc\w*|cleaned|undeliverable|invalid|non ?existent|suspended)\b|^hard$"),
    ),
    (SuppressionReason.MANUAL, re.compile(r"\b(suppress\w*|blocked|manual\w*)\b")),
)
_STAYING: Final = re.compile(
    r"active|(non|never|re)? ?subscribed|subscriber|(confirmed )?(opt|opted) in|(un)?confirmed"
    r"|pending.*|awaiting.*|express|explicit|implied|not set|no permissions? set|temporary hold"
    r"|enabled|ok|valid|verified|deliverable|transactional"
)
# A stronger reason takes the place of a weaker one: back after a complaint only by the person's own act.
STRENGTH: Final = {
    reason: place
    for place, reason in enumerate(
        (
            SuppressionReason.SOFT_BOUNCED,
            SuppressionReason.HARD_BOUNCED,
            SuppressionReason.MANUAL,
            SuppressionReason.UNSUBSCRIBED,
            SuppressionReason.COMPLAINED,
            SuppressionReason.ERASED,
        )
    )
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a person left. ``reason`` None: stays. ``doubt`` says which value of the row could not be read."""

    reason: SuppressionReason | None
    on: date | None = None
    doubt: str | None = None


def read_standing(columns: OptOutColumns, cells: Sequence[Cell], *, day_first: bool, today: date) -> Standing:
    """What the row says. Raises `CellError` where nobody can tell whether the person left."""
    found, unknown, stays = _of_statuses(columns, cells)
    when: list[date] = []
    doubts: list[str] = []
    for place, reason in columns.signs:
        words = _words(cells, place)
        if words in _NO:
            continue
        found.append(reason)
        if words not in _YES:
            _read_date(cells[place], day_first=day_first, today=today, into=when, doubts=doubts)
    for place, filled in columns.remarks:
        found += _of_remark(_words(cells, place), filled)
    if not found and not stays and columns.silent is not None:
        found.append(columns.silent)
    if found:
        if not when and columns.date is not None and _words(cells, columns.date) not in _NO:
            _read_date(cells[columns.date], day_first=day_first, today=today, into=when, doubts=doubts)
        return Standing(max(found, key=STRENGTH.__getitem__), max(when, default=None), "; ".join(doubts) or None)
    if unknown:
        raise CellError(f"{unknown} does not say whether the person left")
    if columns.silent_is_unclear and not stays:
        raise CellError(_nothing_said(columns))
    return Standing(None)


def _of_statuses(columns: OptOutColumns, cells: Sequence[Cell]) -> tuple[list[SuppressionReason], str | None, bool]:
    found: list[SuppressionReason] = []
    unknown, stays = None, False
    for place in columns.statuses:
        words = _words(cells, place)
        if words in _EMPTY:
            continue
        if (reason := reason_in(words)) is not None:
            found.append(reason)
        elif _STAYING.fullmatch(words):
            stays = True
        else:
            unknown = f"{columns.headers[place]} {clean_text(str(cells[place]))[:_SHOWN]!r}"
    return found, unknown, stays


def _of_remark(words: str, filled: SuppressionReason | None) -> list[SuppressionReason]:
    if words in _NO:
        return []
    said = reason_in(words)
    if filled is None:
        return [] if said is None else [said]
    # a person's own words: only a complaint says more than that somebody left
    return [said if said is SuppressionReason.COMPLAINED else filled]


def reason_in(words: str) -> SuppressionReason | None:
    """Why a person left, by words as `fold_header` gives them; None if they do not say that somebody left."""
    return next((reason for reason, pattern in _LEAVING if pattern.search(words)), None)


def _read_date(cell: Cell, *, day_first: bool, today: date, into: list[date], doubts: list[str]) -> None:
    if isinstance(cell, str):
        # "3/12/2024 14:22", "2024/03/12 14:22:10": only the day counts
        cell = re.sub(r"^(\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4})[T ].*", r"\1", clean_text(cell))
    try:
        read = day(cell, day_first=day_first) if isinstance(cell, str | date) else None
    except CellError as error:
        doubts.append(f"without a date: {error}")
        return
    if read is not None and read > today:
        doubts.append(f"without a date: {read.isoformat()} is in the future")
    elif read is not None:
        into.append(read)


def _nothing_said(columns: OptOutColumns) -> str:
    places = (*columns.statuses, *(place for place, _ in (*columns.signs, *columns.remarks)))
    names = " and ".join(columns.headers[place] for place in places)
    return f"{names} {'are' if len(places) > 1 else 'is'} empty: nobody can tell whether the person left"


def _words(cells: Sequence[Cell], place: int) -> str:
    """The cell's words, folded; empty where the row is too short."""
    cell = cells[place] if place < len(cells) else None
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)  # as spreadsheets keep 1 and 0
    return fold_header(str(cell)[:1000])
