"""Made-up readers and values with which templates are tried out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from nurture.composing.recipient import recipient_values
from nurture.news.item import NewsItem
from nurture.vocabulary import Category, NewsKind

HOSTILE = "{{ 7*7 }} {% raw %} <script>alert(1)</script> \"'&\r\nBcc: x@example.com\u2028\u202e😀"
_LONG = "x" * 300


def sample_readers(owners: Iterable[str] = ()) -> dict[str, dict[str, Any]]:
    """Template values by a name for messages: everything known, only an address, hostile.

    And one for each of ``owners`` (keys under ``staff``), of an organization of theirs.
    """
    full = {
        "title": "Dr.",
        "first_name": "Maria",
        "last_name": "Lee",
        "role": "Orthopedic surgeon",
        "phone": "555-0199",
        "language": "en",
        "country": "US",
        "address": "maria.lee@example.com",
        "categories": sorted(Category),
        "tags": ["vip"],
        "organization": {"name": "Example Orthopedics", "city": "Salem", "region": "OR", "owner": ""},
    }
    hostile: dict[str, Any] = dict.fromkeys(("first_name", "role", "phone", "language", "country"), HOSTILE)
    hostile |= {"last_name": _LONG, "address": "hostile@example.com", "tags": [HOSTILE], "categories": [HOSTILE]}
    hostile["organization"] = {"name": HOSTILE, "city": _LONG, "site": "javascript:alert(1)"}
    partners = {f"a contact of {key}": {**full, "organization": {"name": "Example", "owner": key}} for key in owners}
    return {
        "a contact with everything": recipient_values(full),
        "a contact with only an address": recipient_values({"address": "only@example.com"}),
        "a contact with hostile values": recipient_values(hostile),
        **{name: recipient_values(person) for name, person in partners.items()},
    }


def sample_values(category: Category) -> dict[str, Any]:
    """Template values of somebody made up who has this category alone."""
    person: dict[str, Any] = {"first_name": "Maria", "last_name": "Lee", "language": "en", "country": "US"}
    person |= {"address": "maria.lee@example.com", "categories": [category], "tags": []}
    if category is not Category.PAST_PATIENT:
        person |= {"title": "Dr.", "role": "Director", "organization": {"name": "Example Partners", "city": "Salem"}}
    return recipient_values(person)


def sample_news(today: date) -> tuple[NewsItem, ...]:
    """Items to try out where the workspace has none that fit; one with all, one with the least."""
    least = NewsItem(
        "file:least", NewsKind.FILE, "A sample title", "A sample summary.", "<p>Sample.</p>", "Sample.", date=today
    )
    most = replace(least, id="file:most", tags=("sample",), link="https://example.com/")
    return most, least


class SampleValue(str):
    """Stands for any campaign value of a template that no campaign uses: a text, a date, a mapping, a list."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - text by index, sample by name
        """Another sample for a name, so that ``values.button.url`` works."""
        return SampleValue(self) if isinstance(key, str) else super().__getitem__(key)

    def __iter__(self) -> Iterator[SampleValue]:
        """Two more samples, so that ``{% for fact in values.facts %}`` works."""
        return iter((SampleValue(self), SampleValue(self)))


class SampleValues(dict[str, Any]):
    """Campaign values that has every name."""

    def __missing__(self, key: str) -> SampleValue:
        return SampleValue("2026-12-01")
