"""The address to which a mail comes back if it cannot be delivered: the sender's own, or one that names the mail. Pure.

Variable envelope return paths (VERP): ``hello+b.TOKEN@clinic.example`` (RFC 5233 calls the part behind ``+`` a
detail). A bounce then tells what it is about even if it repeats nothing of the mail.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from nurture.composing.link_tokens import LinkToken, parse_token

_DETAIL: Final = re.compile(r"\+b\.([A-Za-z0-9_-]{32})@")


def return_path(address: str, token: str) -> str:
    """``address`` with a token in it; ``address`` alone for an empty token."""
    local, _, domain = address.rpartition("@")
    return f"{local}+b.{token}@{domain}" if token else address


def returned_tokens(fields: Iterable[str]) -> tuple[LinkToken, ...]:
    """The tokens in the addresses that these header fields name."""
    found = (match[1] for field in fields for match in _DETAIL.finditer(field))
    return tuple(token for text in dict.fromkeys(found) if (token := parse_token(text)) is not None)
