"""Rates are ranges: what a person did for sure, and what may have been one."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from nurture.errors import NotFoundError
from nurture.reports.rates import Range, edition_rates
from nurture.store import Store
from nurture.store.schema import event
from tests.delivery.outbox import NOW, Outbox, fill_outbox


def came_back(outbox: Outbox, number: int | None, kind: str, visitor: str = "", *, sure: bool = True) -> None:
    """Something of one mail (0 is the first), or of the edition as a whole."""
    data = {"visitor": visitor, "sure": sure} if visitor else {}
    values = {"kind": kind, "at": NOW + timedelta(hours=1), "edition_id": outbox.edition_id, "data": data}
    if number is not None:
        values["delivery_id"] = outbox.delivery_ids[number]
    with outbox.store.write() as connection:
        connection.execute(sa.insert(event).values(values))


@pytest.fixture
def outbox(store: Store) -> Outbox:
    found = fill_outbox(store, recipients=12)
    for number in found.delivery_ids[:11]:
        found.set(number, state="sent", settled_at=NOW, values={"contact": {}, "tracked": "person"})
    found.set(found.delivery_ids[10], values={"contact": {}, "tracked": "edition"})
    found.set(found.delivery_ids[9], values={"contact": {}})
    return found


def test_what_is_sure_and_what_is_possible(outbox: Outbox) -> None:
    came_back(outbox, 0, "opened", "person")
    came_back(outbox, 0, "opened", "mail_proxy")
    came_back(outbox, 0, "clicked", "person")
    came_back(outbox, 0, "clicked", "person")
    came_back(outbox, 1, "opened", "mail_proxy")
    came_back(outbox, 2, "opened", "privacy_relay")
    came_back(outbox, 3, "clicked", "scanner")
    came_back(outbox, 4, "clicked", "scanner", sure=False)
    came_back(outbox, 5, "opened", "own_office")
    came_back(outbox, 6, "clicked", "person")  # pictures off, but a link was followed
    came_back(outbox, 7, "replied")  # and whoever answers has read
    (found,) = edition_rates(outbox.store)
    assert (found.sent, found.tracked, found.shared) == (11, 9, 1)
    assert found.opened == Range(3, 6)  # 0, 6, 7; and 1, 2, 4
    assert found.clicked == Range(2, 3)  # 0, 6; and 4
    assert found.replied == 1
    assert found.opened.words == "3 to 6"


def test_past_patients_are_counted_together(outbox: Outbox) -> None:
    for visitor in ("person", "mail_proxy", "scanner", "own_office"):
        came_back(outbox, None, "opened", visitor)
    (found,) = edition_rates(outbox.store)
    assert (found.shared_opens, found.opened) == (2, Range(0, 0))


def test_one_edition_of_many(outbox: Outbox) -> None:
    fill_outbox(outbox.store, campaign="other", first=20)
    assert [row.edition for row in edition_rates(outbox.store, campaign="other")] == ["other@2026-12-01T09:30"]
    assert edition_rates(outbox.store, edition="partner-news@2026-12-01T09:30")[0].sent == 11
    with pytest.raises(NotFoundError, match="there is no edition nothing@1"):
        edition_rates(outbox.store, edition="nothing@1")
