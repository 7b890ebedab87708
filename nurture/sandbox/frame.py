"""The HTML of a mail, made ready for its frame (pure).

The frame has no scripts, no forms and no network: the browser enforces that by
the ``sandbox`` attribute and the Content-Security-Policy. But a browser opens
connections before it asks the policy, for frames, links and ``preconnect``
(tests/sandbox/test_browser.py hears them): such things are taken out here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from urllib.parse import unquote

_LINKS = 100
# Renamed, not removed: what is left over after a removal can be a new tag.
_ELEMENTS = re.compile(
    r"<(/?)(link|base|iframe|frame|frameset|fencedframe|object|embed|applet|form)(?=[\s/>])", re.IGNORECASE
)
_ATTRIBUTES = re.compile(r"\b(href|attributename|ping)(?=\s{0,20}=)", re.IGNORECASE)
_LINK_LOOK = "<style>a[x-href]{color:#0b5c6b;text-decoration:underline}</style>"
_DOCTYPE = re.compile(r"\s{0,100}<!doctype[^<>]{0,300}>", re.IGNORECASE)
_CID = re.compile(r"cid:([^\"'\s)>]{1,250})", re.IGNORECASE)
_HREF = re.compile(r"""\bhref\s{0,20}=\s{0,20}(?:"([^"<>]{1,2000})"|'([^'<>]{1,2000})')""", re.IGNORECASE)
_REMOTE = re.compile(
    r"""\b(?:src|background)\s{0,20}=\s{0,20}["']?\s{0,20}https?:|url\(\s{0,20}["']?\s{0,20}https?:""", re.IGNORECASE
)


def framed(html: str, pictures: Mapping[str, str]) -> str:
    """The mail's HTML without ways out; ``cid:`` leads to ``pictures`` (Content-ID to path).

    Links keep their look and lose their target; `links` lists the targets.
    """

    def lead(found: re.Match[str]) -> str:
        return pictures.get(unquote(found[1]), found[0])

    html = _ATTRIBUTES.sub(r"x-\1", _ELEMENTS.sub(r"<\1x-\2", _CID.sub(lead, html)))
    start = _DOCTYPE.match(html)  # must stay first, or the browser falls back to quirks
    place = start.end() if start else 0
    return html[:place] + _LINK_LOOK + html[place:]


def links(html: str) -> list[str]:
    """Where the mail's links lead, each once, in their order; web and mail addresses only."""
    found = (unescape(double or single).strip() for double, single in _HREF.findall(html))
    targets = dict.fromkeys(target for target in found if re.match(r"(https?|mailto|tel):", target, re.IGNORECASE))
    return list(targets)[:_LINKS]


def has_remote_pictures(html: str) -> bool:
    """Whether the mail wants pictures from the network; the frame does not load them."""
    return _REMOTE.search(html) is not None


def frame_policy(pictures: str) -> str:
    """The Content-Security-Policy of the frame; pictures come from one address or from the mail itself."""
    return (
        f"default-src 'none'; img-src data: {pictures}; style-src 'unsafe-inline'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'self'; sandbox"
    )
