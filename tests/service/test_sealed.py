"""What is sealed comes back octet by octet, or not at all."""

import io

import pytest

from nurture.errors import BackupError
from nurture.service.backups import sealed
from nurture.service.backups.sealed import SealingFile, UnsealedFile, is_sealed

PASSPHRASE = "correct horse battery"
PIECE, TAG, HEAD = 65_536, 16, 34


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "_COST", 14)


def seal(content: bytes) -> bytes:
    target = io.BytesIO()
    file = SealingFile(target, PASSPHRASE)
    for start in range(0, len(content), 50_000):
        file.write(content[start : start + 50_000])
    file.close()
    return target.getvalue()


def unseal(octets: bytes) -> bytes:
    file, found = UnsealedFile(io.BytesIO(octets), PASSPHRASE), bytearray()
    while part := file.read(40_000):
        found += part
    return bytes(found)


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 1, 3 * PIECE])
def test_all_sizes_come_back(size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    octets = seal(content)
    assert is_sealed(octets)
    assert unseal(octets) == content


@pytest.mark.parametrize("pieces", [1, 2])
def test_an_end_cut_off_between_two_pieces_is_noticed(pieces: int) -> None:
    """Each piece that is left is whole and in its place: only the mark of the last one tells."""
    octets = seal(bytes(3 * PIECE))
    with pytest.raises(BackupError, match="damaged"):
        unseal(octets[: HEAD + pieces * (PIECE + TAG)])


def test_what_is_added_behind_the_end_is_noticed() -> None:
    octets = seal(bytes(PIECE))
    for more in (b"x", octets[HEAD:]):
        with pytest.raises(BackupError, match="damaged"):
            unseal(octets + more)


def test_pieces_of_another_file_with_the_same_passphrase_do_not_fit() -> None:
    one, other = seal(bytes(2 * PIECE)), seal(bytes(2 * PIECE))
    second = HEAD + PIECE + TAG
    with pytest.raises(BackupError, match="damaged"):
        unseal(one[:second] + other[second:])
