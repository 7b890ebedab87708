"""One row of a file as a candidate: checked values, or the reason why not. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple, TypeVar

from nurture.address import Address, AddressError
from nurture.audience import cells
from nurture.audience.addresses import AddressReader, mistyped
from nurture.audience.columns import Columns, is_attribute, sensitive_columns
from nurture.audience.sheet import Cell, Row
from nurture.vocabulary import Category, ConsentKind

T = TypeVar("T")

_MAX_ATTRIBUTE: Final = 500
_MAX_ORGANIZATIONS: Final = 5000  # remembered at once
_MAX_CELLS: Final = 2000  # remembered at once, of each column
_Reader = Callable[[Cell], Any]


@dataclass(frozen=True, slots=True)
class GivenConsent:
    """A consent with all that proves it."""

    kind: ConsentKind
    source: str
    obtained_on: date
    until: date | None = None  # the last day, where one was agreed


class Candidate(NamedTuple):
    """A checked row.

    ``values`` are columns of the contact that the row fills, ``emptied`` those
    it has empty; likewise attributes. ``organization`` has the name and columns.
    """

    row: int
    address: Address
    values: Mapping[str, Any]
    attributes: Mapping[str, str]
    emptied: tuple[str, ...]
    categories: frozenset[Category]
    tags: frozenset[str]
    organization: Mapping[str, str] | None
    consent: GivenConsent | None
    sensitive: tuple[str, ...]  # filled columns that past patients must not have
    warnings: tuple[str, ...]


def sensitive_fields(columns: Columns, allow_columns: Collection[str]) -> frozenset[str]:
    """The fields whose header or own name is sensitive and of which neither is allowed."""
    found = set()
    for name, header in columns.headers.items():
        flagged = sensitive_columns((name, header), ())
        if flagged and len(sensitive_columns((name, header), allow_columns)) == len(flagged):
            found.add(name)
    return frozenset(found)


def _contact_readers(country: str) -> dict[str, _Reader]:
    """How each field of a contact is read; ``country`` is the clinic's."""
    lengths = {"title": 40, "first_name": 100, "last_name": 100}
    readers: dict[str, _Reader] = {
        name: partial(cells.text, longest=longest, name=True) for name, longest in lengths.items()
    }
    for name, longest in {"role": 150, "phone": 40, "external_id": 100}.items():
        readers[name] = partial(cells.text, longest=longest)
    readers["discharged_on"] = partial(cells.day, day_first=country != "US")
    readers["may_track"] = cells.yes_or_no
    readers |= {"language": cells.language, "time_zone": cells.time_zone, "country": cells.country}
    return readers


def _organization_readers(country: str) -> dict[str, _Reader]:
    readers: dict[str, _Reader] = {
        f"org.{name}": partial(cells.text, longest=longest)
        for name, longest in {"phone": 40, "city": 100, "region": 100, "owner": 63}.items()
    }
    readers["org.postal_code"] = partial(cells.postal_code, country=country)
    return readers | {"org.country": cells.country, "org.site": cells.site, "org.time_zone": cells.time_zone}


def _with_readers(columns: Columns, readers: Mapping[str, _Reader]) -> list[tuple[str, int, _Reader]]:
    """Each column with its place and a reader that remembers: most columns have few different values."""
    return [
        (name, place, lru_cache(_MAX_CELLS, typed=True)(readers[name]))
        for name, place in columns.fields.items()
        if name in readers
    ]


@lru_cache(_MAX_CELLS, typed=True)
def _says_something(cell: Cell) -> bool:
    return cells.text(cell, longest=cells.NO_LIMIT) is not None


