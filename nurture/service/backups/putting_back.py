"""``nurture db restore``: a backup becomes a clinic's folder again, verified before the first file has its place."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from nurture.delivery.copies import Finding
from nurture.delivery.guard import look
from nurture.delivery.ownership import anybody_at_work
from nurture.durable import sync_folder
from nurture.errors import BackupError, SecretError
from nurture.service.backups.archive import CLINIC, DATABASES, About, unpack
from nurture.service.backups.drafts import draft_folder, put
from nurture.service.backups.making import REPLACED, stamp
from nurture.service.house import database_url
from nurture.store import Store, maintenance, migrate, opening
from nurture.store.postgresql_tools import restore as restore_dump
from nurture.workspace.loader import load_model
from nurture.workspace.settings import Settings
from nurture.workspace.workspace import SETTINGS_FILE


@dataclass(frozen=True, slots=True)
class PutBack:
    """A restored clinic: its ``folder``, what the backup says of itself, how many ``files`` came back.

    ``upgrade_due``: the database is of an older nurture. ``finding``: why no
    mail leaves before somebody confirms it. ``missing``: secrets that are kept
    elsewhere and are not there. ``replaced``: where the former files are.
    """

    folder: Path
    about: About
    files: int
    upgrade_due: bool
    finding: Finding | None
    settings: Settings
    missing: tuple[str, ...]
    replaced: Path | None


def put_back(
    backup: Path, folder: Path, *, passphrase: str | None = None, replace: bool = False, now: datetime
) -> PutBack:
    """Restore ``backup`` into ``folder``, which is made if it is not there.

    All of it is unpacked and verified beside its place first; any error before
    that leaves the folder as it was. Where files of a clinic are there already
    it refuses, unless ``replace``: then they are moved into a folder of their
    own under data/. Raises `BackupError`, or `StoreError` for a PostgreSQL
    database that cannot be used.
    """
    try:
        made = not folder.exists()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with draft_folder(folder) as draft:
                return _put_back(backup, folder, draft, passphrase, replace=replace, now=now)
        finally:
            if made and not any(folder.iterdir()):
                folder.rmdir()
    except BackupError as error:
        raise BackupError(f"{backup} cannot be restored: {error}. Nothing was changed.") from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise BackupError(f"{backup} cannot be restored into {folder}: {where}{error.strerror or error}") from error


def _put_back(
    backup: Path, folder: Path, draft: Path, passphrase: str | None, *, replace: bool, now: datetime
) -> PutBack:
    with backup.open("rb") as source:
        about = unpack(source, draft, passphrase=passphrase)
    clinic = draft / CLINIC
    if about.schema not in migrate.VERSIONS:
        raise BackupError(f"its database was made by a newer nurture ({about.nurture}): update this program first")
    if about.database not in DATABASES or not (draft / DATABASES[about.database]).is_file():
        raise BackupError("there is no database in it")
    if not (clinic / SETTINGS_FILE).is_file():
        raise BackupError(f"there is no {SETTINGS_FILE} in it")
    settings = load_model(clinic / SETTINGS_FILE, Settings, file=SETTINGS_FILE)[0]
    files = sum(path.is_file() for path in clinic.rglob("*"))
    in_the_way = sorted(path.name for path in clinic.iterdir() if (folder / path.name).exists())
    if in_the_way and not replace:
        raise BackupError(
            f"{folder} holds {', '.join(in_the_way[:5])} already; name an empty folder, or say --replace to move "
            "what is there aside"
        )
    if in_the_way and anybody_at_work(folder / "data"):
        raise BackupError(f"`nurture run` is at work in {folder}; stop it first")
    (clinic / "data").mkdir(mode=0o700, exist_ok=True)
    for private in clinic.joinpath("data").rglob("*"):
        if private.is_dir():
            private.chmod(0o700)
    if about.database == "sqlite":
        _place_sqlite(draft / DATABASES["sqlite"], clinic, folder, settings)
    else:
        _restore_postgresql(draft / DATABASES["postgresql"], clinic, settings)
    moved = _change_places(clinic, folder, in_the_way, f"{REPLACED}{stamp(now)}")
    with _opened(settings, folder) as store:
        present = migrate.schema_version(store) == migrate.HEAD
        finding = look(store) if present else None
        maintenance.remember_copy(store, about.made_at)
    missing = tuple(_missing(settings, folder))
    return PutBack(folder, about, files, not present, finding, settings, missing, moved)


def _place_sqlite(database: Path, clinic: Path, folder: Path, settings: Settings) -> None:
    """Verify the database and lay it among the files, or where the settings want it outside of the folder."""
    store = opening.open_any_version(f"sqlite:///{database}", root=folder)
    problems = maintenance.check(store)
    store.close()
    for ending in ("-wal", "-shm"):
        database.with_name(database.name + ending).unlink(missing_ok=True)
    if problems:
        raise BackupError(f"its database is damaged: {problems[0]}")
    place = opening.database_file(database_url(settings, clinic), root=folder)
    if place is None:
        raise BackupError(f"its database is an SQLite file, but {SETTINGS_FILE} in it names a PostgreSQL server")
    if place.is_relative_to(folder):
        target = clinic / place.relative_to(folder)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        database.rename(target)
    elif place.exists():
        raise BackupError(f"the database's place {place} is taken; move that file away first")
    else:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with draft_folder(place.parent) as draft:
            (draft / place.name).touch(0o600)
            shutil.copyfile(database, draft / place.name)
            put(draft / place.name, place)


def _restore_postgresql(dump: Path, clinic: Path, settings: Settings) -> None:
    url = database_url(settings, clinic)
    if opening.database_file(url, root=clinic) is not None:
        raise BackupError(f"its database is one of PostgreSQL, but {SETTINGS_FILE} in it names an SQLite file")
    store = opening.open_empty(url, root=clinic)
    try:
        restore_dump(store, dump)
    finally:
        store.close()


def _change_places(clinic: Path, folder: Path, in_the_way: list[str], aside: str) -> Path | None:
    """The last step: renames only. The settings go first and come last, so that half a folder is no clinic."""
    former = folder / aside  # never in the draft, which is removed at any end
    if in_the_way:
        former.mkdir(mode=0o700)
        for name in sorted(in_the_way, key=lambda name: name != SETTINGS_FILE):
            (folder / name).rename(former / name)
    for path in sorted(clinic.iterdir(), key=lambda path: path.name == SETTINGS_FILE):
        path.rename(folder / path.name)
    sync_folder(folder)
    if not in_the_way:
        return None
    return former.rename(folder / "data" / aside)


@contextmanager
def _opened(settings: Settings, folder: Path) -> Iterator[Store]:
    store = opening.open_any_version(database_url(settings, folder), root=folder)
    try:
        yield store
    finally:
        store.close()


def _missing(settings: Settings, folder: Path) -> Iterator[str]:
    for reference in settings.secrets:
        try:
            reference.read(folder)
        except SecretError as error:
            yield str(error)
