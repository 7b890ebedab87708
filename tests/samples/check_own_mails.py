"""The scores of the mails that we wrote ourselves (`tests/inbox/fixtures`); each of them is also a test of its own."""

from collections import Counter
from datetime import date

import pytest

from nurture.vocabulary import MailKind
from tests.inbox.test_own_mails import EXPECTED, PEOPLE, judged
from tests.samples.conftest import count


@pytest.fixture(scope="module")
def judgements():
    return {name: judged(name) for name in EXPECTED}


def test_wishes_to_leave_in_plain_words(judgements, score):
    found, others = Counter(), Counter()
    for name in PEOPLE:
        asked = EXPECTED[name].get("opt_out") is True
        count(found if asked else others, judgements[name].opt_out is asked)
    assert score("own mails: plain-word opt-outs found", found) >= 0.9
    assert score("own mails: other people not taken for opt-outs", others) == 1


def test_return_dates_and_changes(judgements, score):
    dates, changes = Counter(), Counter()
    for name, wanted in EXPECTED.items():
        automatic = judgements[name].automatic
        if wanted.get("until"):
            until = automatic and automatic.until
            count(dates, until is not None and until == date.fromisoformat(wanted["until"]))
        if wanted.get("auto") in ("left", "moved"):
            count(changes, automatic is not None and automatic.kind == wanted["auto"])
    assert score("own mails: return date right", dates) >= 0.85
    assert score("own mails: left or moved found", changes) >= 0.85


def test_people_and_machines(judgements, score):
    people = Counter()
    for name in PEOPLE:
        count(people, judgements[name].kind is MailKind.REPLY)
    assert score("own mails: people not taken for machines", people) == 1
