"""`nurture contacts repair`: dead addresses, and what machines said of their owners."""

import json

import pytest
import sqlalchemy as sa

from nurture.service.house import open_house
from nurture.store import feedback
from nurture.store.schema import contact
from nurture.store.suppressions import suppress
from nurture.vocabulary import ProposalKind, SuppressionReason, SuppressionScope


@pytest.fixture
def people(clinic):
    """Two contacts: the gym's address died, and a machine says that it has moved."""
    clinic.import_contacts()
    with open_house(clinic.root) as house, house.store.write() as connection:
        row = connection.execute(sa.select(contact).where(contact.c.address == "gym@northside.example")).one()
        now = house.clock.now()
        suppress(
            connection,
            SuppressionScope.ADDRESS,
            row.address_hash,
            shown=row.address,
            reason=SuppressionReason.HARD_BOUNCED,
            source="mail 1",
            now=now,
        )
        feedback.propose(connection, row.id, ProposalKind.MOVED, "front@elsewhere.example", now, key="a")
        feedback.propose(connection, row.id, ProposalKind.LEFT, None, now, key="b")
    clinic.number = row.id
    return clinic


def test_nothing_to_repair(clinic):
    ran = clinic.run("contacts", "repair")
    assert (ran.code, "All addresses work, as far as anybody told." in ran.said) == (0, True)


def test_who_can_be_called_and_what_machines_say(people):
    ran = people.run("contacts", "repair")
    assert ran.code == 1
    for words in ("gym@northside.example", "hard bounced", "has a new address", "front@elsewhere.example (another"):
        assert words in ran.said
    shown = json.loads(people.run("contacts", "repair", "--json").out)
    assert [len(shown[name]) for name in ("dead", "proposed")] == [1, 2]


def test_a_proposal_is_followed_only_when_somebody_accepts_it(people):
    assert people.run("contacts", "show", "gym@northside.example").code == 0
    ran = people.run("contacts", "repair", "--accept", "1")
    assert (ran.code, "is now front@elsewhere.example." in ran.said) == (0, True), ran
    # the new address works; what was found out about the old one is not carried over
    assert "hard bounced" not in people.run("contacts", "show", "front@elsewhere.example").said
    again = people.run("contacts", "repair", "--accept", "1")
    assert (again.code, "there is no open proposal 1" in again.said) == (2, True), again


def test_who_left_is_archived(people):
    ran = people.run("contacts", "repair", "--accept", "2")
    assert (ran.code, ran.said.startswith("Archived")) == (0, True), ran
    shown = json.loads(people.run("contacts", "repair", "--json").out)
    assert shown["dead"] == []


def test_a_proposal_that_is_declined_changes_nothing(people):
    assert people.run("contacts", "repair", "--decline", "2").code == 0
    assert people.run("contacts", "show", "gym@northside.example").code == 0
    both = people.run("contacts", "repair", "--decline", "1", "--accept", "1")
    assert (both.code, "not both" in both.said) == (2, True)
