"""Mail addresses: cleaned, checked, compared.

RFC 5321 4.5.3.1 bounds the lengths, RFC 5891 turns domains into A-labels.
Comparison ignores case in the whole address; nothing else is folded (cutting
at ``+`` or dropping dots could merge two people).
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass

# What some parsers take for a line end (mail-rules: CPython bpo-46462), plus
# C0, DEL and C1: never part of a name or an address.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# What no UTF-8, so no database, can hold: bytes of an argument or an answer that were not UTF-8.
_SURROGATE = re.compile("[\ud800-\udfff]")
_DOTS = "•••"
_BIDI = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True, slots=True)
class Address:
    """A checked address. ``text`` is what goes on the wire, ``key`` compares."""

    text: str
    key: str
    domain: str


class AddressError(ValueError):
    """The text is not an address that mail can reach."""


def parse_address(text: str) -> Address:
    """Check one bare address (no display name) and return its parts.

    The domain comes back in lower case as A-labels; the local part as written.
    Raises `AddressError` with a text for people.
    """
    from email_validator import EmailNotValidError, validate_email  # lazy: start-up time

    if control_characters(text):
        raise AddressError("the address holds a control character")
    text = text.strip()
    try:
        found = validate_email(
            text,
            check_deliverability=False,
            allow_smtputf8=True,
            test_environment=True,
        )
    except EmailNotValidError as error:
        raise AddressError(str(error)) from error
    domain = (found.ascii_domain or found.domain).lower()
    if len(domain) > 255 or len(found.local_part.encode()) > 64:
        raise AddressError("the address is longer than RFC 5321 allows")
    plain = f"{found.local_part}@{domain}"
    return Address(text=plain, key=plain.casefold(), domain=domain)


def control_characters(text: str) -> bool:
    """Whether ``text`` holds a character that could start a new line or header."""
    return _CONTROL.search(text) is not None


def clean_text(text: str) -> str:
    """``text`` on one line: control and direction marks out, blanks folded, lone surrogates as U+FFFD."""
    if text.isascii() and text.isprintable() and "  " not in text and text == text.strip(" "):
        return text  # nearly every one; asked for dozens of times with each mail
    return " ".join(_BIDI.sub("", _CONTROL.sub(" ", _SURROGATE.sub("\ufffd", text))).split())


def clean_lines(text: str, *, longest: int) -> str:
    """``text`` of several lines, each as by `clean_text`, at most one empty line between; cut after ``longest``."""
    lines: list[str] = []
    for line in map(clean_text, text[: longest + 1].splitlines()):
        if line or (lines and lines[-1]):
            lines.append(line)
    kept = "\n".join(lines).strip()
    return kept if len(text) <= longest else f"{kept[: longest - 1]}…"


def masked_address(text: str) -> str:
    """``d•••@p•••.example``: enough for its owner, little for anybody else."""
    local, _, domain = text.rpartition("@")
    name, _, top = domain.rpartition(".")
    return f"{local[:1]}{_DOTS}@{name[:1]}{_DOTS}.{top}"


def address_hash(key: str, secret: bytes) -> str:
    """A keyed hash of an address key: 32 hex digits, useless without ``secret``."""
    return hmac.digest(secret, key.encode(), "sha256").hex()[:32]
