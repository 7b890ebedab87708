"""Mails that we wrote ourselves, each named after what is odd in it, and what they must be taken for.

`expected.json` beside them tells it; the shares at the end are those that the clinic may rely on.
"""

import json
from pathlib import Path

import pytest

from nurture.inbox.judging import judge_octets
from nurture.vocabulary import MailKind

FOLDER = Path(__file__).parent / "fixtures"
EXPECTED = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
PEOPLE = [name for name in EXPECTED if name.startswith("person-")]


def judged(name):
    return judge_octets((FOLDER / f"{name}.eml").read_bytes())


def differences(name):
    """What the judgement says otherwise than expected."""
    judgement, expected = judged(name), EXPECTED[name]
    automatic = judgement.automatic
    said = {
        "kind": judgement.kind.value,
        "opt_out": judgement.opt_out,
        "recipients": [[each.address, each.bounce.value] for each in judgement.recipients],
        "reported": list(judgement.reported),
        "original_message_id": judgement.original_message_id,
        "feedback_type": judgement.feedback_type,
        "auto": automatic and automatic.kind.value,
        "until": automatic and automatic.until and automatic.until.isoformat(),
        "new_address": automatic and automatic.new_address,
        "text": judgement.text,
    }
    found = []
    for key, wanted in expected.items():
        fits = wanted["contains"] in (said[key] or "") if isinstance(wanted, dict) else said[key] == wanted
        if not fits:
            found.append(f"{key}: {said[key]!r}, not {wanted!r} ({judgement.why})")
    return found


def test_the_set_is_as_wide_as_promised():
    assert len(EXPECTED) >= 60
    assert len(PEOPLE) >= 40
    assert {path.stem for path in FOLDER.glob("*.eml")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_mail_is_taken_for_what_it_is(name):
    assert differences(name) == []


def test_nobody_is_taken_for_a_machine():
    assert [name for name in PEOPLE if judged(name).kind is not MailKind.REPLY] == []


def test_every_judgement_says_why():
    assert [name for name in EXPECTED if len(judged(name).why) < 10] == []
