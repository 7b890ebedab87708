"""What a request asks for, and in which language (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from nurture.audience.leaving import Choice

LANGUAGES = ("en", "es")
_ONE_CLICK = "List-Unsubscribe"
_QUALITY = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")


@dataclass(frozen=True, slots=True)
class Asked:
    """The choice; ``one_click``: a mail program made it (RFC 8058 3.2)."""

    choice: Choice
    one_click: bool


def asked(body: bytes) -> Asked:
    """What a POST asks for, whatever its content type says.

    Only the page's own form can ask for less than everything. Nobody posts by accident, so a body that says
    nothing, or nothing that we know, means what the link stands for: no more mail.
    """
    text = body.decode("latin-1")
    if f'name="{_ONE_CLICK}"' in text or f"name={_ONE_CLICK}" in text:  # multipart/form-data
        return Asked(Choice.EVERYTHING, one_click=True)
    fields = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=None))
    if _ONE_CLICK in fields:
        return Asked(Choice.EVERYTHING, one_click=True)
    wanted = fields.get("choice")
    return Asked(next((choice for choice in Choice if choice == wanted), Choice.EVERYTHING), one_click=False)


def language(accept: str) -> str:
    """The language of `LANGUAGES` that an Accept-Language field likes best (RFC 9110 12.5.4); else English."""
    best, liked = LANGUAGES[0], 0.0
    for part in accept[:500].split(","):
        name, _, parameters = part.partition(";")
        found = _QUALITY.fullmatch(parameters.strip())
        quality = float(found[1]) if found else 0.0 if parameters.strip() else 1.0
        primary = name.strip().lower().partition("-")[0]
        if primary in LANGUAGES and quality > liked:
            best, liked = primary, quality
    return best


def token_of(path: str) -> str | None:
    """The token in a path that ends with ``/u/TOKEN``, whatever a proxy put before it."""
    parts = path.rsplit("/", 2)
    return parts[2] if len(parts) == 3 and parts[1] == "u" else None
