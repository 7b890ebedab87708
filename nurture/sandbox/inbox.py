"""The inbox page of the sandbox: what was sent, as its readers would see it."""

from __future__ import annotations

import secrets
import socket
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import jinja2
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from nurture.errors import SandboxError
from nurture.sandbox.frame import frame_policy, framed, has_remote_pictures, links
from nurture.sandbox.gate import Gate
from nurture.sandbox.listing import Listing
from nurture.sandbox.mail import Mail, read_mail, source
from nurture.sandbox.maildir import Entry, find, mark_read, read

_PAGES = Path(__file__).parent / "pages"
_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_SOURCE_SHOWN = 500_000  # characters
_TABS = ("html", "text", "headers", "source")
_HUES = 6


@dataclass(slots=True)
class InboxServer:
    """A running inbox. ``url`` holds the token: who knows it, on this machine, can read the mail."""

    url: str
    _server: uvicorn.Server
    _thread: threading.Thread

    def stop(self) -> None:
        """Stop serving; waits for the thread."""
        self._server.should_exit = True
        self._thread.join()


def serve_inbox(maildir: Path, *, port: int = 0) -> InboxServer:
    """Serve the inbox of a Maildir on loopback in its own thread, on a free port by default.

    Raises `SandboxError` if the port is taken.
    """
    token = secrets.token_urlsafe(24)
    try:
        listening = socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise SandboxError(f"the inbox cannot listen on 127.0.0.1:{port}: {error.strerror}") from error
    config = uvicorn.Config(
        inbox_app(maildir, token),
        log_config=None,
        log_level="warning",
        access_log=False,  # it would write the token down
        lifespan="off",
        ws="none",
        http="h11",
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="inbox", daemon=True)
    thread.start()
    return InboxServer(f"http://127.0.0.1:{listening.getsockname()[1]}/{token}/", server, thread)


def inbox_app(maildir: Path, token: str) -> ASGIApp:
    """The inbox as an ASGI application; every path begins with the token."""
    pages = _Inbox(maildir, token)
    routes = [
        Route("/{token}", pages.messages),
        Route("/{token}/", pages.messages),
        Route("/{token}/style.css", pages.style),
        Route("/{token}/message/{id}", pages.message),
        Route("/{token}/message/{id}/html", pages.html),
        Route("/{token}/message/{id}/part/{number:int}", pages.part),
        Route("/{token}/message/{id}/message.eml", pages.original),
    ]
    app = Starlette(routes=routes, exception_handlers={404: pages.missing})
    return Gate(app, token)


class _Inbox:
    """The pages; each is a plain function of the request, run in a thread."""

    def __init__(self, maildir: Path, token: str) -> None:
        self._maildir = maildir
        self._base = f"/{token}"
        self._listing = Listing(maildir)
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_PAGES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["base"] = self._base
        self._templates.filters["day"] = lambda moment: f"{moment:%A}, {moment.day} {moment:%B} {moment.year}"
        self._templates.filters["hue"] = lambda text: zlib.crc32(str(text).encode()) % _HUES

    def messages(self, request: Request) -> Response:
        """The list, or what a search found."""
        query = request.query_params.get("q", "").strip()[:200]
        number = request.query_params.get("page", "1")
        page = self._listing.page(int(number) if number.isdecimal() and len(number) < 7 else 1, query=query)
        return self._page("list.html", page=page, query=query)

    def message(self, request: Request) -> Response:
        """One message by one of its tabs."""
        entry = self._entry(request)
        data = read(self._maildir, entry)
        mail = read_mail(data)
        if request.method == "GET":
            mark_read(self._maildir, entry)
        newer, older = self._listing.neighbours(entry.id)
        tabs = [tab for tab in _TABS if _has_tab(mail, tab)]
        wanted = request.query_params.get("view", "")
        view = wanted if wanted in tabs else tabs[0]
        text = source(data) if view == "source" else ""
        return self._page(
            "message.html",
            id=entry.id,
            mail=mail,
            tabs=tabs,
            view=view,
            narrow=request.query_params.get("width") == "phone",
            remote=bool(mail.html) and has_remote_pictures(mail.html or ""),
            links=links(mail.html or "") if view == "html" else [],
            source=text[:_SOURCE_SHOWN],
            cut=len(text) > _SOURCE_SHOWN,
            attached=[part for part in mail.parts if not (part.cid and part.content_type in _PICTURES)],
            newer=newer,
            older=older,
        )

    def html(self, request: Request) -> Response:
        """A message's HTML, for its frame."""
        entry = self._entry(request)
        mail = read_mail(read(self._maildir, entry))
        folder = f"{self._base}/message/{quote(entry.id)}/part/"
        html = framed(mail.html or "", {part.cid: f"{folder}{part.number}" for part in mail.parts if part.cid})
        policy = frame_policy(f"{request.url.scheme}://{request.headers['host']}{folder}")
        return HTMLResponse(html, headers={"Content-Security-Policy": policy})

    def part(self, request: Request) -> Response:
        """A picture to be shown, or an attachment to be saved."""
        mail = read_mail(read(self._maildir, self._entry(request)))
        part = next((part for part in mail.parts if part.number == request.path_params["number"]), None)
        if part is None:
            raise HTTPException(404)
        # the frame is sandboxed, so its origin is nobody's: only the token protects the picture
        headers = {"Cross-Origin-Resource-Policy": "cross-origin"}
        if part.content_type in _PICTURES:
            return Response(part.data, media_type=part.content_type, headers=headers)
        name = quote(part.name or f"part-{part.number}")
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
        return Response(part.data, media_type="application/octet-stream", headers=headers)

    def original(self, request: Request) -> Response:
        """The whole message as a file that mail programs open."""
        entry = self._entry(request)
        headers = {"Content-Disposition": f'attachment; filename="{entry.id}.eml"'}
        return Response(read(self._maildir, entry), media_type="message/rfc822", headers=headers)

    def style(self, _request: Request) -> Response:
        """The style sheet."""
        return Response((_PAGES / "style.css").read_bytes(), media_type="text/css")

    def missing(self, _request: Request, _error: Exception) -> Response:
        """Nothing there, for somebody who may look."""
        return self._page("missing.html", status=404)

    def _entry(self, request: Request) -> Entry:
        entry = find(self._maildir, request.path_params["id"])
        if entry is None:
            raise HTTPException(404)
        return entry

    def _page(self, template: str, *, status: int = 200, **values: object) -> Response:
        return HTMLResponse(self._templates.get_template(template).render(values), status)


def _has_tab(mail: Mail, tab: str) -> bool:
    if tab == "html":
        return mail.html is not None
    if tab == "text":
        return mail.text is not None
    return tab == "source" or bool(mail.headers)
