"""The clinic's folder, read and checked as one set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from nurture.errors import FilesError, NotFoundError, Problem, WorkspaceError
from nurture.workspace.campaign import Campaign
from nurture.workspace.checks import Files, check_files
from nurture.workspace.conditions import Condition
from nurture.workspace.document import Document
from nurture.workspace.loader import load_condition, load_model
from nurture.workspace.names import SLUG
from nurture.workspace.saved_import import SavedImport
from nurture.workspace.settings import Settings
from nurture.workspace.settings_checks import check_settings
from nurture.workspace.suggestions import did_you_mean

SETTINGS_FILE = "nurture.yaml"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Workspace:
    """What the clinic wrote, complete and free of problems.

    ``digests`` has for each campaign the SHA-256 of its content (comments and
    blanks do not count), ``modified_at`` when its file was last changed (UTC).
    """

    root: Path
    settings: Settings
    campaigns: Mapping[str, Campaign]
    segments: Mapping[str, Condition]
    imports: Mapping[str, SavedImport]
    digests: Mapping[str, str]
    modified_at: Mapping[str, datetime]

    def campaign(self, name: str) -> Campaign:
        """The campaign with this name; raises `NotFoundError` with the nearest one."""
        if name not in self.campaigns:
            raise NotFoundError(f"there is no campaign `{name}`{did_you_mean(name, self.campaigns)}")
        return self.campaigns[name]


def find_workspace(start: Path) -> Path:
    """The folder with ``nurture.yaml``: ``start`` or the nearest one above; raises `WorkspaceError`."""
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / SETTINGS_FILE).is_file():
            return folder
    raise WorkspaceError(f"no {SETTINGS_FILE} in {start} or above it; start a workspace with: nurture init DIR")


def load_workspace(root: Path) -> Workspace:
    """Read all files of a workspace.

    Raises `FilesError` with all problems of all files at once, and
    `WorkspaceError` when ``root`` is no workspace.
    """
    if not (root / SETTINGS_FILE).is_file():
        raise WorkspaceError(f"no {SETTINGS_FILE} in {root}; start a workspace with: nurture init DIR")
    problems: list[Problem] = []
    settings: tuple[Settings, Document] | None = None
    try:
        settings = load_model(root / SETTINGS_FILE, Settings, file=SETTINGS_FILE)
    except FilesError as error:
        problems += error.problems
    segments = _folder(root, "segments", lambda path, file: load_condition(path, file=file), problems)
    campaigns = _folder(root, "campaigns", lambda path, file: load_model(path, Campaign, file=file), problems)
    imports = _folder(root, "imports", lambda path, file: load_model(path, SavedImport, file=file), problems)
    if settings is not None:
        problems += check_settings(root, *settings)
    problems += check_files(Files(root, settings, segments, campaigns))
    if problems or settings is None:
        raise FilesError(problems)
    return Workspace(
        root=root,
        settings=settings[0],
        campaigns=_first(campaigns),
        segments=_first(segments),
        imports=_first(imports),
        digests=MappingProxyType({name: _digest(document.value) for name, (_, document) in campaigns.items()}),
        modified_at=MappingProxyType({name: _modified(root / f"campaigns/{name}.yaml") for name in campaigns}),
    )


def _folder(
    root: Path, folder: str, load: Callable[[Path, str], tuple[T, Document]], problems: list[Problem]
) -> dict[str, tuple[T, Document]]:
    found: dict[str, tuple[T, Document]] = {}
    try:
        paths = sorted((root / folder).iterdir())
    except FileNotFoundError:
        return found
    except OSError as error:
        problems.append(Problem(folder, 0, 0, f"the folder cannot be read: {error.strerror}"))
        return found
    for path in paths:
        file = f"{folder}/{path.name}"
        if path.name.startswith("."):
            continue
        if path.suffix == ".yml":
            problems.append(Problem(file, 0, 0, "name the file .yaml"))
        elif path.suffix == ".yaml" and not SLUG.fullmatch(path.stem):
            problems.append(Problem(file, 0, 0, "name the file with small letters, digits and `-`"))
        elif path.suffix == ".yaml":
            try:
                found[path.stem] = load(path, file)
            except FilesError as error:
                problems += error.problems
    return found


def _first(files: dict[str, tuple[T, Document]]) -> Mapping[str, T]:
    return MappingProxyType({name: value for name, (value, _) in files.items()})


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _modified(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
