"""Header fields (RFC 5322, 2047, 2369, 2919, 6068), built by hand.

Every value is cleaned of control characters first, so no value can begin a new
line or header; lines fold at 78 and never pass 998 octets.
"""

from __future__ import annotations

import base64
import re
import secrets
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import quote

from nurture.address import clean_text

_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]+")
_PLAIN = re.compile(r"[\x20-\x7e]*")
_MAX_LINE = 78
_MAX_WORD = 75  # RFC 2047 2
_CHUNK = (_MAX_WORD - len("=?utf-8?b??=")) // 4 * 3  # octets of text in one encoded-word


def encode_text(text: str, *, used: int) -> str:
    """An unstructured value (Subject), folded; ``used`` octets stand before it on its first line."""
    text = clean_text(text)
    # an encoded-word look-alike in plain text would be decoded by readers
    if _PLAIN.fullmatch(text) and "=?" not in text and max(map(len, text.split(" "))) < _MAX_LINE:
        return _fold(text.split(" "), used)
    return _fold(_encoded_words(text, used), used)


def encode_mailbox(name: str, address: str, *, used: int) -> str:
    """``name <address>`` with the name as a phrase (RFC 5322 3.2.5), folded."""
    name = clean_text(name)
    spec = f"<{one_word(address)}>"
    if not name:
        return spec
    if _PLAIN.fullmatch(name) and "=?" not in name and max(map(len, name.split(" "))) < 60:
        if not _ATOMS.fullmatch(name):
            name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return _fold([*name.split(" "), spec], used)
    return _fold([*_encoded_words(name, used), spec], used)


def one_word(text: str) -> str:
    """``text`` without blanks and control characters: for addresses and ids."""
    return clean_text(text).replace(" ", "").replace("<", "").replace(">", "")


def date_text(at: datetime) -> str:
    """An aware datetime as RFC 5322 3.3 wants it."""
    if at.tzinfo is None:
        raise ValueError("the Date of a mail needs a zone")
    return format_datetime(at)


def new_message_id(from_address: str) -> str:
    """A fresh Message-ID under the From domain, in angle brackets (RFC 5322 3.6.4)."""
    return f"<{secrets.token_hex(16)}@{from_address.rpartition('@')[2]}>"


def list_id(topic: str, from_address: str) -> str:
    """One id per topic (RFC 2919): ``<partner-news.clinic.example>``."""
    return f"<{one_word(topic)}.{from_address.rpartition('@')[2]}>"


def mailto(address: str, *, subject: str | None = None) -> str:
    """A ``mailto:`` address (RFC 6068 2): what means something there is percent-encoded."""
    local, _, domain = one_word(address).rpartition("@")
    link = "mailto:" + quote(local, safe="!$'*+-._~") + "@" + quote(domain, safe=".-[]:")
    return link + "?subject=" + quote(subject, safe="") if subject else link


def reply_to(*addresses: str) -> str:
    """The Reply-To field with its line end (RFC 5322 3.6.2)."""
    return header("Reply-To", folded("Reply-To", ", ".join(f"<{one_word(address)}>" for address in addresses)))


def folded(name: str, value: str) -> str:
    """A structured value, broken only at its blanks and, where it is too long, before its first word."""
    return _fold(clean_text(value).split(" "), len(name) + 2)


def header(name: str, value: str) -> str:
    """One field with its line end; ``value`` is already encoded and folded."""
    return f"{name}: {value}\r\n"


def _fold(words: list[str], used: int) -> str:
    """``words`` on lines of at most 78 octets where their length allows it."""
    lines: list[str] = []
    line = ""
    for word in words:
        room = _MAX_LINE - (used if not lines else 1)
        if line and len(f"{line} {word}".encode()) > room:
            lines.append(line)
            line = word
        elif not line and not lines and len(word.encode()) > room and used > 1:
            lines.append("")  # the first word alone is too long for the rest of the first line
            line = word
        else:
            line = f"{line} {word}" if line else word
    lines.append(line)
    return "\r\n ".join(lines)


def _encoded_words(text: str, used: int) -> list[str]:
    """``text`` as encoded-words of whole characters (RFC 2047 5), the first one short enough for its line."""
    words: list[str] = []
    chunk = b""
    room = min(_CHUNK, max((_MAX_LINE - used - len("=?utf-8?b??=")) // 4 * 3, 8))
    for character in text:
        octets = character.encode("utf-8", "replace")
        if len(chunk) + len(octets) > room:
            words.append(_encoded_word(chunk))
            chunk, room = b"", _CHUNK
        chunk += octets
    words.append(_encoded_word(chunk))
    return words


def _encoded_word(octets: bytes) -> str:
    return f"=?utf-8?b?{base64.b64encode(octets).decode()}?="
