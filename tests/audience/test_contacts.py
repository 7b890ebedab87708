"""Contacts by hand: found, listed, added, edited, tagged, erased, exported, suppressed."""

import csv
import stat
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from nurture.audience.candidates import GivenConsent
from nurture.audience.contacts import ContactFilter, find_contact, list_contacts, show_contact
from nurture.audience.editing import Edit, add_contact, edit_contact, tag_contacts
from nurture.audience.erasing import erase_contact
from nurture.audience.exporting import export_contacts
from nurture.audience.suppressing import lift_by_hand, suppress_by_hand
from nurture.errors import InputError, NotFoundError
from nurture.store.readers import readers_of
from nurture.store.schema import attempt, contact, contact_category, contact_tag, delivery, event, suppression
from nurture.store.suppressions import REHEARSED, lift_rehearsed, list_suppressions, suppressions_of
from nurture.vocabulary import Category, ConsentKind, SuppressionReason, SuppressionScope

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
FORM = GivenConsent(ConsentKind.WRITTEN, "form", date(2026, 11, 1))


@pytest.fixture
def people(store, make_workspace, desk_on):
    desk = desk_on(store, make_workspace({}, "\n"))
    desk.bring(
        "email,first name,last name,organization,category,tags,level\n"
        "lee@knee.example,Grace,Lee,Knee Center,physician,refers,3\n"
        "ann@gym.example,Ann,Ray,Iron Gym,gym,,\n"
        "home@b.example,Bob,Roy,,patient,,\n"
        "home@b.example,Eve,Roy,,patient,,\n",
        columns={"level": "level"},
        household=True,
    )
    return desk


def names(people):
    return [person.first_name for person in people]


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (ContactFilter(), ["Grace", "Ann", "Bob", "Eve"]),
        (ContactFilter(text="IRON"), ["Ann"]),
        (ContactFilter(text="roy"), ["Bob", "Eve"]),
        (ContactFilter(category=Category.PAST_PATIENT, text="eve"), ["Eve"]),
        (ContactFilter(tag="refers"), ["Grace"]),
        (ContactFilter(organization="gym"), ["Ann"]),
    ],
)
def test_listing(people, which, found):
    with people.store.read() as connection:
        page = list_contacts(connection, people.workspace, which, now=NOW, limit=2)
        rest = list_contacts(connection, people.workspace, which, now=NOW, after_id=page[-1].id, limit=None)
    assert names(page + rest) == found


def test_finding_and_showing(people, add_delivery):
    with people.store.write() as connection:
        lee = find_contact(connection, " LEE@knee.example ")
        add_delivery(connection, lee.id, address="lee@knee.example")
        card = show_contact(connection, str(lee.id))
        assert (card.person, len(card.deliveries), card.suppressions) == (lee, 1, ())
        with pytest.raises(NotFoundError, match=r"no contact who@b\.example"):
            find_contact(connection, "who@b.example")
        with pytest.raises(NotFoundError, match="no contact 99999999999999999999"):
            find_contact(connection, "9" * 20)
        with pytest.raises(
            InputError, match=r"2 people share home@b\.example; say which by number: 3 Bob Roy; 4 Eve Roy"
        ):
            find_contact(connection, "home@b.example")


def test_adding(people):
    values = {"first_name": "Kim", "organization": "Iron Gym", "org.city": "Salem", "level": "2"}
    person = add_contact(
        people.store,
        people.workspace,
        "Kim@gym.example",
        values=values,
        categories=[Category.PRIVATE_BUSINESS],
        tags=["Spring Fair"],
        consent=FORM,
        now=NOW,
    )
    assert (person.first_name, person.attributes, person.tags) == ("Kim", {"level": "2"}, ("spring-fair",))
    assert person.organization
    assert (person.organization.name, person.organization.city) == ("Iron Gym", "Salem")
    with people.store.read() as connection:
        (reader,) = readers_of(connection, [person.id], on=date(2026, 11, 25), topic="news")
        assert reader.consents == 1


@pytest.mark.parametrize(
    ("address", "values", "words"),
    [
        ("lee@knee.example", {}, "is a contact already"),
        ("lee@knee.example", {"first_name": "Zoe"}, "stands under Grace Lee"),
        ("nobody", {}, "not an address"),
        ("n@b.example", {"frist_name": "x"}, "did you mean `first_name`"),
        ("n@b.example", {"country": "Neverland"}, "two letters"),
        ("n@b.example", {"org.city": "Salem"}, "name the organization too"),
        ("n@b.example", {"tags": "x"}, "has an option of its own"),
    ],
)
def test_what_cannot_be_added(people, address, values, words):
    with pytest.raises(InputError, match=words):
        add_contact(people.store, people.workspace, address, values=values, now=NOW)
    assert len(people.people()) == 4


