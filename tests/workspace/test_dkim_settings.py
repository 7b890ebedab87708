"""Whose signature counts for whose mails (RFC 7489 3.1.1), and the two ways to write keys."""

import pytest

from nurture.workspace.settings import Sender
from nurture.workspace.settings_checks import aligned

SENDER = {"name": "Clinic", "address": "hello@clinic.example"}
KEY = {"selector": "one", "key": "env:DKIM_KEY"}


@pytest.mark.parametrize(
    ("signing", "own", "counts"),
    [
        ("clinic.example", "clinic.example", True),
        ("Clinic.Example", "clinic.example", True),
        ("clinic.example", "news.clinic.example", True),
        ("mail.clinic.example", "clinic.example", True),
        ("mail.clinic.example", "news.clinic.example", True),
        ("mail.clinic.co.uk", "news.clinic.co.uk", True),
        ("clinic.co.uk", "news.clinic.co.uk", True),
        ("example", "clinic.example", False),
        ("other.example", "clinic.example", False),
        ("notclinic.example", "clinic.example", False),
        ("clinic.example.com", "clinic.example", False),
        ("other.co.uk", "clinic.co.uk", False),
        ("localhost", "localhost", True),
    ],
)
def test_alignment(signing: str, own: str, counts: bool) -> None:
    assert aligned(signing, own) is counts
    assert aligned(own, signing) is counts


def test_one_key_needs_no_list() -> None:
    alone = Sender.model_validate({**SENDER, "dkim": KEY})
    assert alone == Sender.model_validate({**SENDER, "dkim": [KEY]})
    assert len(alone.dkim) == 1
    assert Sender.model_validate(SENDER).dkim == ()


def test_three_keys_are_too_many() -> None:
    with pytest.raises(ValueError, match="at most 2"):
        Sender.model_validate({**SENDER, "dkim": [KEY] * 3})


@pytest.mark.parametrize("selector", ["", ".", "a.", "-a", "a-", "a b", "a_b", "é", "a\n", "x" * 64])
def test_bad_selectors(selector: str) -> None:
    with pytest.raises(ValueError, match="write a selector"):
        Sender.model_validate({**SENDER, "dkim": {**KEY, "selector": selector}})
