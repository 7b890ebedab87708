"""Tokens in links: whatever is changed, nobody without the key can make one that counts."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.composing.link_keys import add_link_key, read_link_keys
from nurture.composing.link_tokens import LONGEST_NUMBER, KeyRing, LinkKey, is_genuine, make_token, parse_token
from nurture.errors import SecretError
from nurture.vocabulary import LinkPurpose

NOW = datetime(2026, 12, 1, tzinfo=UTC)
OLD, NEW = LinkKey("00ff", bytes(range(32))), LinkKey("a1b2", bytes(range(1, 33)))
RING = KeyRing((OLD, NEW))
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
NUMBERS = st.integers(0, LONGEST_NUMBER)


def counts(
    text: str, *, ring: KeyRing = RING, purpose: LinkPurpose = LinkPurpose.LEAVE, recipient: str = "hash"
) -> bool:
    token = parse_token(text)
    return token is not None and is_genuine(token, ring, purpose, recipient)


@given(NUMBERS, st.text(max_size=40))
def test_a_token_says_its_number_and_counts_for_its_recipient_only(number: int, recipient: str) -> None:
    text = make_token(NEW, LinkPurpose.LEAVE, number, recipient)
    assert len(text) == 32
    assert set(text) <= set(LETTERS)
    token = parse_token(text)
    assert token is not None
    assert token.number == number
    assert counts(text, recipient=recipient)
    assert not counts(text, recipient=recipient + "x")


@given(NUMBERS, st.integers(0, 31), st.sampled_from(LETTERS))
def test_any_changed_character_makes_it_worthless(number: int, place: int, letter: str) -> None:
    text = make_token(NEW, LinkPurpose.LEAVE, number, "hash")
    changed = text[:place] + letter + text[place + 1 :]
    assert counts(changed) == (changed == text)


@given(st.text(max_size=80) | st.text(LETTERS, min_size=30, max_size=34))
def test_anything_may_be_asked(text: str) -> None:
    assert not counts(text)


def test_a_token_is_for_one_purpose() -> None:
    assert not counts(make_token(NEW, LinkPurpose.PROBE, 7, "hash"))
    assert counts(make_token(NEW, LinkPurpose.PROBE, 7, "hash"), purpose=LinkPurpose.PROBE)


def test_old_keys_count_as_long_as_they_are_there() -> None:
    text = make_token(OLD, LinkPurpose.LEAVE, 7, "hash")
    assert counts(text)
    assert not counts(text, ring=KeyRing((NEW,)))
    impostor = LinkKey(OLD.id, NEW.secret)
    assert not counts(text, ring=KeyRing((impostor, NEW)))


@pytest.mark.parametrize("tail", ["=", "\n", " ", "%0A", "/", "==", "é"])
def test_a_token_has_one_spelling(tail: str) -> None:
    assert not counts(make_token(NEW, LinkPurpose.LEAVE, 7, "hash") + tail)


def test_a_ring_grows_and_keeps_its_old_keys(tmp_path) -> None:
    data = tmp_path / "data"
    first = add_link_key(data, now=NOW)
    second = add_link_key(data, now=NOW)
    ring = read_link_keys(data)
    assert ring.keys == (first, second)
    assert ring.newest == second
    assert (data / "link.keys").stat().st_mode & 0o777 == 0o600
    assert first.secret.hex() not in repr(ring)


def test_a_missing_ring_is_told(tmp_path) -> None:
    with pytest.raises(SecretError, match="are missing; without them nobody can leave by a link"):
        read_link_keys(tmp_path)


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("", 0o600, "is empty"),
        ("\n00ff 12\n", 0o600, "line 2 of .* is no key"),
        (f"\n00ff {'ab' * 32} 2026-12-01T00:00:00Z\n", 0o640, "can be read by others"),
        ("é", 0o600, "cannot be read"),
    ],
)
def test_a_broken_ring_is_told(tmp_path, text, mode, words) -> None:
    path = tmp_path / "link.keys"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    with pytest.raises(SecretError, match=words):
        read_link_keys(tmp_path)


def test_a_key_after_a_torn_line_stands_for_itself(tmp_path) -> None:
    path = tmp_path / "link.keys"
    key = add_link_key(tmp_path, now=NOW)
    whole = path.read_text()
    path.write_text(whole + "\na1b2 1234")
    with pytest.raises(SecretError, match=r"line 3 .* or delete the line"):
        add_link_key(tmp_path, now=NOW)
    path.write_text(whole)
    assert read_link_keys(tmp_path).keys == (key,)
