"""Conditions find exactly the people they describe."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from nurture.audience.segments import attributes_used, compile_condition, count, examples
from nurture.audience.words import in_words
from nurture.errors import InputError, NotFoundError
from nurture.store import Store
from nurture.store.contacts import stream_people
from nurture.store.expressions import AttributeForm, ensure_attribute_indices
from nurture.store.schema import contact
from nurture.vocabulary import Mode
from nurture.workspace.condition_parser import parse_condition

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
TODAY = date(2026, 11, 25)

SEGMENTS = {
    "gyms": parse_condition({"tag": "gym"}),
    "near": parse_condition({"all": ["gyms", {"org.city": "Salem"}]}),
    "loop": parse_condition({"not": "loop"}),
}


@pytest.fixture
def clinic(store, add_person, add_delivery) -> Store:
    """Five people: a gym owner, a physician, two past patients, somebody archived."""
    salem = {"name": "Iron Gym", "city": "Salem", "country": "US"}
    with store.write() as connection:
        owner = add_person(
            connection,
            "Max@gym.example",
            first_name="Max",
            last_name="Müller",
            categories=["private_business"],
            tags=["gym", "vip"],
            organization=salem,
            attributes={"members": "120", "since": "2020-02-29", "partner": "Yes"},
        )
        doctor = add_person(
            connection,
            "lee@clinic.example",
            title="Dr.",
            last_name="Lee",
            categories=["healthcare_provider", "past_patient"],
            organization={"name": "Knee Center"},
            discharged_on=date(2020, 2, 29),
            attributes={"members": "3 apples"},
        )
        add_person(
            connection, "ann@example.com", first_name="Ann", categories=["past_patient"], discharged_on=date(2026, 9, 1)
        )
        add_person(connection, "bob@example.org", first_name="", attributes={"since": "soon", "members": "9.5"})
        add_person(connection, "old@example.org", categories=["school"], tags=["gym"], archived_at=NOW)
        add_delivery(connection, owner, events=["opened", "clicked"], at=NOW - timedelta(days=10))
        add_delivery(connection, doctor, campaign="referrals", state="uncertain", at=NOW - timedelta(days=70))
        add_delivery(connection, doctor, mode="live", events=["replied"])
        add_delivery(connection, doctor, state="skipped")
    return store


def who(store: Store, rule: object, *, today: date = TODAY, mode: Mode = Mode.SANDBOX) -> set[str]:
    where = compile_condition(parse_condition(rule), segments=SEGMENTS, today=today, now=NOW, mode=mode)
    with store.read() as connection:
        people = list(stream_people(connection, where))
        assert count(connection, where) == len(people)
    return {person.address.partition("@")[0].lower() for person in people}


EVERYBODY = {"max", "lee", "ann", "bob"}


RULES = [
    ({"category": "past_patient"}, {"lee", "ann"}),
    ({"category": ["private_business", "school"]}, {"max"}),
    ({"category": {"not": "past_patient"}}, {"max", "bob"}),
    ({"category": {"not": ["past_patient", "private_business"]}}, {"bob"}),
    ({"category": {"empty": True}}, {"bob"}),
    ({"tag": "gym"}, {"max"}),
    ({"tag": {"not": "vip"}}, {"lee", "ann", "bob"}),
    ({"tag": {"empty": False}}, {"max"}),
    ({"first_name": "Max"}, {"max"}),
    ({"first_name": {"not": "Max"}}, {"lee", "ann", "bob"}),
    ({"first_name": {"empty": True}}, {"lee", "bob"}),
    ({"last_name": {"contains": "MÜL"}}, set()),
    ({"last_name": {"contains": "mü"}}, {"max"}),
    ({"last_name": {"contains": "%"}}, set()),
    ({"address": "MAX@GYM.example"}, {"max"}),
    ({"domain": ["gym.example", "example.com"]}, {"max", "ann"}),
    ({"org.city": "Salem"}, {"max"}),
    ({"org.city": {"not": "Salem"}}, {"lee", "ann", "bob"}),
    ({"org.city": {"empty": True}}, {"lee", "ann", "bob"}),
    ({"org.name": {"contains": "center"}}, {"lee"}),
    ({"discharged_on": {"before": "90 days ago"}}, {"lee"}),
    ({"discharged_on": {"on_or_after": "2026-09-01"}}, {"ann"}),
    ({"discharged_on": date(2026, 9, 1)}, {"ann"}),
    ({"discharged_on": {"not": "2026-09-01"}}, {"max", "lee", "bob"}),
    ({"discharged_on": {"empty": True}}, {"max", "bob"}),
    ({"created_at": "today"}, EVERYBODY),
    ({"created_at": {"before": "today"}}, set()),
    ({"created_at": {"after": date.max}}, set()),
    ({"members": {"above": 100}}, {"max"}),
    ({"members": {"at_most": 9.5}}, {"bob"}),
    ({"members": 120}, {"max"}),
    ({"members": "3 apples"}, {"lee"}),
    ({"members": {"not": 120}}, {"lee", "ann", "bob"}),
    ({"partner": True}, {"max"}),
    ({"since": {"before": "2021-01-01"}}, {"max"}),
    ({"since": {"on_or_after": "2020-02-29"}}, {"max"}),
    ({"since": {"empty": False}}, {"max", "bob"}),
    ({"never_seen": "x"}, set()),
    ({"received": "partner-news"}, {"max"}),
    ({"received": True}, {"max", "lee"}),
    ({"received": {"within": "60 days"}}, {"max"}),
    ({"opened": {"campaign": "partner-news", "within": "10 days"}}, {"max"}),
    ({"opened": {"within": "9 days"}}, set()),
    ({"replied": True}, set()),
    ({"replied": False}, EVERYBODY),
    ("near", {"max"}),
    ({"all": ["gyms", {"not": "near"}]}, set()),
    ({"any": [{"tag": "vip"}, {"first_name": "Ann"}]}, {"max", "ann"}),
    ({"not": {"any": [{"tag": "vip"}, {"all": [{"first_name": "Ann"}, {"org.city": "X"}]}]}}, {"lee", "ann", "bob"}),
]


def test_who_is_found(clinic):
    for rule, found in RULES:
        assert who(clinic, rule) == found, rule


def test_history_belongs_to_one_mode(clinic):
    assert who(clinic, {"replied": True}, mode=Mode.LIVE) == {"lee"}
    assert who(clinic, {"received": "referrals"}, mode=Mode.LIVE) == set()


ANNIVERSARIES = [
    (date(2028, 2, 29), "today", {"lee"}),
    (date(2028, 2, 28), "today", set()),
    (date(2027, 2, 28), "today", {"lee"}),
    (date(2027, 3, 1), "today", set()),
    (date(2026, 12, 30), "next 90 days", {"lee"}),
    (date(2026, 8, 30), "next 7 days", set()),
    (date(2027, 8, 30), "next 7 days", {"ann"}),
    (date(2026, 9, 1), "today", set()),  # the day itself is no anniversary
]


def test_anniversaries(clinic):
    for today, span, found in ANNIVERSARIES:
        assert who(clinic, {"discharged_on": {"anniversary": span}}, today=today) == found, (today, span)
        attribute = who(clinic, {"since": {"anniversary": span}}, today=today)
        assert attribute == ({"max"} if "lee" in found else set()), (today, span)


def test_unknown_segments_and_circles_are_refused(clinic):
    with pytest.raises(NotFoundError, match="no segment clubs; there are gyms"):
        who(clinic, "clubs")
    with pytest.raises(InputError, match="contains itself: loop > loop"):
        who(clinic, "loop")


def test_hostile_values_stay_values(clinic):
    assert who(clinic, {"last_name": "' OR 1=1 --"}) == set()
    assert who(clinic, {"members": "') OR 1=1 --"}) == set()


def test_examples_come_by_id(clinic):
    with clinic.read() as connection:
        assert [person.first_name for person in examples(connection, sa.true(), limit=2)] == ["Max", None]


def test_people_come_with_all_that_templates_need(clinic):
    with clinic.read() as connection:
        (person,) = stream_people(connection, contact.c.first_name == "Max")
    assert person.organization is not None
    assert (person.organization.name, person.organization.city) == ("Iron Gym", "Salem")
    assert person.tags == ("gym", "vip")
    assert person.categories == {"private_business"}
    assert person.attributes["members"] == "120"


def test_streaming_goes_on_after_an_id(clinic):
    with clinic.read() as connection:
        ids = [person.id for person in stream_people(connection, sa.true())]
        assert [person.id for person in stream_people(connection, sa.true(), after_id=ids[1])] == ids[2:]


def test_attributes_of_segments_get_an_index(clinic):
    condition = parse_condition({"all": [{"members": {"above": 1}}, {"not": {"partner": True}}, {"tag": "gym"}]})
    uses = attributes_used([condition])
    assert uses == {("members", AttributeForm.NUMBER), ("partner", AttributeForm.TEXT)}
    with clinic.write() as connection:
        assert ensure_attribute_indices(connection, uses) == sorted(uses)
        assert ensure_attribute_indices(connection, uses) == []


@pytest.mark.parametrize(
    ("rule", "index"),
    [
        ({"level": "7"}, "ix_contact_attribute_level"),
        ({"level": ["7", "8"]}, "ix_contact_attribute_level"),
        ({"level": 7}, "ix_contact_number_level"),
        ({"level": {"above": 195}}, "ix_contact_number_level"),
        ({"level": {"before": "2026-01-01"}}, "ix_contact_date_level"),
        ({"tag": "gym"}, "PRIMARY KEY"),
        ({"any": [{"category": "school"}, {"org.city": "Salem"}]}, "ix_contact_organization_id"),
    ],
)
def test_the_database_looks_people_up_instead_of_reading_all(sqlite_store, add_person, rule, index):
    condition = parse_condition(rule)
    with sqlite_store.write() as connection:
        for number in range(200):
            add_person(connection, f"p{number}@example.com", attributes={"level": str(number)})
        ensure_attribute_indices(connection, attributes_used([condition]))
        where = compile_condition(condition, segments={}, today=TODAY, now=NOW, mode=Mode.SANDBOX)
        query = sa.select(contact.c.id).where(where).compile(connection, compile_kwargs={"literal_binds": True})
        plan = " ".join(str(row) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}"))
    assert index in plan
    assert "SCAN contact " not in plan + " "


def test_names_of_attributes_are_checked_before_they_become_sql(sqlite_store):
    with sqlite_store.write() as connection, pytest.raises(ValueError, match="not the name of a custom attribute"):
        ensure_attribute_indices(connection, [("x') --", AttributeForm.TEXT)])


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"category": ["private_business", "school"]}, "category is private_business or school"),
        ({"tag": {"not": "vip"}}, "tag is not vip"),
        ({"discharged_on": {"before": "90 days ago"}}, "discharge date is before 90 days ago"),
        ({"org.city": {"empty": True}}, "organization's city is missing"),
        ({"received": {"campaign": "partner-news", "within": "60 days"}}, "received partner-news in the last 60 days"),
        ({"not": {"replied": True}}, "not (replied to anything)"),
        (
            {"discharged_on": {"anniversary": "next 7 days"}},
            "discharge date has its anniversary today or in the next 1 week",
        ),
        (
            {"all": ["near", {"any": [{"tag": "a"}, {"last_visit": {"empty": False}}]}]},
            "in segment near (in segment gyms (tag is gym), and organization's city is Salem), "
            "and (tag is a, or last visit is there)",
        ),
        ("loop", "in segment loop (not (in segment loop))"),
        ("nobody-knows", "in segment nobody-knows"),
    ],
)
def test_in_words(rule, words):
    assert in_words(parse_condition(rule), SEGMENTS) == words
