"""The last day of a consent stays right: whoever moves, whatever the file or the clinic says."""

from datetime import UTC, date, datetime

import pytest

from nurture.audience.candidates import GivenConsent
from nurture.audience.consent_ends import keep_consent_ends
from nurture.audience.editing import Edit, add_contact, edit_contact
from nurture.errors import InputError
from nurture.store.consents import consents_of
from nurture.vocabulary import ConsentKind

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
CARD = GivenConsent(ConsentKind.IMPLIED, "business card", date(2026, 5, 1))
BY_LAW, NEVER = date(2028, 5, 1), None


def ends(desk):
    """The last day of everybody's consents, by address."""
    with desk.store.read() as connection:
        people = desk.people()
        found = consents_of(connection, [person.id for person in people])
        return {person.address: [row.expires_on for row in found[person.id]] for person in people}


def test_a_person_who_turns_out_to_be_in_canada(store, make_workspace, desk_on):
    desk = desk_on(store, make_workspace())
    desk.bring("email\na@b.example\n", consent=CARD)
    assert ends(desk) == {"a@b.example": [NEVER]}
    desk.bring("email,country\na@b.example,Canada\n")
    assert ends(desk) == {"a@b.example": [BY_LAW]}
    desk.bring("email,country\na@b.example,US\n")
    assert ends(desk) == {"a@b.example": [NEVER]}


def test_a_file_without_countries_does_not_forget_who_is_in_canada(desk):
    desk.bring("email,country\na@b.example,Canada\n")
    desk.bring("email\na@b.example\n", consent=CARD)
    assert ends(desk) == {"a@b.example": [BY_LAW]}


def test_an_organization_in_canada_and_one_person_of_it_elsewhere(store, make_workspace, desk_on):
    desk = desk_on(store, make_workspace())
    desk.bring("email,company,country\na@b.example,Iron Gym,\nb@b.example,Iron Gym,US\n", consent=CARD)
    assert ends(desk) == {"a@b.example": [NEVER], "b@b.example": [NEVER]}
    # the row is about somebody else of that organization
    desk.bring("email,company,company country\nc@b.example,Iron Gym,Canada\n", consent=CARD)
    assert ends(desk) == {"a@b.example": [BY_LAW], "b@b.example": [NEVER], "c@b.example": [BY_LAW]}


def test_by_hand(store, make_workspace, desk_on):
    desk = desk_on(store, make_workspace())
    for name in ("kim", "lou"):
        address = f"{name}@gym.example"
        add_contact(store, desk.workspace, address, values={"organization": "Iron Gym"}, consent=CARD, now=NOW)
    edit = Edit(values={"organization": "Iron Gym", "org.country": "CA"})
    edit_contact(store, desk.workspace, "kim@gym.example", edit, now=NOW)
    assert ends(desk) == {"kim@gym.example": [BY_LAW], "lou@gym.example": [BY_LAW]}
    edit_contact(store, desk.workspace, "lou@gym.example", Edit(values={"country": "US"}), now=NOW)
    assert ends(desk) == {"kim@gym.example": [BY_LAW], "lou@gym.example": [NEVER]}


def test_a_file_that_says_until_when(desk):
    rows = (
        "a@b.example,verbal,2026-05-01,fair,2027-05-01\n"
        "b@b.example,inquiry,2026-05-01,web form,\n"
        "c@b.example,verbal,2026-05-01,fair,2026-04-01\n"
    )
    header = "email,consent,consent date,consent source,consent until\n"
    assert desk.diff(header + rows).warnings == 1
    desk.bring(header + rows)
    with desk.store.read() as connection:
        found = consents_of(connection, [person.id for person in desk.people()])
    assert [[(row.kind, row.expires_on) for row in rows] for rows in found.values()] == [
        [(ConsentKind.VERBAL, date(2027, 5, 1))],
        [(ConsentKind.INQUIRY, None)],
    ]
    with pytest.raises(InputError, match="2026-04-01 is before it was given"):
        desk.diff("email\na@b.example\n", consent=GivenConsent(CARD.kind, "x", CARD.obtained_on, date(2026, 4, 1)))


def test_other_rules_of_the_clinic_count_for_what_is_recorded(store, make_workspace, desk_on):
    desk = desk_on(store, make_workspace())
    agreed = GivenConsent(ConsentKind.VERBAL, "fair", date(2026, 5, 1), date(2027, 5, 1))
    desk.bring("email\na@b.example\n", consent=CARD)
    desk.bring("email\nb@b.example\n", consent=agreed)
    settings = desk.workspace.settings
    assert keep_consent_ends(store, settings) == 0
    address = settings.clinic.address.model_copy(update={"country": "CA"})
    moved = settings.model_copy(update={"clinic": settings.clinic.model_copy(update={"address": address})})
    assert keep_consent_ends(store, moved) == 1
    assert ends(desk) == {"a@b.example": [BY_LAW], "b@b.example": [date(2027, 5, 1)]}
    assert keep_consent_ends(store, settings) == 1
    assert ends(desk) == {"a@b.example": [NEVER], "b@b.example": [date(2027, 5, 1)]}
