"""The secret behind address hashes: ``data/address.key``.

Hashes survive the erasure of a contact, so that it stays suppressed; the key
keeps anybody without it from trying out addresses. The database remembers the
key's fingerprint: with another key no suppression would be found any more.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import stat
from pathlib import Path
from typing import Final

from nurture.errors import SecretError
from nurture.secret_files import make_secret_file
from nurture.store import Store, meta

FILE_NAME: Final = "address.key"
_FINGERPRINT: Final = "address_key_fingerprint"
_KEY: Final = re.compile(r"[0-9a-f]{64}")


def address_key_file(data: Path) -> Path:
    """Where the key is, in the workspace's folder ``data``."""
    return data / FILE_NAME


def load_address_key(store: Store, data: Path) -> bytes:
    """The key in the folder ``data``; made on first use, then tied to this database.

    Raises `SecretError` if it is missing although the database knows one, does
    not fit the database, is broken, or can be read by others.
    """
    path = address_key_file(data)
    with store.read() as connection:
        expected = meta.get(connection, _FINGERPRINT)
    if expected is not None and not path.exists():
        raise SecretError(
            f"the address key {path} is missing; without it suppressions cannot be found, so nothing is sent or "
            "imported. Put it back from your copy of the data folder."
        )
    if expected is None:
        _make(path)
    key = _read(path)
    if expected is None:
        with store.write() as connection:
            # another process may have been first
            expected = meta.get(connection, _FINGERPRINT)
            if expected is None:
                expected = _fingerprint(key)
                meta.put(connection, _FINGERPRINT, expected)
    if _fingerprint(key) != expected:
        raise SecretError(
            f"the address key {path} does not belong to {store.place}; suppressions would not be found. "
            "Put the right key back from your copy of the data folder."
        )
    return key


def _fingerprint(key: bytes) -> str:
    return hashlib.sha256(b"nurture address key\0" + key).hexdigest()[:16]


def _make(path: Path) -> None:
    """Write a new key unless one is there."""
    if path.exists():
        return
    try:
        make_secret_file(path, f"{secrets.token_hex(32)}\n")
    except OSError as error:
        raise SecretError(f"the address key {path} cannot be made: {error.strerror}") from error


def _read(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"the address key {path} cannot be read: {error}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretError(f"the address key {path} can be read by others; mend it with: chmod 600 {path}")
    if not _KEY.fullmatch(text):
        raise SecretError(f"the address key {path} is broken; put it back from your copy of the data folder.")
    return bytes.fromhex(text)
