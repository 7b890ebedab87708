"""The tables inside a zip, as mail systems hand out their exports; unpacked only while they are read."""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from nurture.audience.workbook_size import MAX_UNPACKED
from nurture.errors import InputError

_TABLES: Final = (".csv", ".tsv", ".txt")
_MAX_TABLES: Final = 1000  # a whole account's export has a few hundred
_BLOCK: Final = 1 << 18


@contextmanager
def open_tables(path: Path) -> Iterator[list[tuple[Path, str]]]:
    """The tables of a file, each with the name to show: the file itself, or what a zip holds that is no workbook.

    Unpacked files are private and gone after ``with``. Raises `InputError` for a
    zip that is broken, encrypted, without tables or too large.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(4) == b"PK\x03\x04"
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if not packed:
        yield [(path, path.name)]
        return
    with tempfile.TemporaryDirectory(prefix="nurture-") as folder:
        yield _unpack(path, Path(folder)) or [(path, path.name)]


def _unpack(path: Path, folder: Path) -> list[tuple[Path, str]]:
    """Empty for a workbook, which is a zip, too."""
    try:
        with zipfile.ZipFile(path) as archive:
            if "xl/workbook.xml" in archive.namelist():
                return []
            members = [member for member in archive.infolist() if _is_table(member)]
            if not members:
                raise InputError(f"{path} holds no CSV file")
            if len(members) > _MAX_TABLES:
                raise InputError(f"{path} holds {len(members)} tables; unpack it and name the right ones")
            room = MAX_UNPACKED
            found = []
            for number, member in enumerate(members):
                # a name in a zip may lead anywhere; it is shown, never opened
                table = folder / f"{number}.csv"
                room -= _copy(archive, member, table, room)
                if room < 0:
                    raise InputError(f"{path} unpacks to more than {MAX_UNPACKED // 1_000_000} MB; unpack it yourself")
                if table.stat().st_size:
                    found.append((table, f"{path.name}/{PurePosixPath(member.filename).name}"))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise InputError(f"{path} is not a zip that can be read: {error}") from error
    if not found:
        raise InputError(f"{path} holds only empty files")
    return found


def _is_table(member: zipfile.ZipInfo) -> bool:
    name = PurePosixPath(member.filename)
    hidden = name.name.startswith(".") or "__MACOSX" in name.parts
    return not member.is_dir() and not hidden and name.suffix.lower() in _TABLES


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, to: Path, room: int) -> int:
    """Unpack one file, as far as there is room and one block more; how many bytes it took."""
    taken = 0
    with archive.open(member) as source, to.open("wb") as target:
        # the directory may lie about sizes: only what was read counts
        while taken <= room and (block := source.read(_BLOCK)):
            taken += len(block)
            target.write(block)
    return taken
