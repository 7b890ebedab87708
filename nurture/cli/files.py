"""Files that commands write: private, and never over something that is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from nurture.errors import InputError


@contextmanager
def private_file(path: Path) -> Iterator[TextIO]:
    """A new text file, mode 0600, for personal data. Taken away again if writing fails.

    Raises `InputError` if something is there already or it cannot be made.
    """
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise InputError(f"{path} is there already; nothing was written") from error
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise
