"""Requests that are a line and some fields, answered without the whole machinery of HTTP.

Pixels and links are asked for by thousands when an edition arrives, each over a connection of its own. A request that
came in one piece and looks exactly as it should is read here by one pattern; everything else goes the ordinary way,
which judges what is odd.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import Response

# RFC 9112 3 and 5: no body, no percent-encoding, no folded or odd field; the names are tokens (RFC 9110 5.6.2)
_REQUEST: Final = re.compile(
    rb"(GET|HEAD) (/[A-Za-z0-9/_.-]*)(?:\?[!-~]*)? HTTP/1\.1\r\n((?:[!#-'*+.0-9A-Z^-z|~-]+:[\t -~\x80-\xff]*\r\n)+)\r\n"
)
_BODY: Final = frozenset((b"content-length", b"transfer-encoding", b"expect", b"upgrade"))
_LONGEST: Final = 8192


def brief_request(data: bytes, client: tuple[str, int] | None) -> dict[str, Any] | None:
    """A whole request without a body as an ASGI scope; None if it is anything else, or not all of it."""
    found = _REQUEST.fullmatch(data) if len(data) <= _LONGEST else None
    if found is None:
        return None
    fields = [field.partition(b":") for field in found[3].split(b"\r\n")[:-1]]
    headers = [(name.lower(), value.strip(b" \t")) for name, _, value in fields]
    names = [name for name, _ in headers]
    if names.count(b"host") != 1 or not _BODY.isdisjoint(names):
        return None
    return {
        "type": "http",
        "method": found[1].decode("ascii"),
        "path": found[2].decode("ascii"),
        "headers": headers,
        "client": client,
    }


def written(response: Response, *, now: datetime, head: bool) -> bytes:
    """The bytes of a response; ``head``: without its body (RFC 9110 9.3.2). ``now`` is in UTC."""
    lines = [b"HTTP/1.1 %d %b" % (response.status_code, HTTPStatus(response.status_code).phrase.encode())]
    lines += [b"date: " + _date(now.replace(microsecond=0))]
    lines += [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join((*lines, b"", b"" if head else bytes(response.body)))


@lru_cache(maxsize=8)
def _date(now: datetime) -> bytes:
    return format_datetime(now, usegmt=True).encode("ascii")  # RFC 9110 6.6.1
