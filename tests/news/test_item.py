"""Which news fits a campaign: by day, audience, tags and feed; pinned first, then newest."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.news.item import NewsItem, candidates
from nurture.vocabulary import NewsKind
from nurture.workspace.campaign import NewsQuery

TODAY = date(2026, 12, 1)
DAY = timedelta(days=1)
ITEM = NewsItem("file:a", NewsKind.FILE, "A", "Short", "<p>Long</p>", "Long", date=TODAY)


@pytest.mark.parametrize(
    ("changes", "query", "fits"),
    [
        ({}, {}, True),
        ({"date": TODAY + DAY}, {}, False),
        ({"expires": TODAY}, {}, True),
        ({"expires": TODAY - DAY, "date": TODAY - 2 * DAY}, {}, False),
        ({"audience": ("partners",)}, {"audience": "partners"}, True),
        ({"audience": ("patients",)}, {"audience": "partners"}, False),
        ({"audience": ()}, {"audience": "partners"}, True),  # for everybody
        ({"audience": ("patients",)}, {}, True),
        ({"tags": ("sport", "knee")}, {"tags": ("knee", "hip")}, True),
        ({"tags": ("sport",)}, {"tags": ("knee", "hip")}, False),
        ({"tags": ()}, {"tags": ("knee",)}, False),
        ({"feed": "wire"}, {}, False),
        ({"feed": "wire"}, {"feed": "wire"}, True),
        ({"feed": "other"}, {"feed": "wire"}, False),
        ({}, {"feed": "wire"}, False),
    ],
)
def test_an_item_fits_or_not(changes, query, fits: bool) -> None:
    assert bool(candidates([replace(ITEM, **changes)], NewsQuery(**query), today=TODAY)) is fits


items = st.builds(
    replace,
    st.just(ITEM),
    id=st.text("abc", min_size=1, max_size=3),
    pin=st.booleans(),
    date=st.dates(TODAY - 9 * DAY, TODAY + 2 * DAY),
)


@given(st.lists(items))
def test_pinned_come_first_then_the_newest_whatever_the_order_of_files(found: list[NewsItem]) -> None:
    chosen = candidates(found, NewsQuery(), today=TODAY)
    assert all((a.pin, a.date) >= (b.pin, b.date) for a, b in pairwise(chosen))
    assert len(chosen) == sum(item.date <= TODAY for item in found)
    unique = {item.id: item for item in found}.values()
    assert candidates(unique, NewsQuery(), today=TODAY) == candidates(reversed([*unique]), NewsQuery(), today=TODAY)
