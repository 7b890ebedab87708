"""What templates know about a reader."""

from datetime import date
from types import SimpleNamespace

import pytest

from nurture.composing.recipient import greeting, recipient_values
from nurture.vocabulary import Category


@pytest.mark.parametrize(
    ("title", "first", "last", "wanted"),
    [
        ("Dr.", "Zoë", "Lee", "Dr. Lee"),
        ("dr", None, "Lee", "dr Lee"),
        ("Prof. Dr.", "Ada", "Lee", "Prof. Dr. Lee"),
        ("PT, DPT", "Maria", "Lee", "Maria"),
        ("Dr.", "Maria", None, "Maria"),
        (None, "Maria", "Lee", "Maria"),
        (None, None, "Lee", "there"),
        (None, None, None, "there"),
        (None, "x" * 300, None, "there"),
    ],
)
def test_greeting(title: str | None, first: str | None, last: str | None, wanted: str) -> None:
    assert greeting(title, first, last) == wanted


def test_empty_values_are_absent() -> None:
    person = SimpleNamespace(
        first_name="",
        last_name=None,
        address="a@x.example",
        attributes={"size": "", "age": 0, "since": date(2026, 1, 2)},
        tags=("b", "a"),
        categories=frozenset({Category.SCHOOL}),
        organization=None,
        discharged_on=date(2026, 3, 4),
    )
    assert recipient_values(person) == {
        "contact": {
            "greeting": "there",
            "address": "a@x.example",
            "discharged_on": "2026-03-04",
            "attributes": {"age": 0, "since": "2026-01-02"},
            "tags": ["a", "b"],
            "categories": ["school"],
        },
        "organization": {},
    }


def test_names_are_on_one_line() -> None:
    values = recipient_values(
        {"first_name": "Ma\r\nria\u2028", "address": "a@x.example", "organization": {"name": "A\nB"}}
    )
    assert values["contact"]["first_name"] == "Ma ria"
    assert values["organization"]["name"] == "A B"
