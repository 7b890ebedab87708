"""The key of the address hashes is made once and belongs to one database."""

import stat

import pytest

from nurture.audience.address_key import load_address_key
from nurture.errors import SecretError


def test_made_once_and_private(store, tmp_path):
    key = load_address_key(store, tmp_path / "data")
    file = tmp_path / "data" / "address.key"
    assert len(key) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_address_key(store, tmp_path / "data") == key
    assert [path.name for path in file.parent.iterdir()] == ["address.key"]


def broken(file):
    file.write_text("nonsense")


def other(file):
    file.write_text("0" * 64)


def shared(file):
    file.chmod(0o644)


def gone(file):
    file.unlink()


@pytest.mark.parametrize(
    ("harm", "words"), [(gone, "is missing"), (other, "does not belong"), (broken, "is broken"), (shared, "chmod 600")]
)
def test_without_the_right_key_nothing_goes_on(sqlite_store, tmp_path, harm, words):
    load_address_key(sqlite_store, tmp_path)
    harm(tmp_path / "address.key")
    with pytest.raises(SecretError, match=words):
        load_address_key(sqlite_store, tmp_path)


def test_a_key_from_a_copy_fits_a_new_database(sqlite_store, tmp_path):
    (tmp_path / "address.key").write_text("ab" * 32)
    (tmp_path / "address.key").chmod(0o600)
    assert load_address_key(sqlite_store, tmp_path) == bytes.fromhex("ab" * 32)
