"""Files that hold a secret: made whole, for this user alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from nurture.durable import sync_folder


def make_secret_file(path: Path, text: str) -> bool:
    """Write a new file with mode 0600, which has its name only when all of the text is on the disk; then that is, too.

    Of several processes one makes the file; the others get False, and the file is as the one made it. A process
    that reads it never sees half of it. Its folder is made where it is missing (0700). Raises ``OSError``.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        sync_folder(path.parent)
        return True
    finally:
        draft.unlink(missing_ok=True)