def test_editing(people):
    edit = Edit(
        values={"first_name": "Grace M.", "last_name": "", "level": "", "organization": ""},
        add_categories=[Category.SCHOOL],
        remove_categories=[Category.HEALTHCARE_PROVIDER],
        add_tags=["new"],
        remove_tags=["refers"],
        consent=FORM,
        archived=True,
    )
    person = edit_contact(people.store, people.workspace, "lee@knee.example", edit, now=NOW)
    assert (person.first_name, person.last_name, person.attributes) == ("Grace M.", None, {})
    assert (person.organization, person.categories, person.tags) == (None, {"school"}, ("new",))
    assert person.archived_at == NOW
    back = edit_contact(people.store, people.workspace, "lee@knee.example", Edit(archived=False), now=NOW)
    assert back.archived_at is None
    edit_contact(people.store, people.workspace, "lee@knee.example", Edit(withdraw_consents=True), now=NOW)
    with people.store.read() as connection:
        (reader,) = readers_of(connection, [person.id], on=date(2026, 11, 25), topic="news")
        assert reader.consents is None


def test_a_new_address_inherits_the_unsubscription(people):
    suppress_by_hand(
        people.store, people.workspace, address="lee@knee.example", reason=SuppressionReason.UNSUBSCRIBED, now=NOW
    )
    moved = Edit(values={"address": "lee@new.example"})
    person = edit_contact(people.store, people.workspace, "lee@knee.example", moved, now=NOW)
    with people.store.read() as connection:
        ((row,),) = suppressions_of(connection, [person]).values()
    assert (row.shown, row.reason, person.domain) == ("lee@new.example", "unsubscribed", "new.example")


def test_an_address_that_is_taken(people):
    taken = {"address": "lee@knee.example"}
    with pytest.raises(InputError, match="is the address of contact 1 too"):
        edit_contact(people.store, people.workspace, "ann@gym.example", Edit(values=taken), now=NOW)
    edit = Edit(values=taken, household=True)
    assert edit_contact(people.store, people.workspace, "ann@gym.example", edit, now=NOW).household == 1


def test_tagging_is_all_or_none(people):
    with pytest.raises(NotFoundError):
        tag_contacts(people.store, ["lee@knee.example", "who@b.example"], add=["vip"], now=NOW)
    assert people.person("lee@knee.example").tags == ("refers",)
    assert tag_contacts(people.store, ["1", "2"], add=["VIP guest"], remove=["refers"], now=NOW) == 2
    assert people.person("lee@knee.example").tags == ("vip-guest",)


def test_erasing_leaves_counts_and_nothing_personal(people, add_delivery):
    with people.store.write() as connection:
        lee = find_contact(connection, "lee@knee.example")
        sent = add_delivery(
            connection,
            lee.id,
            address="lee@knee.example",
            domain="knee.example",
            values={"name": "Lee"},
            events=["opened"],
        )
        add_delivery(connection, lee.id, state="queued", address="lee@knee.example", settled_at=None)
        connection.execute(
            sa.insert(attempt).values(
                delivery_id=sent,
                number=1,
                claim=1,
                owner="w",
                sender="s",
                started_at=NOW,
                answer="550 lee@knee.example?",
            )
        )
        about_lee = sa.or_(event.c.contact_id == lee.id, event.c.delivery_id == sent)
        connection.execute(sa.update(event).where(about_lee).values(data={"address": "lee@knee.example"}))
    suppress_by_hand(people.store, people.workspace, address="lee@knee.example", now=NOW)
    done = erase_contact(people.store, "lee@knee.example", now=NOW)
    assert (done.canceled, done.suppressed) == (1, True)
    with people.store.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(delivery)) == 2
        states = connection.execute(sa.select(delivery.c.state, delivery.c.contact_id, delivery.c["values"])).all()
        assert sorted(states) == [("canceled", None, None), ("sent", None, None)]
        everything = [
            str(row)
            for table in (contact, contact_category, contact_tag, delivery, attempt, event, suppression)
            for row in connection.execute(sa.select(table))
        ]
        row = connection.execute(sa.select(contact).where(contact.c.id == lee.id)).one()
    assert not [text for text in everything if "lee" in text.lower() or "grace" in text.lower()]
    assert (row.address_hash, row.erased_at) == (lee.address_hash, NOW)
    with pytest.raises(InputError, match="erased already"):
        erase_contact(people.store, str(lee.id), now=NOW)
    with pytest.raises(InputError, match="nothing to change"):
        edit_contact(people.store, people.workspace, str(lee.id), Edit(), now=NOW)


