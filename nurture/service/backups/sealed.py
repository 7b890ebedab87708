r"""Encrypted files: scrypt makes the key of a passphrase, AES-256-GCM seals the content piece by piece.

::

    "nurture sealed 1\n"    17 octets
    log2 of scrypt's N      1 octet (r = 8, p = 1; RFC 7914)
    salt                    16 octets, new for each file, so each file has a key of its own
    pieces                  65,536 octets and a tag of 16 octets each; the last one may be shorter, even empty

The nonce of a piece is its number (11 octets, big-endian) and an octet that is
1 for the last piece only; the head is authenticated with each. So no piece can
be changed, moved, dropped from the end or taken from another file unnoticed.
"""

from __future__ import annotations

import os
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from nurture.errors import BackupError

MAGIC: Final = b"nurture sealed 1\n"
SHORTEST_PASSPHRASE: Final = 12
_COST: Final = 17  # 128 MB and a third of a second for each guess
_COSTS: Final = range(14, 21)  # a forged head must not take all memory
_SALT: Final = 16
_PIECE: Final = 65_536
_TAG: Final = 16


def is_sealed(start: bytes) -> bool:
    """Whether a file that begins so is encrypted."""
    return start.startswith(MAGIC)


class SealingFile:
    """Write to it, then `close`: only then ``target`` is complete (it stays open)."""

    def __init__(self, target: BinaryIO, passphrase: str) -> None:
        if len(passphrase) < SHORTEST_PASSPHRASE:
            raise BackupError(f"the passphrase is too short: take {SHORTEST_PASSPHRASE} characters or more")
        self._head = MAGIC + bytes([_COST]) + os.urandom(_SALT)
        self._cipher = _cipher(self._head, passphrase)
        self._target = target
        self._waiting = bytearray()
        self._number = 0
        target.write(self._head)

    def write(self, data: bytes) -> int:
        """Take more content."""
        self._waiting += data
        while len(self._waiting) > _PIECE:
            self._seal(bytes(self._waiting[:_PIECE]), last=False)
            del self._waiting[:_PIECE]
        return len(data)

    def flush(self) -> None:
        """Nothing: pieces leave when they are full."""

    def close(self) -> None:
        """Seal the last piece."""
        self._seal(bytes(self._waiting), last=True)

    def _seal(self, piece: bytes, *, last: bool) -> None:
        self._target.write(self._cipher.encrypt(_nonce(self._number, last=last), piece, self._head))
        self._number += 1


class UnsealedFile:
    """The content of an encrypted file. `read` raises `BackupError` where it is not what was sealed."""

    def __init__(self, source: BinaryIO, passphrase: str) -> None:
        self._head = source.read(len(MAGIC) + 1 + _SALT)
        if len(self._head) < len(MAGIC) + 1 + _SALT or self._head[len(MAGIC)] not in _COSTS:
            raise BackupError("the head of the encrypted file is damaged")
        self._cipher = _cipher(self._head, passphrase)
        self._source = source
        self._number = 0
        self._ready = bytearray()
        self._next: bytes | None = source.read(_PIECE + _TAG)

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` octets (all where it is negative); empty at the end."""
        while self._next is not None and (size < 0 or len(self._ready) < size):
            self._open()
        size = len(self._ready) if size < 0 else size
        data = bytes(self._ready[:size])
        del self._ready[:size]
        return data

    def _open(self) -> None:
        assert self._next is not None
        after = self._source.read(_PIECE + _TAG)
        try:
            self._ready += self._cipher.decrypt(_nonce(self._number, last=not after), self._next, self._head)
        except InvalidTag:
            if self._number == 0:
                raise BackupError("the passphrase is wrong, or the beginning of the file is damaged") from None
            raise BackupError("the file is damaged, or its end is missing") from None
        self._number += 1
        self._next = after or None


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _cipher(head: bytes, passphrase: str) -> AESGCM:
    cost, salt = head[len(MAGIC)], head[len(MAGIC) + 1 :]
    return AESGCM(Scrypt(salt=salt, length=32, n=1 << cost, r=8, p=1).derive(passphrase.encode()))
