"""The first words of a mail, as mail programs show them in their lists (pure)."""

from __future__ import annotations

import re
from html import unescape

from nurture.address import clean_text

_LOOKED_AT = 60_000  # characters of HTML
# One pass over marks; patterns that look for the end of something from each
# of its beginnings would take the square of the length.
_MARK = re.compile(r"<!--|-->|<(/?)(head|style|script|title)\b[^<>]*>|<[^<>]*>", re.IGNORECASE)
_PADDING = re.compile("[\u00a0\u00ad\u034f\u2007\u200b-\u200f\u2060-\u206f\ufeff]+")  # stands behind preheaders


def opening(html: str | None, text: str | None, length: int) -> str:
    """The first words of the HTML body, hidden ones too (the preheader is), else of the text."""
    words = _words(html[:_LOOKED_AT], enough=8 * length) if html is not None else (text or "")[:_LOOKED_AT]
    return clean_text(_PADDING.sub(" ", words))[:length]


def _words(html: str, *, enough: int) -> str:
    found: list[str] = []
    length = 0
    unseen = ""  # what we are in, if its words are not shown
    place = 0
    for mark in _MARK.finditer(html):
        if not unseen:
            found.append(html[place : mark.start()].strip())
            length += len(found[-1])
            if length > enough:
                break
        place = mark.end()
        name = (mark[2] or "").lower()
        if unseen:
            left = mark[0].endswith("-->") if unseen == "<!--" else mark[1] == "/" and name == unseen
            unseen = "" if left else unseen
        elif mark[0] == "<!--":
            unseen = "<!--"
        elif name and not mark[1]:
            unseen = name
    if not unseen and length <= enough:
        found.append(html[place:])
    return unescape(" ".join(found))
