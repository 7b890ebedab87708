"""The pixel and the links of mails: answered at once, noted afterwards.

The pixel is the same picture for every token, so nobody learns from it which ones are genuine. A link leads to the
target that the edition keeps under its number; nothing in its address says where.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from nurture.clock import Clock
from nurture.composing.link_tokens import KeyRing, is_genuine, parse_token
from nurture.composing.links import HIDDEN
from nurture.vocabulary import LinkPurpose
from nurture.web.editions import Mails
from nurture.web.noting import Noting, TokenVisit
from nurture.web.visitors import Visit

PIXEL: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_SUFFIX: Final = ".gif"
_LONGEST_AGENT: Final = 300
_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store, private",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
    "Connection": "close",  # see `server`
}


class Following:
    """Answers for pixels and links."""

    def __init__(
        self, mails: Mails, keys: Callable[[], KeyRing], noting: Noting, clock: Clock, *, site: Callable[[], str]
    ) -> None:
        self._mails, self._keys, self._noting, self._clock, self._site = mails, keys, noting, clock, site

    def pixel(self, request: Request, text: str, purpose: LinkPurpose) -> Response:
        """The picture, whatever the token is worth: that is found out later."""
        token = parse_token(text.removesuffix(_SUFFIX))
        if token is not None:
            self._noting.put(TokenVisit(token, purpose, self._visit(request, None)))
        return Response(PIXEL, headers=dict(_HEADERS), media_type="image/gif")

    async def click(self, request: Request, text: str, number: str) -> Response | None:
        """On to the target; None for a link that is none of ours. Raises `StoreError`, `SecretError`."""
        token = parse_token(text)
        if token is None or not (number.isascii() and number.isdecimal() and len(number) <= 4):
            return None
        ring, link = self._keys(), int(number)
        found = await self._mails.find(token)
        genuine = is_genuine(token, ring, LinkPurpose.CLICK, found.mail.recipient_key if found else "")
        if link == HIDDEN and is_genuine(token, ring, LinkPurpose.PROBE, ""):
            return redirect(self._site())
        if found is None or not genuine or found.edition is None or link >= len(found.edition.targets):
            return None
        self._mails.remember(token, found)
        self._noting.put(TokenVisit(token, LinkPurpose.CLICK, self._visit(request, link)))
        return redirect(found.edition.targets[link])

    def _visit(self, request: Request, link: int | None) -> Visit:
        agent = request.headers.get("user-agent", "")[:_LONGEST_AGENT]
        return Visit(link, self._clock.now(), request.method, agent, visitor_address(request))


def redirect(target: str) -> Response:
    """On to ``target``, which learns neither the token nor where the reader came from."""
    return Response(status_code=302, headers={**_HEADERS, "Location": _location(target)})


@lru_cache(maxsize=1024)
def _location(target: str) -> str:
    return quote(target, safe=":/%#?=@[]!$&'()*+,;~")


def visitor_address(request: Request) -> str | None:
    """Where a request comes from: what the proxy beside us says, if it is one; a stranger's word counts for nothing."""
    peer = request.client.host if request.client else ""
    near = _is_near(peer)
    said = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip() if near else ""
    return said or (None if near else peer)


@lru_cache(maxsize=64)
def _is_near(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_private
    except ValueError:
        return True  # a socket of this machine
