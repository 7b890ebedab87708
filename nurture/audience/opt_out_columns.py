"""What an export of an earlier mail system is, and which of its columns say who left. Pure.

Column names as the exports have them: Mailchimp's audience export (one CSV for
each of subscribed, unsubscribed, cleaned, nonsubscribed), Constant Contact's
contact export, and lists with a status, a reason or nothing but addresses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from nurture.audience.columns import address_place, fold_header
from nurture.errors import InputError
from nurture.vocabulary import SuppressionReason

_LEFT: Final = SuppressionReason.UNSUBSCRIBED
_BOUNCED: Final = SuppressionReason.HARD_BOUNCED
_COMPLAINED: Final = SuppressionReason.COMPLAINED

# Filled only where the person left, often with the time of it.
_SIGNS: Final[Mapping[str, SuppressionReason]] = {
    "unsub time": _LEFT,  # Mailchimp
    "clean time": _BOUNCED,  # Mailchimp
    "confirmed opt out date": _LEFT,  # Constant Contact
    **dict.fromkeys(("unsubscribed", "unsubscribed at", "unsubscribed on", "unsubscribe date", "opt out date"), _LEFT),
    **dict.fromkeys(("opted out", "opted out at", "opt out", "email opt out", "do not email", "do not mail"), _LEFT),
    **dict.fromkeys(("unsubscribed from all email", "unsubscribed date", "date unsubscribed"), _LEFT),
    **dict.fromkeys(("bounced", "bounced at", "bounced on", "bounce date", "cleaned", "hard bounced"), _BOUNCED),
    **dict.fromkeys(("complained", "complained at", "spam complaint", "marked as spam", "complaint date"), _COMPLAINED),
}
_STATUSES: Final = frozenset(
    {
        "status",
        "email status",
        "email permission status",  # Constant Contact
        "subscription status",
        "subscriber status",
        "email subscriber status",
        "email marketing status",
        "marketing status",
        "mailing status",
        "list status",
        "contact status",
        "suppression reason",
        "suppression type",
        "bounce type",
    }
)
# Words for why. The ones with a reason are filled only where the person left.
_REMARKS: Final[Mapping[str, SuppressionReason | None]] = {
    "unsub reason": _LEFT,  # Mailchimp
    "confirmed opt out reason": _LEFT,  # Constant Contact
    "reason": None,
}
_DATES: Final = frozenset({"date", "date time", "time", "timestamp", "status date", "created", "created at", "since"})
_MAILCHIMP: Final = frozenset(
    {"member rating", "optin time", "confirm time", "leid", "euid", "clean time", "unsub time"}
)
_CONSTANT_CONTACT: Final = frozenset({"email permission status", "email update source", "confirmed opt out date"})
# In these systems' exports other columns are the clinic's own fields, whatever their names.
_MAILCHIMP_OWN: Final = frozenset({"unsub time", "clean time", "unsub reason"})
_CONSTANT_CONTACT_OWN: Final = frozenset(
    {"email status", "email permission status", "confirmed opt out date", "confirmed opt out reason"}
)
_EXPORT_NAME: Final = re.compile(r"(subscribed|unsubscribed|cleaned|non-?subscribed)_[^/]*export[^/]*", re.IGNORECASE)
_NAMED: Final[Mapping[str, SuppressionReason | None]] = {"unsubscribed": _LEFT, "cleaned": _BOUNCED}


@dataclass(frozen=True, slots=True)
class OptOutColumns:
    """Where a row says what. Places count from 0.

    ``silent`` is the reason for a row that says nothing itself; None means that
    such a person stays, or, with ``silent_is_unclear``, that nobody can tell.
    """

    format: str
    address: int
    headers: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    signs: tuple[tuple[int, SuppressionReason], ...] = ()
    remarks: tuple[tuple[int, SuppressionReason | None], ...] = ()
    date: int | None = None
    silent: SuppressionReason | None = None
    silent_is_unclear: bool = False

    @property
    def tells_leaving(self) -> bool:
        """Whether such a file can say that somebody left; the export of the subscribed ones cannot."""
        return bool(self.statuses or self.signs or self.remarks or self.silent)


def opt_out_columns(first_row: Sequence[str], file_name: str, *, all_unsubscribed: bool) -> tuple[OptOutColumns, bool]:
    """What the file is, and whether its first row names the columns (else it is a row as the others).

    ``all_unsubscribed`` says that everybody left whose row does not say otherwise.
    Raises `InputError` for a file without addresses, or one that does not say who left.
    """
    if any("@" in cell for cell in first_row):
        return _without_header(first_row, file_name, all_unsubscribed=all_unsubscribed), False
    columns = _with_header(first_row, file_name)
    if all_unsubscribed and columns.silent_is_unclear:
        return replace(columns, silent=_LEFT, silent_is_unclear=False), True
    if columns.silent_is_unclear and not columns.tells_leaving:
        raise InputError(_says_nothing(file_name))
    return columns, True


def _without_header(row: Sequence[str], file_name: str, *, all_unsubscribed: bool) -> OptOutColumns:
    places = [place for place, cell in enumerate(row) if "@" in cell]
    if len(places) > 1:
        raise InputError(
            f"{file_name}: the first row holds {len(places)} addresses; "
            "the file needs a first row that names its columns"
        )
    if sum(map(bool, row)) > 1 and not all_unsubscribed:
        raise InputError(f"{file_name}: the first row names no columns. {_HINT}")
    return OptOutColumns("list of addresses", places[0], silent=_LEFT)


def _with_header(headers: Sequence[str], file_name: str) -> OptOutColumns:
    names = [fold_header(header) for header in headers]
    alone = [place for place, name in enumerate(names) if name]
    address = alone[0] if len(alone) == 1 else address_place(headers)
    if address is None:
        raise InputError(
            f"{file_name}: no column holds mail addresses; the columns are {', '.join(filter(None, headers))}. "
            "Name one of them Email"
        )
    if len(_MAILCHIMP.intersection(names)) > 1:
        names = [name if name in _MAILCHIMP_OWN else "" for name in names]
        return _mailchimp(_columns(headers, names, address), names, file_name)
    if _CONSTANT_CONTACT.intersection(names):
        names = [name if name in _CONSTANT_CONTACT_OWN else "" for name in names]
        return replace(_columns(headers, names, address), format="Constant Contact, contacts")
    return _list(_columns(headers, names, address), set(alone))


def _columns(headers: Sequence[str], names: Sequence[str], address: int) -> OptOutColumns:
    return OptOutColumns(
        format="list",
        address=address,
        headers=tuple(headers),
        statuses=tuple(place for place, name in enumerate(names) if name in _STATUSES),
        signs=tuple((place, _SIGNS[name]) for place, name in enumerate(names) if name in _SIGNS),
        remarks=tuple((place, _REMARKS[name]) for place, name in enumerate(names) if name in _REMARKS),
        date=next((place for place, name in enumerate(names) if name in _DATES), None),
        silent_is_unclear=True,
    )


def _list(columns: OptOutColumns, filled: set[int]) -> OptOutColumns:
    """``filled`` are the places of all columns with a header."""
    if columns.statuses:
        return replace(columns, format=f"list with the column {columns.headers[columns.statuses[0]]}")
    if columns.signs:
        # a cell that is filled for some is empty for the others
        return replace(
            columns, format=f"list with the column {columns.headers[columns.signs[0][0]]}", silent_is_unclear=False
        )
    if filled <= {columns.address, columns.date, *(place for place, _ in columns.remarks)}:
        return replace(columns, format="list of addresses", silent=_LEFT, silent_is_unclear=False)
    return replace(columns, remarks=())  # beside names and towns, a reason may be one for anything


def _mailchimp(columns: OptOutColumns, names: Sequence[str], file_name: str) -> OptOutColumns:
    """The file's name says it for all its rows; without it the times of leaving and cleaning do."""
    named = _EXPORT_NAME.fullmatch(file_name.replace("\\", "/").rpartition("/")[2])
    times = {"unsub time", "clean time"}.intersection(names)
    kind = named[1].casefold() if named else {"unsub time": "unsubscribed", "clean time": "cleaned"}.get("".join(times))
    made = replace(columns, format=f"Mailchimp, {kind or 'subscribed'} contacts", silent_is_unclear=False)
    if named:
        return replace(made, silent=_NAMED.get(named[1].casefold()))
    if len(times) == 1:
        return replace(made, silent_is_unclear=True)
    return replace(made, format="Mailchimp, contacts of all kinds") if times else made


_HINT: Final = "If everybody in it left, say --all-unsubscribed; to bring people in, use nurture contacts import"


def _says_nothing(file_name: str) -> str:
    return f"{file_name}: no column says who left (such as Status or Unsubscribed). {_HINT}"
