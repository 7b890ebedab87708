"""A file system of its own, in memory, that is full soon."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """``folder`` (made here) with ``size`` of tmpfs (``1m``); only root may mount it."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "nurture-test", folder], check=True)
    try:
        yield folder
    finally:
        # lazy: a killed process may still be on its way out
        subprocess.run(["umount", "--lazy", folder], check=True)
