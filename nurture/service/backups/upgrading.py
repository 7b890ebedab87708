"""``nurture db upgrade``: an older database is backed up before it is changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from nurture.errors import StoreMissingError
from nurture.service.backups.making import ENDING, Source, back_up, stamp
from nurture.service.house import database_url
from nurture.store import create_store, migrate, opening
from nurture.workspace.settings import Settings
from nurture.workspace.workspace import load_workspace


@dataclass(frozen=True, slots=True)
class Upgraded:
    """The database that is up to date now; ``upgraded_from`` is its former schema, ``backup`` the copy of it."""

    database: str
    upgraded_from: str | None
    backup: Path | None


def upgrade(root: Path, *, backup: bool, now: datetime) -> Upgraded:
    """Make the clinic's database, or bring it up to date after a backup into ``data/backups``.

    Raises `BackupError` before anything is changed, `StoreError`, `FilesError`.
    """
    settings = load_workspace(root).settings
    url = database_url(settings, root)
    before, copy = _before(root, settings, url, backup=backup, now=now)
    store = create_store(url, root=root)
    store.close()
    return Upgraded(store.place, before, copy)


def _before(root: Path, settings: Settings, url: str, *, backup: bool, now: datetime) -> tuple[str | None, Path | None]:
    """The schema of an older database, and its backup."""
    try:
        store = opening.open_any_version(url, root=root)
    except StoreMissingError:
        return None, None
    try:
        version = migrate.schema_version(store)
        if version == migrate.HEAD:
            return None, None
        if not backup:
            return version, None
        folder = root / "data" / "backups"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = folder / f"before-upgrade-from-{version}-{stamp(now)}{ENDING}"
        return version, back_up(Source(root, settings, store), file, now=now).file
    finally:
        store.close()
