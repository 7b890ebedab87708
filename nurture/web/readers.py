"""What readers open, by the letter in its path.

``/u/`` to leave, ``/p/`` to choose, ``/a/`` to say yes to mail at a new address, ``/v/`` to see the mail, ``/o/`` and
``/e/`` for pixels, ``/c/`` for links.
Whatever a proxy puts before the letter does not matter. What is none of ours gets one and the same answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeAlias

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from nurture.clock import Clock
from nurture.delivery.messages import EditionLink
from nurture.errors import NurtureError
from nurture.store import Connection, Store
from nurture.vocabulary import LinkPurpose
from nurture.web.answers import TROUBLE, UNKNOWN, Answer, read_body, respond
from nurture.web.brief import written
from nurture.web.choosing import Choosing
from nurture.web.confirming import Confirming
from nurture.web.editions import Editions, Mails, remembered_keys
from nurture.web.following import Following
from nurture.web.leave import LeavePages
from nurture.web.noting import Noting
from nurture.web.page import View
from nurture.web.viewing import Viewing
from nurture.web.visitors import networks
from nurture.workspace.settings import Settings

# answers a request for a token; with the body of a POST, or None
FormPage: TypeAlias = Callable[[Request, str, bytes | None], Response | None]

_PIXELS: Final = {"o": LinkPurpose.OPEN, "e": LinkPurpose.EDITION_OPEN}


class ReaderPages:
    """The pages as an ASGI application. ``data`` is the folder with the keys of links."""

    def __init__(self, store: Store, data: Path, settings: Callable[[], Settings], clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        keys, known = remembered_keys(data), Editions()

        def edition(connection: Connection, number: int) -> EditionLink | None:
            found = known.get(connection, number)
            return found.link if found else None

        self._noting = Noting(store, keys, lambda: networks(settings().privacy.own_networks), edition)
        self._following = Following(Mails(store, known), keys, self._noting, clock, site=lambda: settings().clinic.site)
        self._viewing, self._viewer = Viewing(store, keys), ThreadPoolExecutor(1, thread_name_prefix="view")
        self._choosing = Choosing(store, keys, settings, clock)
        self._confirming = Confirming(store, data, keys, lambda: settings().clinic, clock)
        self._leave = LeavePages(store, keys, lambda: settings().clinic, clock)

    def close(self) -> None:
        """Write what was noted and is not in the log yet; call it when no request comes any more."""
        self._noting.close()
        self._viewer.shutdown(cancel_futures=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        response = await self._response(request, scope["path"].split("/"))
        await (response or self._leave)(scope, receive, send)

    async def brief(self, scope: Scope) -> bytes | None:
        """Answer a pixel or a link (`server.Brief`)."""
        request = Request(scope)
        match scope["path"].split("/"):
            case [*_, "o" | "e" as letter, token]:
                response: Response | None = self._following.pixel(request, token, _PIXELS[letter])
            case [*_, "c", token, number]:
                try:
                    response = await self._following.click(request, token, number)
                except NurtureError:
                    return None  # the ordinary way says so
            case _:
                return None
        return written(response, now=self._clock.now(), head=request.method == "HEAD") if response else None

    async def _response(self, request: Request, path: Sequence[str]) -> Response | None:
        """What a request gets by the end of its path; None: the page to leave says it, also for all that is unknown."""
        looks = request.method in ("GET", "HEAD")
        match path:
            case [*_, "o" | "e" as letter, token] if looks:
                return self._following.pixel(request, token, _PIXELS[letter])
            case [*_, "c", token, number] if looks:
                return await self._or_trouble(request, self._following.click(request, token, number))
            case [*_, "v", token] if looks:
                # one at a time: composing a mail takes long, and whoever wants to leave must not wait for that
                seen = asyncio.get_running_loop().run_in_executor(self._viewer, self._viewing.page, token)
                return await self._or_trouble(request, seen)
            case [*_, "p", token] if looks or request.method == "POST":
                return await self._form(request, token, self._choosing.page)
            case [*_, "a", token] if looks or request.method == "POST":
                return await self._form(request, token, self._confirming.page)
        return None

    async def _form(self, request: Request, token: str, page: FormPage) -> Response:
        """What a page answers to whoever looks at its form, or sends it."""
        body = None
        if request.method == "POST":
            try:
                body = await read_body(request)
            except ClientDisconnect:
                body = None
            if body is None:
                return respond(request, Answer(View.UNKNOWN, 413), self._settings().clinic)
        return await self._or_trouble(request, asyncio.to_thread(page, request, token, body))

    async def _or_trouble(self, request: Request, answer: Awaitable[Response | None]) -> Response:
        try:
            found = await answer
        except NurtureError:
            return respond(request, TROUBLE, self._settings().clinic)
        return found or respond(request, UNKNOWN, self._settings().clinic)
