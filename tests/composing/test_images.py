"""Images: kind and size from the file's own header."""

import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.composing.contrast import contrast, weak_contrasts
from nurture.composing.images import ImageError, image_size, read_image
from nurture.workspace.settings import Brand
from tests.composing.clinic import PNG

GIF = b"GIF89a" + struct.pack("<HH", 3, 2) + b"\x00" * 10
JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    b"\xff\xff\xc2\x00\x11\x08" + struct.pack(">HH", 20, 30) + b"\x03" * 10
)


@pytest.mark.parametrize(("data", "wanted"), [(PNG, ("png", 1, 1)), (GIF, ("gif", 3, 2)), (JPEG, ("jpeg", 30, 20))])
def test_sizes(data: bytes, wanted: tuple[str, int, int]) -> None:
    assert image_size(data, "x") == wanted


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<svg></svg>", "no PNG, JPEG or GIF"),
        (b"", "no PNG, JPEG or GIF"),
        (PNG[:20], "cut off"),
        (JPEG[:26], "cut off"),
        (b"\xff\xd8\xff\xe0\x00\x00" * 9, "cut off"),
        (b"GIF89a\x00\x00\x00\x00", "has no size"),
    ],
)
def test_broken_images(data: bytes, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        image_size(data, "x")


@given(st.sampled_from([b"", PNG[:8], b"\xff\xd8", b"GIF89a", PNG[:16]]), st.binary(max_size=100))
def test_any_bytes_end_in_a_size_or_an_error(start: bytes, rest: bytes) -> None:
    try:
        _, width, height = image_size(start + rest, "x")
    except ImageError:
        return
    assert width > 0
    assert height > 0


def test_files_stay_in_the_workspace(tmp_path: Path) -> None:
    root = tmp_path / "clinic"
    root.mkdir()
    (tmp_path / "outside.png").write_bytes(PNG)
    os.symlink(tmp_path / "outside.png", root / "link.png")
    for path in ("../outside.png", str(tmp_path / "outside.png"), "link.png"):
        with pytest.raises(ImageError, match="outside the workspace"):
            read_image(root, path)


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#767676", "#ffffff", 4.54),
        ("#777777", "#ffffff", 4.48),
    ],
)
def test_contrast(first: str, second: str, wanted: float) -> None:
    assert contrast(first, second) == contrast(second, first) == pytest.approx(wanted, abs=0.01)


def test_weak_colours_are_named() -> None:
    assert weak_contrasts(Brand()) == []
    (found,) = weak_contrasts(Brand(primary="#77aaaa"))
    assert found.startswith("primary #77aaaa on white #ffffff has a contrast of 2.6 : 1")
