"""Images that travel with the mail: read from the workspace, checked, bounded."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MAX_IMAGE = 200 * 1000
MAX_IMAGES = 600 * 1000
_PNG = b"\x89PNG\r\n\x1a\n"
# JPEG markers that hold the size: SOF0-SOF15 without DHT, JPG and DAC (ITU T.81 B.1.1.3)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class ImageError(ValueError):
    """The file is no image that a mail can carry; the message says why."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image file: ``kind`` is png, jpeg or gif; width and height in pixels."""

    path: str
    kind: str
    width: int
    height: int
    data: bytes


def read_image(root: Path, path: str) -> Image:
    """The image at ``path`` in the workspace ``root``; raises `ImageError`."""
    wanted = PurePosixPath(path)
    if wanted.is_absolute() or ".." in wanted.parts or "\\" in path or "\0" in path:
        raise ImageError(f"{path!r} leads outside the workspace")
    file = root / path
    if not file.resolve().is_relative_to(root.resolve()):
        raise ImageError(f"{path!r} is a link that leads outside the workspace")
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_IMAGE + 1)
    except OSError as error:
        raise ImageError(f"the image {path!r} cannot be read: {error.strerror}") from error
    if len(data) > MAX_IMAGE:
        raise ImageError(f"the image {path!r} is larger than {MAX_IMAGE // 1000} kB; make it smaller")
    kind, width, height = image_size(data, path)
    return Image(path, kind, width, height, data)


def image_size(data: bytes, path: str) -> tuple[str, int, int]:
    """(kind, width, height) from the file's own header; raises `ImageError`."""
    try:
        if data.startswith(_PNG) and data[12:16] == b"IHDR":
            kind, (width, height) = "png", struct.unpack(">II", data[16:24])
        elif data[:6] in (b"GIF87a", b"GIF89a"):
            kind, (width, height) = "gif", struct.unpack("<HH", data[6:10])
        elif data.startswith(b"\xff\xd8"):
            kind, (width, height) = "jpeg", _jpeg_size(data)
        else:
            raise ImageError(f"{path!r} is no PNG, JPEG or GIF image")
    except struct.error as error:
        raise ImageError(f"the image {path!r} is cut off") from error
    if not width or not height:
        raise ImageError(f"the image {path!r} has no size")
    return kind, width, height


def _jpeg_size(data: bytes) -> tuple[int, int]:
    position = 2
    while True:
        start, marker, length = struct.unpack(">BBH", data[position : position + 4])
        if start != 0xFF:
            raise struct.error
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker in _FRAMES:
            height, width = struct.unpack(">HH", data[position + 5 : position + 9])
            return width, height
        if length < 2:
            raise struct.error
        position += 2 + length
