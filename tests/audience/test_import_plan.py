"""Between the diff and the yes: what is written is what was shown, or nothing at all."""

from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from nurture.audience.candidates import GivenConsent
from nurture.audience.erasing import erase_contact
from nurture.audience.import_passes import CHUNK
from nurture.audience.imports import apply_import
from nurture.audience.suppressing import suppress_by_hand
from nurture.errors import ImportRefusedError
from nurture.store.consents import withdraw_consents
from nurture.store.contact_changes import add_categories, add_tags, update_contacts
from nurture.store.organizations import change_organization
from nurture.store.schema import contact
from nurture.vocabulary import ConsentKind, SuppressionReason

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
CARD = GivenConsent(ConsentKind.IMPLIED, "business card", date(2026, 5, 1))
STORED = "id,email,first name,organization,city\n1,ann@b.example,Ann,Gym,Salem\n2,bob@b.example,Bob,Gym,Salem\n"
LIST = "id,email,first name,phone,organization\n1,ann@b.example,Ann,555-0100,Gym\n,zoe@b.example,Zoe,,Gym\n"


@pytest.fixture
def desk(store, make_workspace, desk_on):
    """A clinic that knows Ann and Bob, on each of the databases."""
    desk = desk_on(store, make_workspace())
    desk.bring(STORED, consent=CARD)
    return desk


def say_yes(desk, diff):
    return apply_import(desk.store, desk.order, diff, now=NOW)


def update(desk, who, **columns):
    with desk.store.write() as connection:
        update_contacts(connection, {desk.person(who).id: columns}, now=NOW)


def withdraw(desk):
    identifier = desk.person("ann@b.example").id
    with desk.store.write() as connection:
        withdraw_consents(connection, identifier, NOW)


def add(desk, add_to, name):
    identifier = desk.person("ann@b.example").id
    with desk.store.write() as connection:
        add_to(connection, [(identifier, name)])


CHANGES = {
    "another value": lambda desk: update(desk, "ann@b.example", phone="555-0199"),
    "another name": lambda desk: update(desk, "ann@b.example", first_name="Anna"),
    "another attribute": lambda desk: update(desk, "ann@b.example", attributes={"level": "2"}),
    "archived": lambda desk: update(desk, "ann@b.example", archived_at=NOW),
    "no organization": lambda desk: update(desk, "ann@b.example", organization_id=None),
    "another number": lambda desk: update(desk, "ann@b.example", external_id="17"),
    "another's number": lambda desk: (
        update(desk, "ann@b.example", external_id=None),
        update(desk, "bob@b.example", external_id="1"),
    ),
    "another address": lambda desk: update(desk, "ann@b.example", address="ann@c.example", address_key="ann@c.example"),
    "another's address": lambda desk: update(desk, "bob@b.example", address_key="zoe@b.example"),
    "a tag": lambda desk: add(desk, add_tags, "fair"),
    "a category": lambda desk: add(desk, add_categories, "school"),
    "a withdrawn consent": withdraw,
    "an erased contact": lambda desk: erase_contact(desk.store, "ann@b.example", now=NOW),
    "an erased address": lambda desk: suppress_by_hand(
        desk.store, desk.workspace, address="zoe@b.example", reason=SuppressionReason.ERASED, now=NOW
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_nothing_is_written_once_the_contacts_of_the_list_are_not_as_they_were(desk, change):
    diff = desk.diff(LIST)
    assert (diff.changed, diff.new) == (1, 1)
    change(desk)
    before = desk.people()
    with pytest.raises(ImportRefusedError, match="the contacts changed since the diff was shown"):
        say_yes(desk, diff)
    assert desk.people() == before


def test_nothing_is_written_once_a_contact_of_the_list_is_gone(desk):
    diff = desk.diff(LIST)
    with desk.store.write() as connection:
        connection.execute(sa.delete(contact).where(contact.c.external_id == "1"))
    with pytest.raises(ImportRefusedError, match="the contacts changed since the diff was shown"):
        say_yes(desk, diff)


def test_what_others_write_about_others_does_not_matter(desk):
    diff = desk.diff(LIST)
    update(desk, "bob@b.example", phone="555-0199")
    suppress_by_hand(desk.store, desk.workspace, address="ann@b.example", now=NOW)  # only counted, and it stays
    organization = desk.person("ann@b.example").organization
    with desk.store.write() as connection:
        change_organization(connection, organization.id, {"phone": "555-0123"}, now=NOW)
    assert say_yes(desk, diff).new == 1
    assert [(p.address, p.phone) for p in desk.people()] == [
        ("ann@b.example", "555-0100"),
        ("bob@b.example", "555-0199"),
        ("zoe@b.example", None),
    ]


def test_nothing_is_written_once_the_file_is_another(desk):
    before = desk.people()
    diff = desk.diff(LIST)
    desk.file.write_text(LIST.replace("555-0100", "555-0123"))  # the same decisions, another value
    with pytest.raises(ImportRefusedError, match="changed since the diff was shown"):
        say_yes(desk, diff)
    assert desk.people() == before


def test_a_change_far_down_the_list_takes_back_what_was_written_before(desk):
    rows = [f"p{number}@b.example,Pat,555-0100,Club {number % 3}" for number in range(CHUNK * 2)]
    diff = desk.diff("\n".join(["email,first name,phone,organization", *rows, "bob@b.example,Bob,555-0111,"]))
    update(desk, "bob@b.example", phone="555-0199")
    before = desk.people()
    with pytest.raises(ImportRefusedError, match="the contacts changed since the diff was shown"):
        say_yes(desk, diff)
    assert desk.people() == before
    with desk.store.read() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM organization")) == 1


def test_rows_about_the_same_people_far_apart_are_written_as_decided(desk):
    """What the first chunk wrote must not be taken for a change when the last one is looked at."""
    between = [f",p{number}@b.example,Pat,," for number in range(CHUNK)]
    rows = [
        "id,email,first name,phone,organization",
        "1,new@b.example,Ann,555-0100,Gym",  # known by her number, moves
        ",bob@b.example,Bob,555-0111,Club",
        ",zoe@b.example,Zoe,,Gym",
        *between,
        ",zoe@b.example,Max,,Gym",  # lives with Zoe
        ",bob@b.example,Bea,,Gym",  # lives with Bob
        ",new@b.example,Ann,,",  # Ann once more
        "3,ann@b.example,Kim,,",  # has Ann's old address
    ]
    diff = desk.diff("\n".join(rows), household=True)
    assert (diff.changed, diff.new, diff.duplicates) == (2, len(between) + 4, 1)
    say_yes(desk, diff)
    found = sorted((p.address, p.first_name) for p in desk.people() if p.first_name != "Pat")
    assert found == [
        ("ann@b.example", "Kim"),
        ("bob@b.example", "Bea"),
        ("bob@b.example", "Bob"),
        ("new@b.example", "Ann"),
        ("zoe@b.example", "Max"),
        ("zoe@b.example", "Zoe"),
    ]
