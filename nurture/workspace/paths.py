"""Paths that files name: they stay inside the workspace."""

from __future__ import annotations

from pathlib import Path


def confined_path(root: Path, name: str) -> Path:
    """The existing ordinary file ``name`` in the workspace ``root``, links followed.

    Raises ``ValueError`` with a text for people when it is missing or leads out of the workspace.
    """
    if "\0" in name or not name.strip():
        raise ValueError("this is not the name of a file")
    try:
        top = root.resolve(strict=True)
        path = (top / name).resolve()
    except (OSError, RuntimeError) as error:
        raise ValueError(f"the path {name!r} cannot be followed") from error
    if not path.is_relative_to(top):
        raise ValueError(f"{name!r} leads out of the workspace; copy the file into it")
    if not path.is_file():
        raise ValueError(f"there is no file {name!r} in the workspace")
    return path
