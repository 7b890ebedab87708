"""What stands below a person's words: the signature behind its mark, and what programs and lists add."""

from __future__ import annotations

import re
from functools import cache

from nurture.inbox.word_lists import any_of, read_words

_MARK = re.compile(r"\s{0,2}(?:--|—|__)\s*")  # RFC 3676 4.3: "-- "; programs lose the blank
_RULE = re.compile(r"\s*_{20,}\s*")
_OF_A_LIST = re.compile(r"https?://|\S@\S|unsubscribe|mailing list|abmelden|désabonner", re.IGNORECASE)
_MAX_SIGNATURE = 15  # lines
_MAX_LINE = 120
_MAX_FOOTER_LINE = 300


@cache
def _added() -> tuple[re.Pattern[str], re.Pattern[str]]:
    table = read_words("quotes.toml")["added"]
    sent_from, footer = any_of(table["sent_from"]).pattern, any_of(table["footer"]).pattern
    return (
        re.compile(rf"^\W{{0,4}}(?:{sent_from})\W{{0,4}}$", re.IGNORECASE),
        re.compile(rf"^\W{{0,4}}(?:{footer})\s*$", re.IGNORECASE),
    )


def without_signature(lines: list[str]) -> list[str]:
    """``lines`` without a signature; unchanged where what remained would say nothing."""
    sent_from, footer = _added()
    kept = _before_footer(lines, footer)
    kept = _before_mark(kept)
    filled = [place for place, line in enumerate(kept) if line.strip()]
    while len(filled) > 1 and len(kept[filled[-1]]) <= _MAX_LINE and sent_from.match(kept[filled[-1]]):
        kept = kept[: filled[-1]]
        filled.pop()
    return kept if any(line.strip() for line in kept) else lines


def _before_footer(lines: list[str], footer: re.Pattern[str]) -> list[str]:
    """Up to a list's or a scanner's footer."""
    for place in _near_the_end(lines):
        line = lines[place]
        if _RULE.fullmatch(line):
            found = _OF_A_LIST.search("\n".join(lines[place + 1 :])) is not None
        else:
            found = len(line) <= _MAX_FOOTER_LINE and footer.match(line) is not None
        if found:
            return lines[:place]
    return lines


def _before_mark(lines: list[str]) -> list[str]:
    """Up to the first signature mark which only a signature follows."""
    for place in _near_the_end(lines):
        if _MARK.fullmatch(lines[place]) and all(len(line) <= _MAX_LINE for line in lines[place + 1 :]):
            return lines[:place]
    return lines


def _near_the_end(lines: list[str]) -> list[int]:
    """The places that words stand before and at most a signature's length of lines behind, from above."""
    filled = [place for place, line in enumerate(lines) if line.strip()]
    return filled[1:][-_MAX_SIGNATURE - 1 :]
