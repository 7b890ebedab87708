"""Conditions: the tree that comes out, and what is refused, at its path."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.vocabulary import Category
from nurture.workspace.condition_parser import parse_condition
from nurture.workspace.conditions import (
    All,
    Any_,
    Behaviour,
    Compare,
    Condition,
    ConditionError,
    Not,
    Operator,
    SegmentReference,
    walk,
)
from nurture.workspace.dates import RelativeDate, parse_anniversary, parse_date

SCHOOL = Compare("category", Operator.IS, Category.SCHOOL)
VIP = Compare("tag", Operator.IS, "vip")

UNDERSTOOD: list[tuple[Any, Condition]] = [
    ("partners", SegmentReference("partners")),
    ({"segment": "partners"}, SegmentReference("partners")),
    ({"category": "school"}, SCHOOL),
    ({"category": ["school"]}, Compare("category", Operator.IN, (Category.SCHOOL,))),
    ({"category": "school", "tag": "vip"}, All((SCHOOL, VIP))),
    ([{"category": "school"}, {"tag": "vip"}], Any_((SCHOOL, VIP))),
    ({"all": [{"category": "school"}, "partners"]}, All((SCHOOL, SegmentReference("partners")))),
    ({"any": [{"category": "school"}, {"tag": "vip"}]}, Any_((SCHOOL, VIP))),
    ({"not": {"tag": "vip"}}, Not(VIP)),
    ({"tag": {"not": "vip"}}, Compare("tag", Operator.NOT, "vip")),
    ({"tag": {"not": ["vip", "new"]}}, Not(Compare("tag", Operator.IN, ("vip", "new")))),
    ({"org.city": {"contains": "sal"}}, Compare("org.city", Operator.CONTAINS, "sal")),
    ({"phone": {"empty": True}}, Compare("phone", Operator.EMPTY, True)),
    ({"members": {"at_least": 100}}, Compare("members", Operator.AT_LEAST, 100)),
    ({"met_on": {"after": date(2026, 1, 1)}}, Compare("met_on", Operator.AFTER, date(2026, 1, 1))),
    ({"discharged_on": {"before": "90 days ago"}}, Compare("discharged_on", Operator.BEFORE, RelativeDate(days=-90))),
    ({"discharged_on": "today"}, Compare("discharged_on", Operator.IS, RelativeDate())),
    (
        {"discharged_on": {"after": "1 year ago", "before": "in 2 weeks"}},
        All(
            (
                Compare("discharged_on", Operator.AFTER, RelativeDate(months=-12)),
                Compare("discharged_on", Operator.BEFORE, RelativeDate(days=14)),
            )
        ),
    ),
    (
        {"discharged_on": {"anniversary": "next 2 weeks"}},
        Compare("discharged_on", Operator.ANNIVERSARY, timedelta(days=14)),
    ),
    ({"replied": True}, Behaviour("replied")),
    ({"replied": False}, Not(Behaviour("replied"))),
    ({"received": "partner-news"}, Behaviour("received", "partner-news")),
    ({"clicked": {"within": "60 days"}}, Behaviour("clicked", None, timedelta(days=60))),
    ({"not": {"opened": {"campaign": "x", "within": "2 weeks"}}}, Not(Behaviour("opened", "x", timedelta(days=14)))),
]


@pytest.mark.parametrize(("value", "condition"), UNDERSTOOD, ids=[str(value) for value, _ in UNDERSTOOD])
def test_conditions_are_understood(value: object, condition: Condition) -> None:
    assert parse_condition(value) == condition


REFUSED: list[tuple[Any, tuple[str | int, ...], str]] = [
    (None, (), "write a condition"),
    ({}, (), "an empty condition"),
    ([], (), "an empty condition"),
    ({"all": []}, ("all",), "an empty condition"),
    ({"all": {"tag": "x"}}, ("all",), "write a list of conditions"),
    ("Not a name", (), "is not the name of a segment"),
    ({"categroy": "school"}, ("categroy",), "unknown field `categroy`; did you mean `category`?"),
    ({"recieved": {}}, ("recieved",), "did you mean `received`?"),
    ({"org.employees": 3}, ("org.employees",), "organizations have org.name"),
    ({"Lucky number": 7}, ("Lucky number",), "cannot be the name of a custom attribute"),
    ({"category": "gym"}, ("category",), "unknown category 'gym'; there are"),
    ({"category": {"before": "today"}}, ("category", "before"), "`before` does not fit the field `category`"),
    ({"role": {"above": 3}}, ("role", "above"), "`above` does not fit the field `role`"),
    ({"discharged_on": {"contains": "1"}}, ("discharged_on", "contains"), "does not fit"),
    ({"discharged_on": "2026-02-30"}, ("discharged_on",), "there is no such day"),
    ({"discharged_on": {"before": "in 90 days ago"}}, ("discharged_on", "before"), "is not a date"),
    ({"members": {"above": "many"}}, ("members", "above"), "'many' is not a number"),
    ({"phone": {"empty": "yes"}}, ("phone", "empty"), "write `empty: true`"),
    ({"phone": None}, ("phone",), "write `{empty: true}`"),
    ({"phone": 5550100}, ("phone",), "quote it"),
    ({"tag": {"in": "vip"}}, ("tag", "in"), "write a list of values"),
    ({"tag": ["vip", 3]}, ("tag", 1), "quote it"),
    ({"replied": 3}, ("replied",), "write `replied: {campaign"),
    ({"replied": {"whithin": "3 days"}}, ("replied", "whithin"), "did you mean `within`?"),
    ({"replied": {"within": 30}}, ("replied", "within"), "'30' is not a duration"),
    ({"received": {"campaign": ["a", "b"]}}, ("received", "campaign"), "for several, use `any`"),
    ({"all": [{"any": [{"tag": "x"}, {"tga": "x"}]}]}, ("all", 0, "any", 1, "tga"), "unknown field `tga`"),
]


@pytest.mark.parametrize(("value", "path", "message"), REFUSED, ids=[str(value) for value, _, _ in REFUSED])
def test_what_makes_no_sense_is_refused_at_its_path(value: object, path: tuple[str | int, ...], message: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_condition(value)
    assert caught.value.path == path
    assert message in str(caught.value)


def test_all_problems_of_a_condition_are_told() -> None:
    with pytest.raises(ConditionError) as caught:
        parse_condition({"any": [{"catgory": "x"}, {"category": "school"}, {"tag": [1, 2]}]})
    assert [problem.path for problem in caught.value.problems] == [
        ("any", 0, "catgory"),
        ("any", 2, "tag", 0),
        ("any", 2, "tag", 1),
    ]


def test_nodes_know_their_place() -> None:
    tree = parse_condition({"all": [{"tag": "a"}, {"not": {"org.city": {"contains": "x"}}}]})
    paths = [node.path for node in walk(tree)]
    assert paths == [("all",), ("all", 0, "tag"), ("all", 1, "not"), ("all", 1, "not", "org.city", "contains")]


def test_a_huge_condition_is_refused() -> None:
    with pytest.raises(ConditionError, match="too large") as raised:
        parse_condition([{"tag": "x"}] * 600)
    assert len(raised.value.problems) == 1, "told once, not for each of the rest"
    deep: Any = {"tag": "x"}
    for _ in range(45):
        deep = {"not": deep}
    with pytest.raises(ConditionError, match="too large"):
        parse_condition(deep)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["all", "any", "not", "category", "tag", "org.city", "received", "before", "in", "x"])
            | st.text(max_size=6),
            inner,
            max_size=3,
        )
    ),
)


@given(VALUES)
def test_any_value_is_understood_or_refused(value: object) -> None:
    try:
        tree = parse_condition(value)
    except ConditionError:
        return
    assert next(walk(tree)) is tree
    assert parse_condition(tree) is tree


@pytest.mark.parametrize(
    ("text", "today", "expected"),
    [
        ("today", date(2026, 12, 1), date(2026, 12, 1)),
        ("yesterday", date(2026, 12, 1), date(2026, 11, 30)),
        ("in 2 weeks", date(2026, 12, 24), date(2027, 1, 7)),
        ("1 month ago", date(2026, 3, 31), date(2026, 2, 28)),
        ("in 1 month", date(2028, 1, 31), date(2028, 2, 29)),
        ("1 year ago", date(2028, 2, 29), date(2027, 2, 28)),
        ("18 months ago", date(2026, 12, 1), date(2025, 6, 1)),
    ],
)
def test_relative_dates_are_counted_from_today(text: str, today: date, expected: date) -> None:
    found = parse_date(text)
    assert isinstance(found, RelativeDate)
    assert found.resolve(today) == expected


@given(st.builds(RelativeDate, days=st.integers(-9999, 9999)) | st.builds(RelativeDate, months=st.integers(-99, 99)))
def test_the_text_of_a_relative_date_means_the_same(relative: RelativeDate) -> None:
    assert parse_date(relative.text) == relative


@pytest.mark.parametrize("text", ["tomorrow", "next 9999 days", "next week", 30, None])
def test_an_anniversary_is_today_or_in_the_next_days(text: object) -> None:
    with pytest.raises(ValueError, match="write `today` or `next 30 days`"):
        parse_anniversary(text)
