"""The day on which an absence ends, as an automatic answer tells it. Never a day before the mail's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import islice

from nurture.inbox.word_lists import any_of, read_words

_MAX_TEXT = 4000
_FURTHEST = timedelta(days=400)
_FURTHEST_WITHOUT_YEAR = timedelta(days=200)  # "May 5" said in July was this year's, and is over
_GAP = (
    r"(?:[\s,:(]|the |den |dem |le |el |il |o |dia |d\. |das |de |del |on |am |at |op "
    r"|next |this |coming |kommenden |nächsten |diesen |próximo |prossimo |volgende |nästa )*$"
)
_MAX_DAYS = 40  # who names more days than that is no person who is away
_SPEAKS_ENGLISH = re.compile(r"\b(?:the|office|will|am|and|return|back)\b")
_WEAK = re.compile(r"[-–—]|to|and|al?|au")  # end a range only where a day stands before them
_DAY_AT_END = re.compile(r"(?:\d\s*(?:st|nd|rd|th|er)?|\w{3,}day)[.,]?\s*$")

_NUMBERS = (
    ("ymd", re.compile(r"(?<!\d)(20\d\d)[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")),
    ("ymd", re.compile(r"(?:(20\d\d)年)?\s?(\d{1,2})月\s?(\d{1,2})[日号]?")),
    ("dmy", re.compile(r"(?<![\d.])(\d{1,2})\.\s?(\d{1,2})\.\s?(20\d\d|\d\d(?!\d|:))?(?![\d])")),
    ("any", re.compile(r"(?<![\d/.-])(\d{1,2})[/-](\d{1,2})(?:[/-](20\d\d|\d\d))?(?![\d/-])")),
)
_DAY = r"(\d{1,2})(?:st|nd|rd|th|\.|er|º|ª|°|:e|-го)?"
_YEAR = r"(?:,?\s*(?:de |of |del )?(20\d\d))?"


@dataclass(frozen=True, slots=True)
class _Found:
    start: int
    end: int
    day: date


@dataclass(frozen=True, slots=True)
class _Patterns:
    day_month: re.Pattern[str]
    month_day: re.Pattern[str]
    weekday: re.Pattern[str]
    near: re.Pattern[str]
    month_at_end: re.Pattern[str]
    back: re.Pattern[str]
    until: re.Pattern[str]
    after_back: re.Pattern[str]
    after_until: re.Pattern[str]
    months: dict[str, int]
    weekdays: tuple[tuple[re.Pattern[str], int], ...]
    nears: tuple[tuple[re.Pattern[str], int], ...]


@cache
def _patterns() -> _Patterns:
    table = read_words("dates.toml")
    months = {name: int(number) for number, names in table["months"].items() for name in names}
    longest = "|".join(sorted(months, key=len, reverse=True))
    # "out 2" is English for something else than Portuguese for October 2
    first = "|".join(
        sorted((name for name in months if name not in ("out", "set", "ago", "gen", "dic")), key=len, reverse=True)
    )
    weekdays = "|".join(name for names in table["weekdays"].values() for name in names)
    nears = "|".join(name for names in table["near"].values() for name in names)
    gap = rf"(?:(?:{weekdays})\b[\s,.]*)?{_GAP}"
    return _Patterns(
        day_month=re.compile(rf"(?<![\d.:/]){_DAY}\s*(?:of |de |d.|del )?({longest})\b\.?{_YEAR}"),
        month_day=re.compile(
            rf"(?<!\w)({first})\b\.?\s*{_DAY}(?![\d:.]\d)(?:\s*(?:-|–|to|through|thru|until|till|and)\s*(\d{{1,2}})(?:st|nd|rd|th)?(?![\d:/]))?{_YEAR}"
        ),
        weekday=re.compile(rf"(?<!\w)(?:{weekdays})(?!\w)"),
        near=re.compile(rf"(?<!\w)(?:{nears})(?!\w)"),
        month_at_end=re.compile(rf"(?:{longest})[.,]?\s*$"),
        back=re.compile(rf"(?<![^\W\d_])(?:{any_of(table['back']['words']).pattern})(?![^\W\d_])\s*{gap}"),
        until=re.compile(rf"(?<![^\W\d_])(?:{any_of(table['until']['words']).pattern})(?![^\W\d_])\s*{gap}"),
        after_back=re.compile(rf"(?:[(（].[)）])?[^\w,;.]{{0,3}}(?:{any_of(table['after']['back']).pattern})"),
        after_until=re.compile(rf"(?:[(（].[)）])?[^\w,;.]{{0,3}}(?:{any_of(table['after']['until']).pattern})"),
        months=months,
        weekdays=tuple((any_of(names), int(number)) for number, names in table["weekdays"].items()),
        nears=tuple((any_of(names), int(number)) for number, names in table["near"].items()),
    )


def return_date(text: str, *, today: date) -> date | None:
    """The day of coming back, else the last day away, that ``text`` names; ``today`` is the day of the mail.

    None where it names none, or one that is over.
    """
    words = " ".join(text[:_MAX_TEXT].lower().split())
    best: tuple[int, _Found] | None = None
    for found in _without_weekdays_of_dates(words, list(islice(_days(words, today), _MAX_DAYS))):
        weight = _weight(words, found)
        if weight and (best is None or weight > best[0]):
            best = weight, found
    if best is None or not today <= best[1].day <= today + _FURTHEST:
        return None
    return best[1].day


def _weight(words: str, found: _Found) -> int:
    """3 for a day of return, 2 for the end of an absence, 1 for the end of a bare range, 0 for any other day."""
    patterns = _patterns()
    before, behind = words[max(found.start - 60, 0) : found.start], words[found.end : found.end + 20]
    if patterns.after_until.match(behind):
        return 2
    if patterns.after_back.match(behind):
        return 3
    marks = [mark for pattern in (patterns.until, patterns.back) if (mark := pattern.search(before))]
    if not marks:
        return 0
    # the shorter one is the nearer one; one for both counts as the day of return
    mark = max(marks, key=re.Match.start)
    if mark.re is patterns.back:
        return 3
    if _WEAK.fullmatch(mark[0].strip()):
        return 1 if _ends_with_day(before[: mark.start()]) else 0
    return 2


def _ends_with_day(before: str) -> bool:
    return _DAY_AT_END.search(before) is not None or _patterns().month_at_end.search(before) is not None


def _without_weekdays_of_dates(words: str, found: list[_Found]) -> list[_Found]:
    """A weekday right before or behind a date belongs to it: ``Monday, September 21``."""
    dates = [each for each in found if not _is_weekday(words, each)]
    kept = dates + [
        each
        for each in found
        if _is_weekday(words, each)
        and not any(0 <= other.start - each.end <= 8 or 0 <= each.start - other.end <= 3 for other in dates)
    ]
    return sorted(kept, key=lambda each: each.start)


def _is_weekday(words: str, found: _Found) -> bool:
    return _patterns().weekday.fullmatch(words, found.start, found.end) is not None


def _days(words: str, today: date) -> Iterator[_Found]:
    yield from _in_numbers(words, today)
    yield from _with_months(words, today)
    yield from _near(words, today)


def _in_numbers(words: str, today: date) -> Iterator[_Found]:
    english = len(_SPEAKS_ENGLISH.findall(words)) >= 2
    for order, pattern in _NUMBERS:
        for found in pattern.finditer(words):
            day = _numbered(order, found.groups(), today=today, english=english)
            if day:
                yield _Found(found.start(), found.end(), day)


def _with_months(words: str, today: date) -> Iterator[_Found]:
    patterns = _patterns()
    for found in patterns.day_month.finditer(words):
        day = _day(found[3], patterns.months[found[2]], found[1], today)
        if day:
            yield _Found(found.start(), found.end(), day)
    for found in patterns.month_day.finditer(words):
        day = _day(found[4], patterns.months[found[1]], found[3] or found[2], today)
        if day:
            # of a range its end counts, and it stands behind the first day
            yield _Found(found.start(3) if found[3] else found.start(), found.end(), day)


def _near(words: str, today: date) -> Iterator[_Found]:
    """Weekdays, which mean the next one, and "tomorrow"."""
    patterns = _patterns()
    for found in patterns.weekday.finditer(words):
        number = next((number for pattern, number in patterns.weekdays if pattern.fullmatch(found[0])), 0)
        if number:
            yield _Found(found.start(), found.end(), today + timedelta(days=(number - today.isoweekday() - 1) % 7 + 1))
    for found in patterns.near.finditer(words):
        for pattern, ahead in patterns.nears:
            if pattern.fullmatch(found[0]):
                yield _Found(found.start(), found.end(), today + timedelta(days=ahead))


def _numbered(order: str, groups: tuple[str | None, ...], *, today: date, english: bool) -> date | None:
    first, second, third = groups
    if order == "ymd":
        return _day(first, int(second or 0), third, today)
    if order == "dmy":
        return _day(third, int(second or 0), first, today)
    readings = [(second, first), (first, second)] if english else [(first, second), (second, first)]
    days = [day for number, month in readings if (day := _day(third, int(month or 0), number, today))]
    return next((day for day in days if today <= day <= today + _FURTHEST_WITHOUT_YEAR), days[0] if days else None)


def _day(year: str | None, month: int, day: str | None, today: date) -> date | None:
    """The day; without a year this year's, or next year's where that is soon."""
    try:
        if year:
            number = int(year)
            return date(number if number > 99 else 2000 + number, month, int(day or 0))
        this_year = date(today.year, month, int(day or 0))
        if this_year < today:
            next_year = this_year.replace(year=today.year + 1)
            return next_year if next_year - today <= _FURTHEST_WITHOUT_YEAR else this_year
    except ValueError:  # no such day
        return None
    return this_year
