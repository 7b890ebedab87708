"""Mail addresses in the words of strangers' programs. Linear in the length of the text."""

from __future__ import annotations

import re
from collections.abc import Iterator

# bounded, and begun only where a word begins: a long run of letters is looked at once
_ADDRESS = re.compile(
    r"(?<![^\s<>()\[\],;:\"'`=|])"
    r"(?P<local>\"[^\"\s]{1,64}\"|[^\s<>()\[\],;:\"@\\|=][^\s<>()\[\],;:\"@\\|]{0,127})"
    r"@(?P<domain>[^\s<>()\[\],;:\"@\\|/?#&]{1,255})"
)
_LOOKED_AT = 6000  # characters: more than of any reason is looked at, for addresses become shorter
_LABEL = re.compile(r"[^\W_](?:[\w-]{0,61}[^\W_])?")


def addresses_in(text: str) -> Iterator[str]:
    """Every address in ``text``, in its order, spelled as it stands."""
    for found in _ADDRESS.finditer(text):
        local = found["local"].lstrip("'`*_!").removeprefix("mailto:")
        domain = found["domain"].rstrip(".'`*!?…").removesuffix("'s")
        labels = domain.split(".")
        if local and len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels):
            yield f"{local}@{domain}"


def without_addresses(words: str) -> str:
    """The beginning of ``words`` with ``@`` in the place of each address, whatever words are in one."""
    words = words[:_LOOKED_AT]
    for address in dict.fromkeys(addresses_in(words)):
        words = words.replace(address, "@")
    return words


def first_address(text: str) -> str:
    """The address of a From or To field, preferring one in angle brackets; empty without one."""
    opening = text.rfind("<")
    for place in (text[opening:], text) if opening >= 0 else (text,):
        for address in addresses_in(place):
            return address
    return ""


def bare_address(text: str) -> str:
    """The address in the value of ``Final-Recipient`` and its kind (RFC 3464 2.3); empty without one.

    The type before it (``rfc822;``) and a source route (``@a,@b:``) fall away.
    """
    value = text.partition(";")[2] if ";" in text.partition("@")[0] else text
    value = value.strip()
    if value.startswith("@") and ":" in value:
        value = value.partition(":")[2]
    return next(addresses_in(value), "")
