"""Signed tokens in the links of mails: short, for one purpose each, without any personal data. Pure.

A token is 24 bytes in 32 characters that need no escaping in a URL: two of the key's id, six of a number (the
delivery), sixteen of an HMAC-SHA256. The HMAC also covers the purpose and the keyed hash of the address that the
mail went to. So a token cannot be made, changed or used for something else without the key; and where a restored
or a new database gave the number to another mail, an old token does not hit a stranger.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass
from functools import lru_cache

from nurture.vocabulary import LinkPurpose

LONGEST_NUMBER = 2**48 - 1
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")
_IN_WORDS = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{32}(?![A-Za-z0-9_-])")
_MAC = 16  # bytes: 128 bits


@dataclass(frozen=True, slots=True)
class LinkKey:
    """A key that signs links. ``id`` is four hexadecimal digits; ``secret`` 32 bytes."""

    id: str
    secret: bytes

    def __repr__(self) -> str:
        """Without the secret."""
        return f"<LinkKey {self.id}>"


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys that a workspace ever used, the oldest first; at least one. The last one signs."""

    keys: tuple[LinkKey, ...]

    @property
    def newest(self) -> LinkKey:
        """The key for new links."""
        return self.keys[-1]

    def find(self, key_id: str) -> LinkKey | None:
        """The key with this id, or None."""
        return next((key for key in self.keys if key.id == key_id), None)


@dataclass(frozen=True, slots=True)
class LinkToken:
    """What a token says, before anybody knows whether it is genuine."""

    key_id: str
    number: int
    mac: bytes


def make_token(key: LinkKey, purpose: LinkPurpose, number: int, recipient: str) -> str:
    """The token for a number (0 to 2**48 - 1) and the keyed hash of the address that it goes to."""
    octets = number.to_bytes(6, "big")
    return base64.urlsafe_b64encode(bytes.fromhex(key.id) + octets + _mac(key, purpose, octets, recipient)).decode()


def parse_token(text: str) -> LinkToken | None:
    """What ``text`` says; None for everything that cannot be a token."""
    if not _TOKEN.fullmatch(text):
        return None
    octets = base64.urlsafe_b64decode(text)  # 32 characters are 24 bytes exactly, so each token has one spelling
    return LinkToken(octets[:2].hex(), int.from_bytes(octets[2:8], "big"), octets[8:])


def tokens_in(text: str) -> tuple[LinkToken, ...]:
    """What may be tokens among these words, as in the subject of a mail to leave."""
    return tuple(token for found in _IN_WORDS.findall(text) if (token := parse_token(found)) is not None)


def without_tokens(text: str) -> str:
    """The words alone."""
    return " ".join(_IN_WORDS.sub(" ", text).split())


def is_genuine(token: LinkToken, ring: KeyRing, purpose: LinkPurpose, recipient: str) -> bool:
    """Whether a key of ``ring`` signed this token for ``purpose`` and ``recipient``; in constant time."""
    key = ring.find(token.key_id)
    expected = _mac(key or ring.newest, purpose, token.number.to_bytes(6, "big"), recipient)
    return hmac.compare_digest(expected, token.mac) and key is not None


def _mac(key: LinkKey, purpose: LinkPurpose, number: bytes, recipient: str) -> bytes:
    # the parts before `recipient` cannot hold a zero byte or have a fixed length: no two inputs are the same text
    mac = _begun(key.secret, purpose).copy()
    mac.update(number + recipient.encode())
    return mac.digest()[:_MAC]


@lru_cache(maxsize=64)
def _begun(secret: bytes, purpose: LinkPurpose) -> hmac.HMAC:
    # `hmac.digest` would let another thread go first each time, and wait for it
    return hmac.new(secret, b"nurture link\0%b\0" % purpose.encode(), "sha256")
