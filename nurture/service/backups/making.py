"""``nurture db backup``: the database, the keys without which it is of little use, and all files of the clinic."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nurture import __version__
from nurture.errors import BackupError, InputError
from nurture.service.backups.archive import CLINIC, DATABASES, About, writing
from nurture.service.backups.drafts import draft_folder, put
from nurture.store import Store, lineage, maintenance, migrate
from nurture.workspace.settings import Settings

ENDING = ".backup"
REPLACED = "before-restore-"  # folders: what a restore moved away
# in data/: what is made anew, or belongs to processes of this machine
_MADE_ANEW = frozenset({"data/locks", "data/sandbox", "data/previews", "data/backups"})


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made: its ``file``, its ``size`` in octets, how many ``files`` of the clinic are in it.

    ``not_included`` are references to secrets that are kept elsewhere,
    ``removed`` older backups that went.
    """

    file: Path
    size: int
    files: int
    encrypted: bool
    not_included: tuple[str, ...]
    removed: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """What is backed up: the clinic's folder, its settings, its open database."""

    root: Path
    settings: Settings
    store: Store


def back_up(
    source: Source, target: Path, *, passphrase: str | None = None, keep: int | None = None, now: datetime
) -> Backup:
    """Write a backup while everything goes on. Into a folder, it gets a name with clinic and time.

    ``keep``: so many backups of this database stay in the folder, the newest
    ones. Nothing stands under the backup's name before it is whole. Raises
    `InputError` if the name is taken, `BackupError` or `StoreError` if it cannot be made.
    """
    folder_given = target.is_dir()
    if keep is not None and not folder_given:
        raise InputError(f"--keep removes older backups from a folder, and {target} is none: make and name a folder")
    prefix = _prefix(source) if folder_given else ""
    file = target / f"{prefix}{stamp(now)}{ENDING}" if folder_given else target
    if file.exists():
        raise InputError(f"{file} is there already: name a new file, a copy never takes the place of one")
    if not file.parent.is_dir():
        raise InputError(f"there is no folder {file.parent}")
    try:
        count, size = _write(source, file, passphrase, now)
    except OSError as error:
        raise BackupError(f"the backup {file} cannot be made: {error.strerror or error}") from error
    maintenance.remember_copy(source.store, now)
    removed = tuple(_prune(target, prefix, keep)) if keep is not None else ()
    return Backup(file, size, count, passphrase is not None, tuple(_elsewhere(source)), removed)


def stamp(now: datetime) -> str:
    """The time in names of files that sort by it; `_prune` knows its form."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _write(source: Source, file: Path, passphrase: str | None, now: datetime) -> tuple[int, int]:
    store = source.store
    about = About(now, __version__, migrate.schema_version(store), store.dialect)
    home = store.path.parent if store.path is not None else source.root
    # the copy of the database stays where the database is: the other place may be a stick, the backup encrypted
    with draft_folder(home) as near, draft_folder(file.parent) as there:
        database, draft = near / "database", there / "backup"
        maintenance.copy_to(store, database)
        count = 0
        draft.touch(0o600)
        with draft.open("wb") as target, writing(target, about, passphrase=passphrase) as archive:
            archive.add(DATABASES[store.dialect], database)
            # after the database: a key that it knows is in its file by now
            for path in clinic_files(source.root, store.path):
                archive.add(f"{CLINIC}/{path.relative_to(source.root).as_posix()}", path)
                count += 1
        size = draft.stat().st_size
        put(draft, file)
    return count, size


def clinic_files(root: Path, database: Path | None) -> Iterator[Path]:
    """All files of the clinic's folder but hidden ones, the database, other backups, and what is made anew."""
    own = {database.with_name(database.name + ending) for ending in ("", "-wal", "-shm")} if database else set()
    for path in sorted(root.iterdir()):
        yield from _files(path, root, own)


def _files(path: Path, root: Path, leave_out: set[Path]) -> Iterator[Path]:
    name = path.relative_to(root).as_posix()
    hidden = path.name.startswith(".") and path.name != ".gitignore"
    if hidden or name in _MADE_ANEW or path.name.startswith(REPLACED) or path in leave_out:
        return
    if path.is_dir() and not path.is_symlink():
        if path.name != "__pycache__" and not (path / "pyvenv.cfg").exists():
            for inner in sorted(path.iterdir()):
                yield from _files(inner, root, leave_out)
    elif path.is_file() and path.suffix != ENDING:
        yield path


def _elsewhere(source: Source) -> Iterator[str]:
    inside = set(clinic_files(source.root, source.store.path))
    for reference in source.settings.secrets:
        if reference.kind == "env" or source.root / reference.name not in inside:
            yield str(reference)


def _prefix(source: Source) -> str:
    """How the names of this database's backups begin, also after a restore or a move."""
    with source.store.read() as connection:
        name = lineage.name(connection)
    if name is None:
        with source.store.write() as connection:
            name = lineage.ensure_name(connection)
    slug = re.sub(r"[^a-z0-9]+", "-", source.settings.clinic.name.lower()).strip("-")[:40]
    return f"{slug or 'clinic'}-{name[:8]}-"


def _prune(folder: Path, prefix: str, keep: int) -> Iterator[Path]:
    ours = re.compile(re.escape(prefix) + r"\d{8}T\d{6}Z" + re.escape(ENDING))
    found = sorted((path for path in folder.iterdir() if ours.fullmatch(path.name)), reverse=True)
    for old in found[keep:]:
        old.unlink(missing_ok=True)
        yield old
