"""What readers open, by the letter in its path: ``/u/`` to leave, ``/o/`` and ``/e/`` for pixels, ``/c/`` for links.

Whatever a proxy puts before the letter does not matter. What is none of ours gets one and the same answer.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from nurture.clock import Clock
from nurture.delivery.messages import EditionLink
from nurture.errors import NurtureError
from nurture.store import Connection, Store
from nurture.vocabulary import LinkPurpose
from nurture.web.answers import TROUBLE, UNKNOWN, respond
from nurture.web.editions import Editions, Mails, remembered_keys
from nurture.web.following import Following
from nurture.web.leave import LeavePages
from nurture.web.noting import Noting
from nurture.web.visitors import networks
from nurture.workspace.settings import Settings

_PIXELS: Final = {"o": LinkPurpose.OPEN, "e": LinkPurpose.EDITION_OPEN}


class ReaderPages:
    """The pages as an ASGI application. ``data`` is the folder with the keys of links."""

    def __init__(self, store: Store, data: Path, settings: Callable[[], Settings], clock: Clock) -> None:
        self._settings = settings
        keys, known = remembered_keys(data), Editions()

        def edition(connection: Connection, number: int) -> EditionLink | None:
            found = known.get(connection, number)
            return found.link if found else None

        self._noting = Noting(store, keys, lambda: networks(settings().privacy.own_networks), edition)
        self._following = Following(Mails(store, known), keys, self._noting, clock, site=lambda: settings().clinic.site)
        self._leave = LeavePages(store, data, lambda: settings().clinic, clock)

    def close(self) -> None:
        """Write what was noted and is not in the log yet; call it when no request comes any more."""
        self._noting.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            return
        parts = scope["path"].split("/")
        if scope["method"] in ("GET", "HEAD"):
            request = Request(scope, receive)
            if parts[-2:-1] and parts[-2] in _PIXELS:
                await self._following.pixel(request, parts[-1], _PIXELS[parts[-2]])(scope, receive, send)
                return
            if parts[-3:-2] == ["c"]:
                response = await self._click(request, parts[-2], parts[-1])
                await response(scope, receive, send)
                return
        await self._leave(scope, receive, send)

    async def _click(self, request: Request, token: str, number: str) -> Response:
        try:
            found = await self._following.click(request, token, number)
        except NurtureError:
            return respond(request, TROUBLE, self._settings().clinic)
        return found or respond(request, UNKNOWN, self._settings().clinic)
