"""The web server of the readers' pages: one request for each connection, in bounded time, size and number.

A reverse proxy stands before it and does TLS; strangers reach it all the same. It keeps no connection open, so a
proxy never writes a POST into one that is being closed, and it writes down no path, because paths hold tokens.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

import uvicorn
from starlette.types import ASGIApp, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

from nurture.errors import WebError
from nurture.web.brief import brief_request

# answers the scope of a request with bytes; None: somebody else shall
Brief: TypeAlias = Callable[[Scope], Awaitable[bytes | None]]

LONGEST_HEAD: Final = 16_384  # bytes


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many connections at once, and how long each may last (seconds)."""

    connections: int = 200
    lifetime: float = 15.0


class BoundedProtocol(H11Protocol):
    """Cuts a connection that lasts too long; where there are too many, the oldest that still owes its request."""

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - uvicorn's own
        bounds: Bounds,
        brief: Brief | None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*args, **options)
        self._bounds = bounds
        self._brief = brief
        self.answering = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin the deadline; make room."""
        super().connection_made(transport)
        self.came = self.loop.time()
        self._deadline = self.loop.call_later(self._bounds.lifetime, transport.abort)
        if len(self.connections) > self._bounds.connections:
            others = [one for one in self.connections if isinstance(one, BoundedProtocol) and one is not self]
            owing = [one for one in others if not one.answering and (one.cycle is None or one.cycle.more_body)]
            min(owing, key=lambda one: one.came, default=self).transport.abort()

    def data_received(self, data: bytes) -> None:
        """A brief request is answered here; the rest goes the ordinary way."""
        brief, self._brief = self._brief, None  # it comes first on its connection, or not at all
        request = brief_request(data, self.client) if brief else None
        if brief and request:
            self.answering = True
            task = self.loop.create_task(self._answer(brief, request, data))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        elif not self.answering:
            super().data_received(data)

    async def _answer(self, brief: Brief, request: dict[str, Any], data: bytes) -> None:
        answer = await brief(request)
        if self.transport.is_closing():
            return
        if answer is None:
            self.answering = False
            super().data_received(data)
        else:
            self.transport.write(answer)
            self.transport.close()

    def shutdown(self) -> None:
        """What is being answered is answered."""
        if not self.answering:
            super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the deadline."""
        self._deadline.cancel()
        super().connection_lost(exc)


@dataclass(slots=True)
class WebServer:
    """A running server; ``port`` is where it listens."""

    port: int
    _server: uvicorn.Server
    _thread: threading.Thread

    def stop(self) -> None:
        """Stop serving; waits for requests under way, at most two seconds."""
        self._server.should_exit = True
        self._thread.join()


def serve(app: ASGIApp, *, host: str, port: int, bounds: Bounds = Bounds(), brief: Brief | None = None) -> WebServer:
    """Serve ``app`` in a thread of its own; port 0 takes a free one. Raises `WebError` if it cannot listen there.

    ``brief`` may answer requests that `brief_request` takes; where it gives None, ``app`` answers.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise WebError(
            f"the readers' pages cannot be served on {host}:{port}: {error.strerror}. Is another `nurture run` at "
            "work, also for another clinic? Choose another port: web.port in nurture.yaml"
        ) from error
    options: dict[str, Any] = {
        "http": partial(BoundedProtocol, bounds=bounds, brief=brief),
        "log_config": None,
        "log_level": "warning",
        "access_log": False,  # it would write the tokens down
        "lifespan": "off",
        "ws": "none",
        "server_header": False,
        "proxy_headers": False,
        "h11_max_incomplete_event_size": LONGEST_HEAD,
        "timeout_graceful_shutdown": 2,
    }
    server = uvicorn.Server(uvicorn.Config(app, **options))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="web", daemon=True)
    thread.start()
    return WebServer(listening.getsockname()[1], server, thread)
