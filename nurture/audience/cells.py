"""What one cell says: texts, dates, countries, categories, tags. Pure.

Each reader takes a cell as it came from the file and gives back the value, or
None for an empty one. `CellError` means that the row must not be written,
`Doubt` that this one value is left out and said so.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from nurture.address import clean_text
from nurture.audience.private_csv import FORMULA_STARTS
from nurture.audience.sheet import Cell
from nurture.vocabulary import Category, ConsentKind

# What people write where there is nothing. Names get the short list: somebody may be called Null, Nan or Na.
_NOTHING: Final = frozenset(
    {"n/a", "n.a.", "#n/a", "-", "--", "---", "?", "unknown", "(none)", "(blank)", "tbd", "none"}
)
_NOTHING_ELSEWHERE: Final = _NOTHING | {"na", "nan", "null", "nil", "no email", "noemail", "no", "x"}

_CATEGORY_WORDS: Final = {
    "physician": Category.HEALTHCARE_PROVIDER,
    "doctor": Category.HEALTHCARE_PROVIDER,
    "provider": Category.HEALTHCARE_PROVIDER,
    "agency": Category.COMMUNITY_AGENCY,
    "community": Category.COMMUNITY_AGENCY,
    "business": Category.PRIVATE_BUSINESS,
    "gym": Category.PRIVATE_BUSINESS,
    "studio": Category.PRIVATE_BUSINESS,
    "club": Category.SPORTS_CLUB,
    "sports": Category.SPORTS_CLUB,
    "university": Category.SCHOOL,
    "college": Category.SCHOOL,
    "patient": Category.PAST_PATIENT,
    "former_patient": Category.PAST_PATIENT,
}
_COUNTRY_WORDS: Final = {
    "usa": "US",
    "u.s.": "US",
    "u.s.a.": "US",
    "united states": "US",
    "united states of america": "US",
    "canada": "CA",
    "can": "CA",
    "mexico": "MX",
    "uk": "GB",
    "united kingdom": "GB",
    "germany": "DE",
    "france": "FR",
    "australia": "AU",
}
_YES: Final = frozenset({"yes", "y", "true", "1", "si", "sí", "ja", "oui"})
_NO: Final = frozenset({"no", "n", "false", "0", "nein", "non"})
_LANGUAGE_WORDS: Final = {"english": "en", "spanish": "es", "español": "es", "french": "fr", "german": "de"}
_LANGUAGE: Final = re.compile(r"([a-z]{2,3})(?:[-_]([a-zA-Z]{2}))?")
_NUMERIC_DATE: Final = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})")
_WORD_DATES: Final = ("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%Y/%m/%d", "%Y%m%d")
_SLUG: Final = re.compile(r"[^a-z0-9]+")
_MAX_SLUG: Final = 63
NO_LIMIT: Final = 1 << 30


class CellError(ValueError):
    """The row cannot be written; the text says why."""


class Doubt(ValueError):  # noqa: N818 - not an error: the row is written without this value
    """This value is left out; the text says why."""


def text(cell: Cell, *, longest: int, name: bool = False) -> str | None:
    """One clean line; numbers without the ``.0`` that spreadsheets add.

    With ``name`` fewer words count as empty. Raises `CellError` if it is too long.
    """
    if cell is None or cell == "":
        return None
    if not isinstance(cell, str):
        cell = str(int(cell) if isinstance(cell, float) and cell.is_integer() else cell)
    # printable: nothing to clean but blanks
    found = cell.strip() if cell.isprintable() and "  " not in cell else clean_text(cell)
    if found[:1] == "'" and len(found) > 1 and found[1] in FORMULA_STARTS:
        found = found[1:]  # as our own exports write it
    if not found or found.casefold() in (_NOTHING if name else _NOTHING_ELSEWHERE):
        return None
    if len(found) > longest:
        raise CellError(f"{found[:20]!r}… has {len(found)} characters, at most {longest} are possible")
    return found


def postal_code(cell: Cell, *, country: str | None) -> str | None:
    """A postal code; in the US the zeros come back that a spreadsheet took away."""
    found = text(cell, longest=20)
    if found and country in (None, "US") and re.fullmatch(r"\d{3,4}", found):
        return found.zfill(5)
    return found


def day(cell: Cell, *, day_first: bool) -> date | None:
    """A date: ISO, ``11/25/2026`` (or day first where that is the custom), ``25 Nov 2026``.

    Raises `CellError` if it is none, or out of this age (1900 to 2100).
    """
    if isinstance(cell, date):
        found = cell
    else:
        written = text(cell, longest=40)
        if written is None:
            return None
        found = _written_day(written, day_first=day_first)
    if not 1900 <= found.year <= 2100:
        raise CellError(f"{found.isoformat()} is not a date of this age")
    return found


@lru_cache(maxsize=4096)
def _written_day(written: str, *, day_first: bool) -> date:
    try:
        if match := re.match(r"\d{4}-\d{2}-\d{2}(?=$|[ T]\d)", written):
            return date.fromisoformat(match[0])
        if match := _NUMERIC_DATE.fullmatch(written.split(" ")[0]):
            first, second, year = int(match[1]), int(match[3]), int(match[4])
            # a point is a custom of countries that put the day first
            month, number = (second, first) if day_first or match[2] == "." else (first, second)
            return date(year, month, number)
    except ValueError as error:
        raise CellError(f"{written!r} is no day of the calendar") from error
    for pattern in _WORD_DATES:
        try:
            return datetime.strptime(written, pattern).date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            continue
    raise CellError(f"{written!r} is not a date; write 2026-11-25")


def country(cell: Cell) -> str | None:
    """ISO 3166-1 alpha-2, capitals; raises `Doubt` for anything else."""
    found = text(cell, longest=60, name=True)
    if found is None:
        return None
    known = _COUNTRY_WORDS.get(found.casefold())
    if known or re.fullmatch(r"[A-Za-z]{2}", found):
        return known or found.upper()
    raise Doubt(f"country {found!r} is left out; write two letters, such as US")


def yes_or_no(cell: Cell) -> bool | None:
    """A cell that says yes or no; raises `Doubt` for anything else."""
    found = "" if cell is None else str(cell).strip().casefold()
    if found in _YES or found in _NO:
        return found in _YES
    if text(cell, longest=60) is None:
        return None
    raise Doubt(f"{str(cell)[:20]!r} is left out; write yes or no")


def language(cell: Cell) -> str | None:
    """``en`` or ``en-US`` (BCP 47); raises `Doubt` for anything else."""
    found = text(cell, longest=60)
    if found is None:
        return None
    match = _LANGUAGE.fullmatch(_LANGUAGE_WORDS.get(found.casefold(), found))
    if not match:
        raise Doubt(f"language {found!r} is left out; write for example en or es-MX")
    return match[1] + (f"-{match[2].upper()}" if match[2] else "")


def time_zone(cell: Cell) -> str | None:
    """An IANA name; raises `Doubt` for anything else."""
    found = text(cell, longest=60)
    if found is not None and not _is_zone(found):
        raise Doubt(f"time zone {found!r} is left out; write an IANA name such as America/New_York")
    return found


@lru_cache(maxsize=1024)
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


@lru_cache(maxsize=4096, typed=True)
def site(cell: Cell) -> str | None:
    """An http(s) address; ``gym.example`` becomes one. Raises `Doubt` for anything else."""
    found = text(cell, longest=500)
    if found is None:
        return None
    if re.fullmatch(r"https?://[^\s<>\"']+", found, re.IGNORECASE):
        return found
    if re.fullmatch(r"[\w-]+(\.[\w-]+)+(/[^\s<>\"']*)?", found):
        return f"https://{found}"
    raise Doubt(f"web site {found!r} is left out; write https://...")


@lru_cache(maxsize=4096, typed=True)
def categories(cell: Cell) -> frozenset[Category]:
    """One or several, parted by ``;``, ``,`` or ``|``; raises `CellError` for an unknown one."""
    found = set()
    for part in _parts(cell):
        word = _SLUG.sub("_", part.casefold()).strip("_")
        singular = word.removesuffix("s")
        known = next((Category(name) for name in (word, singular) if name in tuple(Category)), None)
        known = known or _CATEGORY_WORDS.get(word) or _CATEGORY_WORDS.get(singular)
        if known is None:
            raise CellError(f"unknown category {part!r}; there are {', '.join(Category)}")
        found.add(known)
    return frozenset(found)


@lru_cache(maxsize=4096, typed=True)
def tags(cell: Cell) -> frozenset[str]:
    """One or several, parted by ``;``, ``,`` or ``|``, as ``lower-case-words``."""
    return frozenset(filter(None, map(tag, _parts(cell))))


def tag(written: str) -> str:
    """A tag as it is kept: ``Spring Fair 2026`` becomes ``spring-fair-2026``."""
    return _SLUG.sub("-", written.casefold()).strip("-")[:_MAX_SLUG].strip("-")


def consent_kind(cell: Cell) -> ConsentKind | None:
    """``written``, ``verbal`` or ``implied``; raises `Doubt` for anything else (``yes`` says not how)."""
    found = text(cell, longest=60)
    if found is None:
        return None
    try:
        return ConsentKind(found.casefold())
    except ValueError as error:
        raise Doubt(f"consent {found!r} is not recorded; write one of {', '.join(ConsentKind)}") from error


def _parts(cell: Cell) -> list[str]:
    found = text(cell, longest=1000)
    return [part.strip() for part in re.split(r"[;,|]", found) if part.strip()] if found else []
