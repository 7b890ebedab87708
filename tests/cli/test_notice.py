"""`nurture notice`, and a word about an edition that is not made yet."""

import json

import pytest

from nurture.clock import SystemClock
from nurture.service.house import open_house
from nurture.store import meta
from nurture.vocabulary import Mode


@pytest.fixture
def coming(clinic) -> str:
    """The name of the next edition of `partner-news`."""
    clinic.import_contacts()
    ran = clinic.run("notice", "partner-news", "--json")
    assert ran.code == 0, ran.said
    return json.loads(ran.out)["edition"]


def live(clinic) -> None:
    with open_house(clinic.root) as house, house.store.write() as connection:
        meta.set_mode(connection, Mode.LIVE, SystemClock().now())


def test_it_shows_what_the_owner_gets_and_sends_nothing(clinic, coming) -> None:
    ran = clinic.run("notice", "partner-news", "--output", "out", "--no-open")
    assert ran.code == 0, ran.said
    assert "Subject: Notice: partner-news goes to" in ran.said
    assert f"nurture hold {coming}" in ran.said
    page, text, raw = (
        (clinic.root / f"out/partner-news-notice.{ending}").read_text() for ending in ("html", "txt", "eml")
    )
    assert "partner-news goes to" in page
    assert "partner-news goes to" in text
    assert "Auto-Submitted: auto-generated" in raw
    assert (clinic.root / "out/partner-news-notice.html").stat().st_mode & 0o077 == 0


def test_a_campaign_that_is_not_there(clinic) -> None:
    ran = clinic.run("notice", "partner-new")
    assert ran.code == 2
    assert "there is no campaign `partner-new`; did you mean `partner-news`?" in ran.said


def test_in_the_sandbox_nothing_waits_for_a_word(clinic, coming) -> None:
    ran = clinic.run("approve", coming)
    assert (ran.code, ran.said) == (0, f"{coming} does not wait for an approval.")


def test_a_word_before_it_is_made_shows_in_plan_status_and_why(clinic, coming) -> None:
    live(clinic)

    def notes() -> set[str]:
        plan = json.loads(clinic.run("plan", "--days", "60", "--json").out)
        status = json.loads(clinic.run("status", "--json").out)["status"]["next_editions"]
        why = json.loads(clinic.run("why", "gym@northside.example", "partner-news", "--json").out)
        notes = [each["note"] for each in plan if each["local"] and coming.endswith(each["local"][:16])]
        return {*notes, *(each["words"] for each in status if each["edition"] == coming), why["next_words"]}

    assert notes() == {"needs approval"}
    assert json.loads(clinic.run("approve", coming, "--json").out) == {"edition": coming, "approved": True}
    (note,) = notes()
    assert note.startswith("approved by ")
    assert clinic.run("approve", coming).said == f"{coming} does not wait for an approval."
    assert clinic.run("hold", coming).said == f"Held {coming}: nothing of it leaves."
    assert clinic.run("hold", coming).said == f"{coming} is held already."
    (note,) = notes()
    assert note.startswith("held by ")
    assert clinic.run("approve", coming).said == f"{coming} goes at its time, as it is now."
