"""The newest words of a mail: what its writer wrote, without what their program quoted, signed or added.

No words may be lost: what is not surely quoted stays, and a mail of which nothing would be
left is kept whole. Line by line, each line looked at a bounded number of times.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from nurture.inbox.html_text import QUOTED
from nurture.inbox.mail import Mail
from nurture.inbox.signature import without_signature
from nurture.inbox.word_lists import any_of, read_words

_MAX_LINES = 5000
_MAX_LINE = 600
_MARKED = re.compile(r"\s{0,3}(?:>|\|\s)")
_RULE = re.compile(r"\s*[_\-=]{20,}\s*")
_ADDRESS = re.compile(r"[<(\[][^\s<>()]{1,100}@[^\s<>()]{1,150}[>)\]]|mailto:|\S@\S")
_TIME_OR_YEAR = re.compile(r"\d{1,2}[:.h]\d{2}|\b(?:19|20)\d{2}\b|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|年")
_DATE = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)|(?<!\d)\d{1,2}[./-]\s?\d{1,2}[./-]\s?\d{2,4}(?!\d)|年")
_ENDS = re.compile(r"[:：]\s*$")


@dataclass(frozen=True, slots=True)
class _Patterns:
    verb: re.Pattern[str]
    verb_at_end: re.Pattern[str]
    begins: re.Pattern[str]
    separator: re.Pattern[str]
    from_field: re.Pattern[str]
    other_field: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    table = read_words("quotes.toml")
    begins, verbs = ("|".join(table["attribution"][name]) for name in ("begins", "verbs"))
    first, others = ("|".join(table["header"][name]) for name in ("from", "others"))
    return _Patterns(
        verb=re.compile(rf"(?<!\w)(?:{verbs})(?!\w)", re.IGNORECASE),
        verb_at_end=re.compile(rf"(?:^|\W)(?:{verbs})[^\w\n]{{0,12}}$", re.IGNORECASE),
        begins=re.compile(rf"^\W{{0,6}}(?:{begins})(?!\w)", re.IGNORECASE),
        separator=re.compile(rf"^\W{{0,3}}(?:{any_of(table['separators']['lines']).pattern})\s*$", re.IGNORECASE),
        from_field=re.compile(rf"^[\s>*_|]{{0,6}}(?:{first})\s?[*_]{{0,2}}\s?[:：]", re.IGNORECASE),
        other_field=re.compile(rf"^[\s>*_|]{{0,6}}(?:{others})\s?[*_]{{0,2}}\s?[:：]", re.IGNORECASE),
    )


def newest_words(mail: Mail) -> str:
    """The newest words of ``mail``, with their line breaks; empty where it has none."""
    return newest_text(mail.words)


def newest_text(text: str) -> str:
    """The newest words of a text; the whole text where all of it looks quoted."""
    lines = text.split("\n")[:_MAX_LINES]
    kept = without_signature(_unquoted(lines))
    if not _says_something(kept):
        kept = _unmarked(lines)
    return _joined(kept)


def _unquoted(lines: list[str]) -> list[str]:
    """``lines`` without what is quoted: blocks behind ``>`` and their headings, or all below a heading."""
    kept: list[str] = []
    said = False
    marked = sum(1 for line in lines if _MARKED.match(line))
    place = 0
    while place < len(lines):
        line = lines[place]
        if _MARKED.match(line) and marked > 1:
            place += 1
            continue
        heading = _heading(lines, place)
        if heading and _is_marked(lines, place + heading):
            # what is quoted is marked; words below it are new ones
            place = _next_filled(lines, place + heading)
            while place < len(lines) and _MARKED.match(lines[place]):
                place += 1
        elif heading and said:
            break
        elif heading:
            # answered below, without marks: nobody can tell where, so all stays
            kept += [each for each in lines[place : place + heading] if each != QUOTED]
            place += heading
        else:
            kept.append(line)
            said = said or _says_something([line])
            place += 1
    return kept


def _heading(lines: list[str], place: int) -> int:
    """How many lines at ``place`` announce quoted words; 0 where it is none."""
    line = lines[place]
    if not line.strip() or len(line) > _MAX_LINE:
        return 0
    if line == QUOTED or _patterns().separator.match(line):
        return 1
    if _RULE.fullmatch(line):
        behind = _next_filled(lines, place + 1)
        return behind - place if behind < len(lines) and _is_header(lines, behind) else 0
    if _is_header(lines, place):
        return 1
    return _attribution(lines, place)


def _attribution(lines: list[str], place: int) -> int:
    """Lines like ``On Tuesday, Pat <pat@...> wrote:``, which programs break into up to four."""
    patterns = _patterns()
    if not (patterns.begins.match(lines[place]) or "@" in lines[place] or any(map(str.isdigit, lines[place]))):
        return 0
    joined = ""
    for count in range(1, 5):
        if place + count > len(lines):
            return 0
        line = lines[place + count - 1].strip()
        if not line or len(joined) + len(line) > _MAX_LINE:
            return 0
        joined = f"{joined} {line}".strip()
        if not any(map(str.isdigit, joined)):
            continue
        told = patterns.verb_at_end.search(joined[-60:]) or (
            _ENDS.search(joined[-5:]) and (_ADDRESS.search(joined) or patterns.verb.search(joined))
        )
        if (
            told
            and _is_dated(joined)
            and (patterns.begins.match(joined) or _ADDRESS.search(joined) or _is_marked(lines, place + count))
        ):
            return count
    return 0


def _is_dated(heading: str) -> bool:
    """Whether it tells the time of a mail, not just "on Friday at ten"."""
    return _DATE.search(heading) is not None or (
        _ADDRESS.search(heading) is not None and _TIME_OR_YEAR.search(heading) is not None
    )


def _is_marked(lines: list[str], place: int) -> bool:
    """Whether the next words are behind a mark."""
    behind = _next_filled(lines, place)
    return behind < len(lines) and _MARKED.match(lines[behind]) is not None


def _is_header(lines: list[str], place: int) -> bool:
    """Whether a quoted header begins here: fields on most of the next lines, From among them.

    People write lists like "From: Salem, To: Boston", too; a header names an address, a time or a year.
    """
    patterns = _patterns()
    if not (patterns.from_field.match(lines[place][:200]) or patterns.other_field.match(lines[place][:200])):
        return False
    near = [line[:200] for line in lines[place : place + 8] if line.strip()][:6]
    senders = [line for line in near if patterns.from_field.match(line)]
    others = [line for line in near if patterns.other_field.match(line) and line not in senders]
    if not senders or not (_TIME_OR_YEAR.search("\n".join(near)) or _ADDRESS.search("\n".join(near))):
        return False
    if near[0] is senders[0]:
        return len(others) >= 2 or (bool(others) and _ADDRESS.search(lines[place]) is not None)
    return len(others) >= 2


def _next_filled(lines: list[str], place: int) -> int:
    while place < len(lines) and not lines[place].strip():
        place += 1
    return place


def _says_something(lines: list[str]) -> bool:
    return any(character.isalnum() for line in lines for character in line)


def _unmarked(lines: list[str]) -> list[str]:
    """A mail that is nothing but quoted, without the marks."""
    return [re.sub(r"^(?:\s{0,3}>)+ ?", "", line) for line in lines if line != QUOTED]


def _joined(lines: list[str]) -> str:
    """Without blank lines at the ends, and no more than one between paragraphs."""
    text = "\n".join(line.rstrip().replace("\xa0", " ") for line in lines).strip("\n")
    return re.sub(r"\n{3,}", "\n\n", text).strip()
