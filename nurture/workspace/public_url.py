"""The address at which readers reach the clinic's pages, as it stands in ``nurture.yaml``."""

from __future__ import annotations

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, WithJsonSchema

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_URL: Final = re.compile(r"[A-Za-z0-9:/.\-_~%\[\]@?#=&+]{1,200}")  # nothing that ends a link in a header or in HTML


def _public_url(text: str) -> str:
    parts = urlsplit(text.rstrip("/"))
    host = parts.hostname or ""
    local = host in LOOPBACK
    if parts.scheme not in ("http", "https") or not host or not _URL.fullmatch(text):
        raise ValueError("write an address such as `https://mail.clinic.example`")
    if parts.scheme == "http" and not local:
        raise ValueError("must begin with https://, or one-click unsubscribing does not work (RFC 8058 3.1)")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be a plain address: no user name, no `?`, no `#`")
    _ = parts.port  # a number, or ValueError
    return parts.geturl()


PublicUrl = Annotated[
    str,
    AfterValidator(_public_url),
    WithJsonSchema({"type": "string", "title": "public address", "examples": ["https://mail.clinic.example"]}),
]
