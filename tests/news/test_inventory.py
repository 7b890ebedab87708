"""Who has seen what: only mail that left, only in this mode; and the inventory made of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from nurture.news.inventory import inventory, take_stock
from nurture.news.item import NewsItem
from nurture.store import Store
from nurture.store.news import FeedState, carriers, keep_lists, lists, seen_counts
from nurture.store.news import seen as seen_in
from nurture.store.schema import contact, delivery, edition
from nurture.vocabulary import CampaignKind, Category, DeliveryState, EditionState, Mode, NewsKind

NOW = datetime(2026, 12, 1, 18, tzinfo=UTC)
TODAY = date(2026, 12, 1)


@pytest.fixture
def deliver(store: Store):
    """Writes one delivery with its news, as planning and sending would leave it."""

    def deliver_one(person: int, state: DeliveryState, *news: str, mode=Mode.SANDBOX, variant=Category.SCHOOL) -> None:
        with store.write() as connection:
            number = connection.scalar(sa.select(sa.func.count()).select_from(delivery)) or 0
            if not connection.scalar(sa.select(contact.c.id).where(contact.c.id == person)):
                row = {
                    "id": person,
                    "address_hash": str(person),
                    "attributes": {},
                    "created_at": NOW,
                    "updated_at": NOW,
                }
                connection.execute(sa.insert(contact).values(**row))
            names = {"mode": mode, "campaign": "partner-news"}
            edition_id = connection.execute(
                sa.insert(edition).values(
                    **names, occurrence=str(number), kind=CampaignKind.NEWSLETTER, topic="t", sender="clinic",
                    state=EditionState.READY, news_ids=list(news), due_at=NOW, expires_at=NOW, campaign_digest="", created_at=NOW,
                )
            ).inserted_primary_key[0]  # fmt: skip
            connection.execute(
                sa.insert(delivery).values(
                    **names, edition_id=edition_id, contact_id=person, recipient_key=str(person), variant=variant,
                    news_list_id=keep_lists(connection, {news})[news], state=state, consent_mask=0, not_before=NOW, not_after=NOW, next_attempt_at=NOW, created_at=NOW,
                )
            )  # fmt: skip

    return deliver_one


def seen(connection: sa.Connection, people: Sequence[int], *, mode: Mode) -> dict[int, frozenset[str]]:
    editions = carriers(connection, ["file:a", "file:b"], mode=mode)
    return seen_in(connection, people, editions=editions)


@pytest.mark.parametrize("state", DeliveryState)
def test_seen_is_what_was_sent_or_may_have_been(store: Store, deliver, state: DeliveryState) -> None:
    deliver(1, state, "file:a", "file:b")
    counts = state in (DeliveryState.SENT, DeliveryState.UNCERTAIN)
    with store.read() as connection:
        assert seen(connection, [1, 2], mode=Mode.SANDBOX) == ({1: {"file:a", "file:b"}} if counts else {})
        assert seen_counts(connection, mode=Mode.SANDBOX) == (
            {"file:a": {Category.SCHOOL: 1}, "file:b": {Category.SCHOOL: 1}} if counts else {}
        )
        assert seen(connection, [1], mode=Mode.LIVE) == {}
        assert seen_counts(connection, mode=Mode.LIVE) == {}


def test_people_are_counted_not_mails(store: Store, deliver) -> None:
    deliver(1, DeliveryState.SENT, "file:a")
    deliver(1, DeliveryState.SENT, "file:a", "file:b")
    deliver(2, DeliveryState.UNCERTAIN, "file:a", variant=Category.PAST_PATIENT)
    deliver(3, DeliveryState.QUEUED, "file:a")
    deliver(4, DeliveryState.SENT, "file:a", mode=Mode.LIVE)
    with store.read() as connection:
        assert seen_counts(connection, mode=Mode.SANDBOX) == {
            "file:a": {Category.SCHOOL: 1, Category.PAST_PATIENT: 1},
            "file:b": {Category.SCHOOL: 1},
        }
        assert seen(connection, range(20_000), mode=Mode.SANDBOX) == {1: {"file:a", "file:b"}, 2: {"file:a"}}


def test_mails_with_the_same_news_in_the_same_order_share_a_list(store: Store) -> None:
    one, other = ("file:a", "file:b"), ("file:b", "file:a")
    with store.write() as connection:
        first = keep_lists(connection, {one, other})
        assert keep_lists(connection, {one}) == {one: first[one]}
        assert lists(connection, {*first.values(), None}) == {first[one]: one, first[other]: other}


def test_erased_people_still_count(store: Store, deliver) -> None:
    deliver(1, DeliveryState.SENT, "file:a")
    deliver(2, DeliveryState.SENT, "file:a")
    with store.write() as connection:
        connection.execute(sa.update(delivery).values(contact_id=None))
    with store.read() as connection:
        assert seen_counts(connection, mode=Mode.SANDBOX) == {"file:a": {Category.SCHOOL: 2}}


ITEM = NewsItem("file:a", NewsKind.FILE, "A", "Short", "<p>Long</p>", "Long", date=TODAY)


@pytest.mark.parametrize(
    ("first", "last", "flags"),
    [
        (0, None, set()),
        (1, None, {"waiting"}),
        (-9, -1, {"expired"}),
        (-9, 0, {"ends_soon"}),
        (-9, 14, {"ends_soon"}),
        (-9, 15, set()),
    ],
)
def test_where_an_item_stands(first: int, last: int | None, flags: set[str]) -> None:
    expires = None if last is None else TODAY + timedelta(days=last)
    item = replace(ITEM, date=TODAY + timedelta(days=first), expires=expires)
    (row,) = take_stock([item], {}, today=TODAY).rows
    assert {name for name in ("waiting", "expired", "ends_soon") if getattr(row, name)} == flags
    assert row.unseen == (not flags & {"waiting", "expired"})


def test_the_inventory_in_order_with_what_ends_and_what_nobody_saw() -> None:
    day = timedelta(days=1)
    items = [
        replace(ITEM, id="file:old", date=TODAY - 9 * day, expires=TODAY - day),
        replace(ITEM, id="file:plain"),
        replace(ITEM, id="file:pinned", date=TODAY - 5 * day, pin=True, expires=TODAY + 9 * day),
        replace(ITEM, id="file:soon", date=TODAY - 2 * day, expires=TODAY + day),
    ]
    found = take_stock(items, {"file:plain": {Category.SCHOOL: 2, Category.PAST_PATIENT: 1}}, today=TODAY)
    assert [row.id for row in found.rows] == ["file:pinned", "file:plain", "file:soon", "file:old"]
    assert [row.seen for row in found.rows] == [0, 3, 0, 0]
    assert [row.id for row in found.ends_soon] == ["file:soon", "file:pinned"]
    assert [row.id for row in found.unseen] == ["file:pinned", "file:soon"]


def test_the_inventory_of_a_workspace(root, load, store: Store, deliver) -> None:
    (root / "news/falls.md").write_text("---\ntitle: Falls\ndate: 2026-12-01\n---\nWords.\n")
    (root / "data/wire.xml").write_text("<rss/>")
    deliver(1, DeliveryState.SENT, "file:falls")
    workspace = load("  wire: {file: data/wire.xml}\n")
    with store.read() as connection:
        found = inventory(connection, workspace, mode=Mode.SANDBOX, today=TODAY)
    assert [(row.title, row.seen) for row in found.rows] == [("Falls", 1)]
    assert found.feeds == (FeedState("wire"),)
