"""The HTML of a mail, made ready for its frame (pure).

The frame has no scripts, no forms and no network: the browser enforces that by
the ``sandbox`` attribute and the Content-Security-Policy. What they do not
cover is taken out here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

# <link rel=preconnect> opens connections that no policy stops, <base> moves
# links; a changed name can, unlike a removed one, not give birth to a new tag.
_RENAMED = re.compile(r"<(/?)(link|base)(?=[\s/>])", re.IGNORECASE)
_CID = re.compile(r"cid:([^\"'\s)>]{1,250})", re.IGNORECASE)
_REMOTE = re.compile(r"""(?:\bsrc|\bbackground)\s*=\s*["']?\s*https?:|url\(\s*["']?\s*https?:""", re.IGNORECASE)


def framed(html: str, pictures: Mapping[str, str]) -> str:
    """The mail's HTML with ``cid:`` links led to ``pictures`` (Content-ID to path)."""

    def lead(found: re.Match[str]) -> str:
        return pictures.get(unquote(found[1]), found[0])

    return _CID.sub(lead, _RENAMED.sub(r"<\1x-\2", html))


def has_remote_pictures(html: str) -> bool:
    """Whether the mail wants pictures from the network; the frame does not load them."""
    return _REMOTE.search(html) is not None


def frame_policy(pictures: str) -> str:
    """The Content-Security-Policy of the frame; pictures come from one address or from the mail itself."""
    return (
        f"default-src 'none'; img-src data: {pictures}; style-src 'unsafe-inline'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'self'; sandbox"
    )
