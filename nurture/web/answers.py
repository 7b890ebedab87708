"""What all readers' pages answer with: the same headers, the same page for whatever cannot be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from nurture.web.asking import language
from nurture.web.page import PAGE_POLICY, View, page
from nurture.workspace.settings import Clinic

LONGEST_BODY: Final = 65_536  # bytes; the one that RFC 8058 asks for has a few hundred at most
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": PAGE_POLICY,
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Connection": "close",  # see `server`
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the page says. ``address`` is masked there."""

    view: View
    status: int = 200
    address: str | None = None
    may_return: bool = False


UNKNOWN: Final = Answer(View.UNKNOWN, 404)  # for every link that is none of ours, whatever is wrong with it
TROUBLE: Final = Answer(View.TROUBLE, 503)  # the database or the keys cannot be used; mail providers try again


def respond(request: Request, answer: Answer, clinic: Clinic) -> Response:
    """``answer`` as a page in the reader's language."""
    html = page(
        answer.view,
        language=language(request.headers.get("accept-language", "")),
        clinic=clinic,
        address=answer.address,
        may_return=answer.may_return,
    )
    headers = {**HEADERS, "Retry-After": "120"} if answer.status == TROUBLE.status else HEADERS
    return HTMLResponse(html, answer.status, headers)


async def read_body(request: Request) -> bytes | None:
    """The whole body; None if it is too long."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_BODY:
            return None
    return body
