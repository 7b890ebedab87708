"""A backup's inside: a compressed tar archive that says what it is first and proves that it is whole last.

``about.json``, then ``database/nurture.db`` (SQLite) or ``database/nurture.dump`` (pg_dump),
then the clinic's files as ``clinic/…``, then ``checksums.json`` with the SHA-256 of each.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final

from nurture.errors import BackupError
from nurture.service.backups.sealed import SealingFile, UnsealedFile, is_sealed

FORMAT: Final = 1
CLINIC: Final = "clinic"
DATABASES: Final = {"sqlite": "database/nurture.db", "postgresql": "database/nurture.dump"}
_ABOUT: Final = "about.json"
_CHECKSUMS: Final = "checksums.json"
_STEP: Final = 1 << 20
_LARGEST_NOTE: Final = 50_000_000  # octets of one of our own JSON texts


@dataclass(frozen=True, slots=True)
class About:
    """What a backup says of itself. ``made_at`` (UTC); ``schema`` is the database's; ``database`` its kind."""

    made_at: datetime
    nurture: str
    schema: str
    database: str


class ArchiveWriter:
    """Adds files to an archive; made by `writing`."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._checksums: dict[str, str] = {}

    def add(self, name: str, source: Path) -> None:
        """Add a file; raises `BackupError` if it becomes shorter meanwhile."""
        with source.open("rb") as file:
            status = os.fstat(file.fileno())
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = status.st_size, int(status.st_mtime)
            entry.mode = 0o644 if status.st_mode & 0o044 else 0o600
            reading = _Counted(file)
            try:
                self._archive.addfile(entry, reading)
            except OSError as error:
                if reading.count < entry.size and error.errno is None:
                    raise BackupError(f"{source} changed while it was copied; make the backup once more") from error
                raise
        self._checksums[name] = reading.digest.hexdigest()

    def note(self, name: str, value: object) -> None:
        """Add a JSON text."""
        content = json.dumps(value, indent=1, ensure_ascii=False).encode()
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(content), 0o600
        self._archive.addfile(entry, io.BytesIO(content))

    def finish(self) -> None:
        """The proof that it is whole."""
        self.note(_CHECKSUMS, self._checksums)


@contextmanager
def writing(target: BinaryIO, about: About, *, passphrase: str | None) -> Iterator[ArchiveWriter]:
    """An archive that is written to ``target``, encrypted where there is a passphrase; whole at the end."""
    sealing = SealingFile(target, passphrase) if passphrase is not None else None
    outer: Any = sealing or target
    with (
        gzip.GzipFile(filename="", fileobj=outer, mode="wb", compresslevel=6) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        writer = ArchiveWriter(archive)
        writer.note(_ABOUT, {"format": FORMAT, **asdict(about), "made_at": about.made_at.astimezone(UTC).isoformat()})
        yield writer
        writer.finish()
    if sealing:
        sealing.close()


def unpack(source: BinaryIO, folder: Path, *, passphrase: str | None) -> About:
    """Unpack an archive into the empty ``folder`` and verify all of it.

    Raises `BackupError` if it is none, needs a passphrase, is damaged, cut
    short, or made by a newer nurture.
    """
    start = source.read(64)
    source.seek(0)
    if is_sealed(start) and passphrase is None:
        raise BackupError("it is encrypted: say where its passphrase is, --passphrase env:NAME or file:PATH")
    inner: Any = UnsealedFile(source, passphrase) if is_sealed(start) and passphrase is not None else source
    try:
        with gzip.GzipFile(fileobj=inner, mode="rb") as packed, tarfile.open(fileobj=packed, mode="r|") as archive:
            about, found, checksums = _unpack(archive, folder)
            while packed.read(_STEP):  # up to gzip's own checksum, and the last sealed piece
                pass
    except gzip.BadGzipFile as error:
        if start.startswith(b"\x1f\x8b") or is_sealed(start):
            raise BackupError(f"it is damaged ({error})") from error
        raise BackupError("it is no backup that `nurture db backup` made") from error
    except (EOFError, tarfile.TarError, zlib.error) as error:
        raise BackupError(f"it is damaged, or its end is missing ({error})") from error
    if checksums is None:
        raise BackupError("its end is missing")
    wrong = sorted(name for name in found.keys() | checksums.keys() if found.get(name) != checksums.get(name))
    if wrong:
        raise BackupError(f"it is damaged: {', '.join(wrong[:5])} not as it was")
    return about


def _unpack(archive: tarfile.TarFile, folder: Path) -> tuple[About, dict[str, str], dict[str, str] | None]:
    about: About | None = None
    found: dict[str, str] = {}
    for entry in archive:
        stream = archive.extractfile(entry) if entry.isreg() else None
        if stream is None or not _is_safe(entry.name):
            raise BackupError(f"it holds {entry.name!r}, which no backup of ours does")
        if about is None:
            about = _about(entry, stream)
        elif entry.name == _CHECKSUMS:
            return about, found, _json(entry, stream)
        else:
            found[entry.name] = _extract(entry, stream, folder / entry.name)
    raise BackupError("its end is missing")


def _is_safe(name: str) -> bool:
    path = PurePosixPath(name)
    inside = not path.is_absolute() and ".." not in path.parts and "\0" not in name
    return inside and (name in (_ABOUT, _CHECKSUMS, *DATABASES.values()) or path.parts[0] == CLINIC)


def _extract(entry: tarfile.TarInfo, stream: Any, target: Path) -> str:  # noqa: ANN401 - tarfile's own IO[bytes]
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, entry.mode & 0o644 | 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while piece := stream.read(_STEP):
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(descriptor)
    os.utime(target, (entry.mtime, entry.mtime))
    return digest.hexdigest()


def _about(entry: tarfile.TarInfo, stream: Any) -> About:  # noqa: ANN401
    if entry.name != _ABOUT:
        raise BackupError("it is no backup that `nurture db backup` made")
    found = _json(entry, stream)
    try:
        if found["format"] != FORMAT:
            raise BackupError(f"it was made by a newer nurture ({found['nurture']}): update this program first")
        made_at = datetime.fromisoformat(found["made_at"])
        return About(made_at, found["nurture"], found["schema"], found["database"])
    except (KeyError, TypeError, ValueError) as error:
        raise BackupError("what it says of itself is damaged") from error


def _json(entry: tarfile.TarInfo, stream: Any) -> Any:  # noqa: ANN401
    if entry.size > _LARGEST_NOTE:
        raise BackupError(f"its {entry.name} is far too large")
    try:
        return json.loads(stream.read())
    except ValueError as error:
        raise BackupError(f"its {entry.name} is damaged") from error


class _Counted(io.RawIOBase):
    """A file whose octets are counted and hashed as they are read."""

    def __init__(self, file: BinaryIO) -> None:
        self.digest = hashlib.sha256()
        self.count = 0
        self._file = file

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        self.count += len(data)
        return data
