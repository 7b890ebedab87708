"""The database and a naive reading of the condition find the same people."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nurture.audience.segments import compile_condition
from nurture.store import Store
from nurture.store.schema import contact
from nurture.vocabulary import Mode
from nurture.workspace.conditions import (
    BEHAVIOURS,
    All,
    Any_,
    Behaviour,
    Compare,
    Condition,
    Not,
    Operator,
    SegmentReference,
)
from nurture.workspace.dates import RelativeDate

NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)
TODAY = date(2027, 3, 1)
DATES = (date(2024, 2, 28), date(2024, 2, 29), date(2025, 3, 1), TODAY, TODAY + timedelta(days=3))
TEXTS = ("Salem", "salem", "SÃO", "são", "a%b", "", "O'Brien", "7", "-2.5", "2024-02-29")
CATEGORIES = ("school", "past_patient")
TAGS = ("gym", "vip")


@dataclass(frozen=True)
class Delivered:
    campaign: str
    state: str
    mode: str
    days_ago: int
    events: tuple[str, ...]


@dataclass(frozen=True)
class Somebody:
    last_name: str | None
    discharged_on: date | None
    city: str | None
    categories: frozenset[str]
    tags: frozenset[str]
    level: str | None
    deliveries: tuple[Delivered, ...] = field(default=())


deliveries = st.builds(
    Delivered,
    st.sampled_from(("a", "b")),
    st.sampled_from(("sent", "uncertain", "skipped")),
    st.sampled_from(("sandbox", "live")),
    st.sampled_from((1, 10, 40)),
    st.lists(st.sampled_from(("opened", "clicked", "replied", "bounced")), max_size=2, unique=True).map(tuple),
)
people = st.builds(
    Somebody,
    st.none() | st.sampled_from(TEXTS),
    st.none() | st.sampled_from(DATES),
    st.none() | st.sampled_from(TEXTS),
    st.frozensets(st.sampled_from(CATEGORIES)),
    st.frozensets(st.sampled_from(TAGS)),
    st.none() | st.sampled_from(tuple(text for text in TEXTS if text)),
    st.lists(deliveries, max_size=2).map(tuple),
)

texts = st.sampled_from(TEXTS)
days = (
    st.sampled_from(DATES)
    | st.builds(RelativeDate, st.integers(-800, 5))
    | st.builds(RelativeDate, st.just(0), st.just(-24))
)
date_operators = st.sampled_from(
    (Operator.BEFORE, Operator.AFTER, Operator.ON_OR_BEFORE, Operator.ON_OR_AFTER, Operator.IS, Operator.NOT)
)
number_operators = st.sampled_from((Operator.BELOW, Operator.ABOVE, Operator.AT_MOST, Operator.AT_LEAST))
anniversaries = st.integers(0, 40).map(lambda number: timedelta(days=number))


def compares(name: st.SearchStrategy[str], operators: st.SearchStrategy[Operator], values: Any) -> Any:
    return st.builds(Compare, name, operators, values)


text_fields = st.sampled_from(("last_name", "org.city", "level"))
leaves = st.one_of(
    compares(text_fields, st.sampled_from((Operator.IS, Operator.NOT)), texts),
    compares(text_fields, st.just(Operator.CONTAINS), texts.filter(bool)),
    compares(text_fields, st.just(Operator.IN), st.lists(texts, min_size=1, max_size=3).map(tuple)),
    compares(
        st.sampled_from(("last_name", "org.city", "level", "discharged_on", "tag")),
        st.just(Operator.EMPTY),
        st.booleans(),
    ),
    compares(st.sampled_from(("discharged_on", "level")), date_operators, st.sampled_from(DATES)),
    compares(st.just("discharged_on"), date_operators, days),
    compares(st.sampled_from(("discharged_on", "level")), st.just(Operator.ANNIVERSARY), anniversaries),
    compares(st.just("level"), number_operators | st.just(Operator.IS), st.sampled_from((-2.5, 0, 7))),
    compares(st.just("category"), st.sampled_from((Operator.IS, Operator.NOT)), st.sampled_from(CATEGORIES)),
    compares(st.just("tag"), st.just(Operator.IN), st.lists(st.sampled_from(TAGS), min_size=1).map(tuple)),
    st.builds(
        Behaviour,
        st.sampled_from(BEHAVIOURS),
        st.none() | st.sampled_from(("a", "b")),
        st.none() | st.sampled_from((5, 20)).map(lambda number: timedelta(days=number)),
    ),
    st.just(SegmentReference("vips")),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda items: All(tuple(items))),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: Any_(tuple(items))),
        inner.map(Not),
    ),
    max_leaves=6,
)
SEGMENTS: dict[str, Condition] = {"vips": Compare("tag", Operator.IS, "vip")}


def holds(condition: Condition, person: Somebody) -> bool:
    match condition:
        case All(items):
            return all(holds(item, person) for item in items)
        case Any_(items):
            return any(holds(item, person) for item in items)
        case Not(item):
            return not holds(item, person)
        case SegmentReference(name):
            return holds(SEGMENTS[name], person)
        case Behaviour():
            return any(behaved(condition, delivered) for delivered in person.deliveries)
        case Compare(name, operator, value):
            if operator is Operator.NOT:
                return not holds(Compare(name, Operator.IS, value), person)
            if name in ("category", "tag"):
                return has(person.categories if name == "category" else person.tags, operator, value)
            found = {"org.city": "city"}.get(name, name)
            return compared(getattr(person, found), operator, value)


def behaved(node: Behaviour, delivered: Delivered) -> bool:
    if delivered.mode != "sandbox" or node.campaign not in (None, delivered.campaign):
        return False
    if node.within is not None and timedelta(days=delivered.days_ago) > node.within:
        return False
    if node.kind == "received":
        return delivered.state in ("sent", "uncertain")
    return node.kind in delivered.events


def has(members: frozenset[str], operator: Operator, value: Any) -> bool:
    if operator is Operator.EMPTY:
        return bool(members) is not value
    return bool(members & set(value if isinstance(value, tuple) else (value,)))


def compared(found: Any, operator: Operator, value: Any) -> bool:
    if operator is Operator.EMPTY:
        return (found is None or found == "") is value
    if found is None:
        return False
    if operator is Operator.CONTAINS:
        return lower(value) in lower(found)
    if operator is Operator.IN:
        return found in value
    if operator is Operator.ANNIVERSARY:
        return celebrates(as_date(found), value)
    if isinstance(value, int | float):
        number = float(found) if re.fullmatch(r"-?(\d+\.?\d*|\.\d+)", found) else None
        return number is not None and ordered(number, operator, value)
    if isinstance(value, RelativeDate):
        value = value.resolve(TODAY)
    if isinstance(value, date):
        found = as_date(found)
        return found is not None and ordered(found, operator, value)
    return found == value


def ordered(found: Any, operator: Operator, value: Any) -> bool:
    return {
        Operator.IS: found == value,
        Operator.BEFORE: found < value,
        Operator.BELOW: found < value,
        Operator.ON_OR_BEFORE: found <= value,
        Operator.AT_MOST: found <= value,
        Operator.AFTER: found > value,
        Operator.ABOVE: found > value,
        Operator.ON_OR_AFTER: found >= value,
        Operator.AT_LEAST: found >= value,
    }[operator]


def celebrates(found: date | None, span: timedelta) -> bool:
    if found is None or found >= TODAY:
        return False
    for year in (TODAY.year, TODAY.year + 1):
        try:
            day = found.replace(year=year)
        except ValueError:
            day = date(year, 2, 28)
        if TODAY <= day <= TODAY + span:
            return True
    return False


def as_date(found: Any) -> date | None:
    if isinstance(found, str):
        return date.fromisoformat(found) if re.fullmatch(r"\d{4}-\d\d-\d\d", found) else None
    return found


def lower(text: str) -> str:
    return re.sub("[A-Z]+", lambda match: match[0].lower(), text)


@pytest.fixture
def fill(store: Store, add_person: Any, add_delivery: Any) -> Any:
    def fill_connection(connection: sa.Connection, crowd: list[Somebody]) -> dict[int, Somebody]:
        ids = {}
        for number, person in enumerate(crowd):
            identifier = add_person(
                connection,
                f"p{number}@example.com",
                last_name=person.last_name,
                discharged_on=person.discharged_on,
                categories=person.categories,
                tags=person.tags,
                organization=None if person.city is None else {"name": f"O{number}", "city": person.city},
                attributes={} if person.level is None else {"level": person.level},
            )
            for delivered in person.deliveries:
                add_delivery(
                    connection,
                    identifier,
                    campaign=delivered.campaign,
                    state=delivered.state,
                    mode=delivered.mode,
                    events=delivered.events,
                    at=NOW - timedelta(days=delivered.days_ago),
                )
            ids[identifier] = person
        return ids

    return fill_connection


class _RollBackError(Exception):
    pass


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(crowd=st.lists(people, min_size=1, max_size=6), asked=st.lists(conditions, min_size=3, max_size=12))
def test_the_database_agrees_with_a_naive_reading(store: Store, fill: Any, crowd: Any, asked: Any) -> None:
    try:
        with store.write() as connection:
            ids = fill(connection, crowd)
            for condition in asked:
                where = compile_condition(condition, segments=SEGMENTS, today=TODAY, now=NOW, mode=Mode.SANDBOX)
                found = set(connection.scalars(sa.select(contact.c.id).where(where)))
                assert found == {identifier for identifier, person in ids.items() if holds(condition, person)}, (
                    condition
                )
            raise _RollBackError
    except _RollBackError:
        pass
