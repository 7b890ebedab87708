"""`nurture uncertain`: what a person sees of mails in doubt, and decides."""

import json

import pytest
import sqlalchemy as sa

from nurture.service.house import open_house
from nurture.store.schema import attempt, delivery


@pytest.fixture
def in_doubt(clinic):
    """The partner news went to two people; the answers of the mail server never came back."""
    clinic.open_all_week()
    clinic.import_contacts()
    ran = clinic.run("send", "partner-news", "--yes", "--json")
    clinic.edition = json.loads(ran.out)["account"]["edition"]
    with open_house(clinic.root) as house, house.store.write() as connection:
        connection.execute(sa.update(delivery).values(state="uncertain", reason="the connection was lost"))
        connection.execute(sa.update(attempt).values(outcome="uncertain", code=None, enhanced=None, answer=None))
    return clinic


def states(clinic):
    return [row["state"] for row in json.loads(clinic.run("log", "--json").out)["deliveries"]]


def test_without_doubt(clinic):
    ran = clinic.run("uncertain", "list")
    assert (ran.code, "No mail is uncertain." in ran.said) == (0, True)


@pytest.mark.parametrize("words", [("hold",), ("resend",), ("settle", "--as", "sent")])
def test_where_there_is_nothing_to_decide_nobody_is_asked(clinic, words):
    ran = clinic.run("uncertain", *words, "--all")
    assert (ran.code, "There was none to decide about." in ran.said) == (0, True), ran


def test_the_list_says_who_and_what_can_be_done(in_doubt):
    ran = in_doubt.run("uncertain", "list", "--campaign", "partner-news")
    assert ran.code == 1
    for words in (
        "gym@northside.example",
        in_doubt.edition,
        "the connection was lost",
        "waits for you",
        "nurture uncertain resend",
    ):
        assert words in ran.said
    shown = json.loads(in_doubt.run("uncertain", "list", "--json").out)
    assert shown["undecided"] == len(shown["mails"]) == 2


def test_everything_that_tells_of_them_names_the_command(in_doubt):
    assert "nurture uncertain list" in in_doubt.run("status").said
    assert "nurture uncertain" in in_doubt.run("why", "gym@northside.example", "partner-news").said


def test_left_they_stay_in_the_list_and_nobody_asks(in_doubt):
    assert in_doubt.run("uncertain", "hold", "--all", "--yes").code == 0
    ran = in_doubt.run("uncertain", "list")
    assert ran.code == 0
    assert ran.said.count("left as it is") == 2
    assert "uncertain list" not in in_doubt.run("status").said
    assert "left so by hand" in in_doubt.run("why", "gym@northside.example", "partner-news").said


def test_sent_again_they_wait_in_the_queue(in_doubt):
    ran = in_doubt.run("uncertain", "resend", "--edition", in_doubt.edition, "--yes", "--json")
    assert (ran.code, json.loads(ran.out)) == (0, {"queued": 2, "kept": {}})
    assert states(in_doubt) == ["queued", "queued"]


def test_settled_the_accounts_balance(in_doubt):
    assert in_doubt.run("uncertain", "settle", "1", "--as", "sent").code == 0
    assert in_doubt.run("uncertain", "settle", "2", "--as", "failed").code == 0
    assert sorted(states(in_doubt)) == ["failed", "sent"]
    assert in_doubt.run("accounts").code == 0, "the mail called sent lies in the sandbox"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("hold",), 2, "say which mails"),
        (("hold", "1", "--all"), 2, "say which mails"),
        (("hold", "--all"), 2, "say --yes"),
        (("resend", "1"), 2, "say --yes"),
        (("hold", "99"), 2, "there is no delivery 99"),
        (("resend", "--campaign", "nothing", "--yes"), 2, "there is no edition of nothing"),
        (("settle", "1", "--as", "lost"), 2, "'sent', 'failed'"),
    ],
)
def test_nothing_is_decided_by_mistake(in_doubt, words, code, said):
    ran = in_doubt.run("uncertain", *words)
    assert (ran.code, said in ran.said) == (code, True), ran
    assert states(in_doubt) == ["uncertain", "uncertain"]


def test_what_is_certain_is_not_settled(in_doubt):
    in_doubt.run("uncertain", "settle", "1", "--as", "sent")
    ran = in_doubt.run("uncertain", "resend", "1", "2", "--yes")
    assert (ran.code, "delivery 1 is sent, not uncertain" in ran.said) == (2, True)
    assert sorted(states(in_doubt)) == ["sent", "uncertain"]