def test_an_erased_address_does_not_come_back(people):
    erase_contact(people.store, "lee@knee.example", now=NOW)
    with people.store.read() as connection:
        assert [row.reason for row in list_suppressions(connection)] == ["erased"]
    diff = people.diff("email,first name\nLee@knee.example,Grace\n", max_bad=1)
    assert diff.notes["rejected"][0].text == "this address was erased at the person's request"
    with pytest.raises(InputError, match="erased at the person's request"):
        add_contact(people.store, people.workspace, "lee@knee.example", now=NOW)


@pytest.mark.parametrize(
    ("reason", "source"),
    [
        (SuppressionReason.UNSUBSCRIBED, "mail 1"),
        (SuppressionReason.UNSUBSCRIBED, f"{REHEARSED}mail 1"),
        (SuppressionReason.SOFT_BOUNCED, "mail 1"),
    ],
)
def test_an_erasure_outlasts_what_kept_mail_away_before(people, reason, source):
    address = "lee@knee.example"
    suppress_by_hand(people.store, people.workspace, address=address, reason=reason, source=source, now=NOW)
    erase_contact(people.store, address, now=NOW)
    with people.store.write() as connection:
        lift_rehearsed(connection, because="the clinic goes live", now=NOW)
        assert [row.reason for row in list_suppressions(connection)] == ["erased"]
    with pytest.raises(InputError, match="erased at the person's request"):
        add_contact(people.store, people.workspace, address, now=NOW)


def test_an_erasure_does_not_take_a_complaint_back(people):
    address = "lee@knee.example"
    suppress_by_hand(people.store, people.workspace, address=address, reason=SuppressionReason.COMPLAINED, now=NOW)
    erase_contact(people.store, address, now=NOW)
    with pytest.raises(InputError, match="complained"):
        lift_by_hand(people.store, people.workspace, address=address, because="a customer", now=NOW)


def test_erasing_one_of_a_household_leaves_the_other_reachable(people):
    assert erase_contact(people.store, "3", now=NOW).suppressed is False
    with people.store.read() as connection:
        assert find_contact(connection, "home@b.example").first_name == "Eve"
        assert suppressions_of(connection, people.people()) == {}


def test_exporting_and_importing_again(people, tmp_path):
    edit_contact(
        people.store, people.workspace, "1", Edit(values={"phone": "+1 503 555 0100", "role": "=HYPERLINK(1)"}), now=NOW
    )
    file = tmp_path / "export.csv"
    assert export_contacts(people.store, people.workspace, file, now=NOW) == 4
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = list(csv.DictReader(text))
    assert (rows[0]["phone"], rows[0]["role"], rows[0]["level"]) == ("'+1 503 555 0100", "'=HYPERLINK(1)", "3")
    assert not [cell for row in rows for cell in row.values() if cell[:1] in tuple("=+-@")]
    diff = people.diff(file.read_bytes(), columns={"level": "level"}, household=True)
    assert diff.in_words == "4 unchanged"
    which = ContactFilter(category=Category.PAST_PATIENT)
    assert export_contacts(people.store, people.workspace, file, which, now=NOW) == 2


def test_suppressing_and_lifting(people):
    def suppressed():
        with people.store.read() as connection:
            return {i: [row.scope for row in rows] for i, rows in suppressions_of(connection, people.people()).items()}

    store, workspace = people.store, people.workspace
    assert suppress_by_hand(store, workspace, address="Home@b.example", now=NOW)
    assert not suppress_by_hand(store, workspace, address="home@b.example", now=NOW)
    assert suppress_by_hand(store, workspace, domain="@GYM.example", now=NOW)
    assert suppress_by_hand(store, workspace, organization="knee  center", now=NOW)
    assert suppressed() == {1: ["organization"], 2: ["domain"], 3: ["address"], 4: ["address"]}
    with pytest.raises(InputError, match="say why"):
        lift_by_hand(store, workspace, domain="gym.example", because=" ", now=NOW)
    assert lift_by_hand(store, workspace, domain="gym.example", because="asked\nagain", now=NOW) == "manual"
    assert set(suppressed()) == {1, 3, 4}
    with pytest.raises(NotFoundError, match="is not suppressed"):
        lift_by_hand(store, workspace, domain="gym.example", because="x", now=NOW)
    with store.read() as connection:
        assert [row.scope for row in list_suppressions(connection)] == ["organization", "address"]
        (lifted,) = [row for row in list_suppressions(connection, lifted=True) if row.lifted_at]
        assert (lifted.lifted_because, lifted.scope) == ("asked again", SuppressionScope.DOMAIN)


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ({}, "name one address"),
        ({"address": "a@b.example", "domain": "b.example"}, "name one address"),
        ({"address": "nobody"}, "nobody: "),
        ({"domain": "not a domain"}, "not a domain: "),
        ({"organization": "Nowhere"}, "no organization"),
    ],
)
def test_what_cannot_be_suppressed(people, what, error):
    with pytest.raises(InputError, match=error):
        suppress_by_hand(people.store, people.workspace, now=NOW, **what)