class CandidateReader:
    """Turns rows of one file into candidates.

    ``allow_columns`` are the sensitive columns that patients may have,
    ``country`` is the clinic's and decides how ``3/4/2026`` reads, ``categories``,
    ``tags`` and ``consent`` are what every row gets, ``today`` the clinic's date.
    ``doubt_domains`` warns of mistyped domains such as gmial.com.
    """

    def __init__(
        self,
        columns: Columns,
        *,
        country: str,
        today: date,
        allow_columns: tuple[str, ...] = (),
        categories: frozenset[Category] = frozenset(),
        tags: frozenset[str] = frozenset(),
        consent: GivenConsent | None = None,
        doubt_domains: bool = True,
    ) -> None:
        self._columns = columns
        self._country = country
        self._day_first = country != "US"
        self._today = today
        self._categories, self._tags, self._consent = categories, tags, consent
        self._addresses = AddressReader()
        self._doubt_domains = doubt_domains
        self._attributes = {name: place for name, place in columns.fields.items() if is_attribute(name)}
        self._sensitive = sensitive_fields(columns, allow_columns)
        self._contact_columns = _with_readers(columns, _contact_readers(country))
        organization = _with_readers(columns, _organization_readers(country))
        self._organization_columns = [(name.removeprefix("org."), place, read) for name, place, read in organization]
        self._organization_places = [
            place for name, place in columns.fields.items() if name == "organization" or name.startswith("org.")
        ]
        self._organizations: dict[tuple[str, ...], tuple[Mapping[str, str] | None, list[str]]] = {}

    def read(self, row: Row) -> Candidate:
        """The candidate; raises `cells.CellError` with the reason why the row cannot be written."""
        width = len(self._columns.all_headers)
        if len(row.cells) > width and any(row.cells[width:]):
            raise cells.CellError(f"{len(row.cells)} cells, but {width} columns: a delimiter or quote is wrong")
        warnings: list[str] = []
        address = self._address(row, warnings)
        values, emptied = self._values(row, warnings)
        attributes = self._attribute_values(row)
        if "tags" in self._columns.fields and not self._filled(row, "tags"):
            emptied.append("tags")
        emptied += [name for name in self._attributes if name not in attributes and self._present(row, name)]
        return Candidate(
            row=row.number,
            address=address,
            values=values,
            attributes=attributes,
            emptied=tuple(emptied),
            categories=self._categories | cells.categories(self._cell(row, "category")),
            tags=self._tags | cells.tags(self._cell(row, "tags")),
            organization=self._organization(row, emptied, warnings),
            consent=self._given_consent(row, warnings),
            sensitive=tuple(self._columns.headers[name] for name in self._sensitive if self._filled(row, name)),
            warnings=tuple(warnings),
        )

    def _cell(self, row: Row, name: str) -> Cell:
        place = self._columns.fields.get(name)
        return row.cells[place] if place is not None and place < len(row.cells) else None

    def _present(self, row: Row, name: str) -> bool:
        return self._columns.fields.get(name, len(row.cells)) < len(row.cells)

    def _filled(self, row: Row, name: str) -> bool:
        return _says_something(self._cell(row, name))

    def _address(self, row: Row, warnings: list[str]) -> Address:
        cell = self._cell(row, "address")
        try:
            address = self._addresses.read(str(cell).strip().removeprefix("mailto:"))
        except AddressError as error:
            if not _says_something(cell):
                raise cells.CellError("no address") from error
            raise cells.CellError(f"not an address: {error}") from error
        meant = mistyped(address.domain) if self._doubt_domains else None
        if meant:
            warnings.append(f"{address.domain} is perhaps {meant}")
        return address

    def _values(self, row: Row, warnings: list[str]) -> tuple[dict[str, Any], list[str]]:
        values: dict[str, Any] = {}
        emptied = []
        for name, place, read in self._contact_columns:
            if place >= len(row.cells):
                continue
            cell = row.cells[place]
            try:
                found = read(cell)
            except cells.Doubt as doubt:
                warnings.append(str(doubt))
                continue
            if found is not None:
                values[name] = found
            elif name != "external_id":
                emptied.append(name)
        return values, emptied

    def _attribute_values(self, row: Row) -> dict[str, str]:
        found = {}
        for name, place in self._attributes.items():
            cell = row.cells[place] if place < len(row.cells) else None
            value = cell.isoformat() if isinstance(cell, date) else cells.text(cell, longest=_MAX_ATTRIBUTE)
            if value is not None:
                found[name] = value
        return found

    def _organization(self, row: Row, emptied: list[str], warnings: list[str]) -> Mapping[str, str] | None:
        if "organization" not in self._columns.fields:
            return None
        # many rows have the same organization; reading it once saves a fifth of the import
        key = tuple(str(row.cells[place]) if place < len(row.cells) else "" for place in self._organization_places)
        if key not in self._organizations:
            if len(self._organizations) >= _MAX_ORGANIZATIONS:
                self._organizations.clear()
            self._organizations[key] = self._read_organization(row)
        values, doubts = self._organizations[key]
        warnings += doubts
        if values is None and self._present(row, "organization"):
            emptied.append("organization_id")
        return values

    def _read_organization(self, row: Row) -> tuple[Mapping[str, str] | None, list[str]]:
        doubts: list[str] = []
        name = cells.text(self._cell(row, "organization"), longest=200)
        if name is None:
            return None, doubts
        values = {"name": name}
        for column, place, read in self._organization_columns:
            found = _doubtful(read, row.cells[place] if place < len(row.cells) else None, doubts)
            if found is not None:
                values[column] = found
        return values, doubts

    def _given_consent(self, row: Row, warnings: list[str]) -> GivenConsent | None:
        if "consent" not in self._columns.fields:
            return self._consent
        kind = _doubtful(cells.consent_kind, self._cell(row, "consent"), warnings)
        if kind is None:
            return self._consent
        source = cells.text(self._cell(row, "consent_source"), longest=200)
        try:
            obtained_on = cells.day(self._cell(row, "consent_date"), day_first=self._day_first)
            until = cells.day(self._cell(row, "consent_until"), day_first=self._day_first)
        except cells.CellError as error:
            warnings.append(f"consent is not recorded: {error}")
            return self._consent
        if source is None or obtained_on is None:
            warnings.append("consent is not recorded: it needs a source and a date")
            return self._consent
        if obtained_on > self._today:
            warnings.append(f"consent is not recorded: {obtained_on.isoformat()} is in the future")
            return self._consent
        if until is not None and until < obtained_on:
            warnings.append(f"consent is not recorded: it ended on {until.isoformat()}, before it was given")
            return self._consent
        return GivenConsent(kind, source, obtained_on, until)


def _doubtful(reader: Callable[[Cell], T | None], cell: Cell, warnings: list[str]) -> T | None:
    try:
        return reader(cell)
    except cells.Doubt as doubt:
        warnings.append(str(doubt))
        return None
