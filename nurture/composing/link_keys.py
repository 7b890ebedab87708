"""The keys of the links in mails: ``data/link.keys``, a line for each.

Old keys stay in the file, because old mails stay in mailboxes: a link works as long as its key is there.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from nurture.composing.link_tokens import KeyRing, LinkKey
from nurture.errors import SecretError
from nurture.secret_files import make_secret_file

FILE_NAME: Final = "link.keys"
_LINE: Final = re.compile(r"([0-9a-f]{4}) ([0-9a-f]{64}) \S+")


def link_key_file(data: Path) -> Path:
    """Where the keys are, in the workspace's folder ``data``."""
    return data / FILE_NAME


def read_link_keys(data: Path) -> KeyRing:
    """The keys in the folder ``data``; raises `SecretError` if they are missing, broken, or others can read them."""
    path = link_key_file(data)
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii")
    except FileNotFoundError as error:
        raise SecretError(
            f"the keys of the links in mails, {path}, are missing; without them nobody can leave by a link. Put the "
            "file back from your copy of the data folder, or, if it is lost, make a new key: nurture keys rotate"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"the keys of the links in mails, {path}, cannot be read: {error}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretError(f"{path} can be read by others, who could then leave for anybody; mend it: chmod 600 {path}")
    keys = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line:
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise SecretError(
                f"line {number} of {path} is no key; put the file back from your copy of the data folder, "
                "or delete the line if it is what a power cut left of a new key"
            )
        keys.append(LinkKey(found[1], bytes.fromhex(found[2])))
    if not keys:
        raise SecretError(f"{path} is empty; put it back from your copy of the data folder")
    return KeyRing(tuple(keys))


def add_link_key(data: Path, *, now: datetime) -> LinkKey:
    """Add a key, which signs from now on; it is on the disk when this returns. The file is made if it is missing.

    Two processes may do so at once: both keys stay. Raises `SecretError`.
    """
    path = link_key_file(data)
    taken = {key.id for key in read_link_keys(data).keys} if path.exists() else frozenset[str]()
    key_id = secrets.token_hex(2)
    while key_id in taken:
        key_id = secrets.token_hex(2)
    key = LinkKey(key_id, secrets.token_bytes(32))
    line = f"{key.id} {key.secret.hex()} {now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}\n"
    try:
        if not make_secret_file(path, line):
            _append(path, line)
    except OSError as error:
        raise SecretError(f"a key cannot be written to {path}: {error.strerror}") from error
    return key


def _append(path: Path, line: str) -> None:
    descriptor = os.open(path, os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "ab", buffering=0) as file:
        # begins with a line end: what a power cut left of an earlier line stays a line of its own
        file.write(f"\n{line}".encode("ascii"))
        os.fsync(descriptor)
