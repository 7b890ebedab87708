"""How much a workbook would take, found out before its reader gives it memory.

The reader makes room for every cell between the first and the last one: a file
of one kilobyte with a cell in the last corner would take hundreds of gigabytes.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Final
from xml.parsers import expat

from nurture.errors import InputError

MAX_CELLS: Final = 10_000_000
MAX_UNPACKED: Final = 300_000_000  # bytes
_BLOCK: Final = 1 << 18
_DIGITS: Final = "0123456789"


def check_workbook(path: Path) -> None:
    """Read an XLSX file once through; raises `InputError` if it is none, broken, or would take too much."""
    unpacked = 0
    try:
        with zipfile.ZipFile(path) as archive:
            if "xl/workbook.xml" not in archive.namelist():
                raise InputError(f"{path} is not an XLSX workbook; save it as XLSX or as CSV UTF-8")
            for part in archive.infolist():
                # the directory may lie about sizes: only what was read counts
                with archive.open(part) as file:
                    extent = _Extent()
                    while block := file.read(_BLOCK):
                        unpacked += len(block)
                        if unpacked > MAX_UNPACKED:
                            raise InputError(
                                f"{path} unpacks to more than {MAX_UNPACKED // 1_000_000} MB; save it as CSV UTF-8"
                            )
                        if extent.feed(block) > MAX_CELLS:
                            raise InputError(
                                f"{path}: the sheet in {part.filename} reaches to row {extent.row}, column "
                                f"{extent.column}; delete what stands so far out, or save the list as CSV UTF-8"
                            )
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise InputError(f"{path} is not a workbook that can be read: {error}") from error
    except expat.ExpatError as error:
        raise InputError(f"{path} is not a workbook that can be read: it holds broken XML") from error


class _Extent:
    """The last row and column of one part (ECMA-376 part 1, 18.3.1.4 and 18.3.1.73); other XML has none."""

    def __init__(self) -> None:
        self.row = 0
        self._last_row = 0
        self._in_row = 0  # cells so far, for those that do not say where they stand
        self._counted = 0
        self._named = (0, "")  # length before letters: Z, AA, AB
        self._parser: expat.XMLParserType | None = None
        self._begun = False

    def feed(self, block: bytes) -> int:
        """Take the next bytes of the part; how many cells its sheet would have now."""
        if not self._begun:
            self._begun = True
            if block.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
                self._parser = expat.ParserCreate()
                self._parser.StartElementHandler = self._start
        if self._parser is not None:
            self._parser.Parse(block)
        return self.row * self.column

    @property
    def column(self) -> int:
        """The last column, from 1."""
        number = 0
        for letter in self._named[1]:
            number = number * 26 + ord(letter) - ord("A") + 1
        return max(number, self._counted)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        if name == "c":
            self._in_row += 1
            if place := attributes.get("r"):
                letters = place.rstrip(_DIGITS)
                self._named = max(self._named, (len(letters), letters.upper()))
                self.row = max(self.row, _number(place[len(letters) :]))
            else:
                self._counted = max(self._counted, self._in_row)
                self.row = max(self.row, self._last_row)
        elif name == "row":
            self._in_row = 0
            self._last_row = _number(attributes.get("r", "")) or self._last_row + 1


def _number(digits: str) -> int:
    """A row's number; 0 where there is none."""
    return int(digits[:9]) if digits.isdecimal() else 0
