"""Fetching all feeds: good entries are kept, a bad feed is said and stops no other."""

import ipaddress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from nurture.clock import DrivenClock
from nurture.news.catalogue import all_news
from nurture.news.feeds import FeedReport, fetch_feeds
from nurture.news.fetching import Limits, Network
from nurture.store import Store, alerts
from nurture.store import news as store_news
from nurture.vocabulary import AlertKind, NewsKind

LOOPBACK = ipaddress.ip_address("127.0.0.1")
HERE = Network(lambda host, port: [LOOPBACK], lambda address: True, Limits(total=3, read=2))
START = datetime(2026, 12, 1, 18, tzinfo=UTC)


def rss(*titles: str, date_: str = "Mon, 30 Nov 2026 18:00:00 GMT") -> bytes:
    items = "".join(
        f"<item><guid>{title[:3]}</guid><title>{title}</title><pubDate>{date_}</pubDate></item>" for title in titles
    )
    return f"<rss version='2.0'><channel><title>W</title>{items}</channel></rss>".encode()


@pytest.fixture
def clock() -> DrivenClock:
    return DrivenClock(START)


def test_entries_become_news_with_the_audience_of_their_feed(feed_server, load, store: Store, clock) -> None:
    feed_server.replies["/a"] = (200, {"ETag": '"v1"'}, rss("one", "two"))
    workspace = load(f"  wire: {{url: '{feed_server.url('/a')}', audience: [partners], tags: [industry]}}\n")
    report = fetch_feeds(store, workspace, clock=clock, network=HERE)
    assert [(result.name, result.entries, result.new) for result in report.results] == [("wire", 2, 2)]
    with store.read() as connection:
        items = all_news(connection, workspace)
        state = store_news.feed_states(connection)["wire"]
    assert {item.title for item in items} == {"one", "two"}
    assert {(item.kind, item.feed, item.audience, item.tags) for item in items} == {
        (NewsKind.FEED, "wire", ("partners",), ("industry",))
    }
    assert (state.etag, state.fetched_at, state.error) == ('"v1"', START, None)
    with store.read() as connection:
        assert all_news(connection, load()) == ()  # a feed that left the settings is no news any more


def test_a_second_fetch_asks_only_for_changes_and_updates_in_place(feed_server, load, store: Store, clock) -> None:
    workspace = load(f"  wire: {{url: '{feed_server.url('/a')}'}}\n")
    feed_server.replies["/a"] = (200, {"ETag": '"v1"'}, rss("one", "two"))
    fetch_feeds(store, workspace, clock=clock, network=HERE)
    feed_server.replies["/a"] = (304, {}, b"")
    clock.advance(timedelta(hours=1))
    (unchanged,) = fetch_feeds(store, workspace, clock=clock, network=HERE).results
    assert (unchanged.unchanged, unchanged.new) == (True, 0)
    assert feed_server.requests[-1][1]["if-none-match"] == '"v1"'
    feed_server.replies["/a"] = (200, {}, rss("one, mended", "six"))
    (changed,) = fetch_feeds(store, workspace, clock=clock, network=HERE).results
    assert (changed.entries, changed.new) == (2, 1)
    with store.read() as connection:
        assert {item.title for item in all_news(connection, workspace)} == {"one, mended", "two", "six"}


def test_an_entry_without_a_day_keeps_the_day_it_was_first_seen(feed_server, load, store: Store, clock) -> None:
    workspace = load(f"  wire: {{url: '{feed_server.url('/a')}'}}\n")
    feed_server.replies["/a"] = (200, {}, rss("one", date_=""))
    fetch_feeds(store, workspace, clock=clock, network=HERE)
    clock.advance(timedelta(days=9))
    fetch_feeds(store, workspace, clock=clock, network=HERE)
    with store.read() as connection:
        assert [item.date for item in all_news(connection, workspace)] == [date(2026, 12, 1)]


def failing(report: FeedReport) -> dict[str, str]:
    return {result.name: result.error or "" for result in report.failed}


def test_one_bad_feed_stops_no_other_and_its_good_entries_stay(feed_server, load, store: Store, clock) -> None:
    workspace = load(f"  bad: {{url: '{feed_server.url('/bad')}'}}\n  good: {{url: '{feed_server.url('/good')}'}}\n")
    feed_server.replies["/bad"] = (200, {"ETag": '"v1"'}, rss("old"))
    feed_server.replies["/good"] = (200, {}, rss("one"))
    fetch_feeds(store, workspace, clock=clock, network=HERE)
    feed_server.replies["/bad"] = (200, {"ETag": '"v2"'}, rss("new")[:-9])
    feed_server.replies["/good"] = (200, {}, rss("one", "two"))
    report = fetch_feeds(store, workspace, clock=clock, network=HERE)
    assert "not well-formed" in failing(report)["bad"]
    assert [result.new for result in report.results] == [0, 1]
    with store.read() as connection:
        assert {item.title for item in all_news(connection, workspace)} == {"old", "one", "two"}
        state = store_news.feed_states(connection)["bad"]
        (alert,) = alerts.open_alerts(connection)
    assert "not well-formed" in (state.error or "")
    assert state.etag == '"v1"'  # the broken version is asked for again
    assert (alert.kind, alert.subject) == (AlertKind.FEED_FAILED, "bad")
    feed_server.replies["/bad"] = (200, {}, rss("new"))
    assert failing(fetch_feeds(store, workspace, clock=clock, network=HERE)) == {}
    with store.read() as connection:
        assert alerts.open_alerts(connection) == ()
        assert store_news.feed_states(connection)["bad"].error is None


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ((200, {}, bytes(10_000_000)), "larger than 5 MB"),
        ((200, {}, b"garbage"), "not well-formed"),
        ((302, {"Location": "http://10.0.0.1/"}, b""), "not a public address"),
        ((404, {}, b""), "404"),
    ],
)
def test_bad_feeds_are_recorded_in_words(feed_server, load, sqlite_store: Store, clock, reply, words: str) -> None:
    feed_server.replies["/a"] = reply
    workspace = load(f"  wire: {{url: '{feed_server.url('/a')}'}}\n")
    network = Network(
        resolve=lambda host, port: [LOOPBACK if host == "feeds.example" else ipaddress.ip_address(host)],
        allow=lambda address: address == LOOPBACK,
    )
    assert words in failing(fetch_feeds(sqlite_store, workspace, clock=clock, network=network))["wire"]
    with sqlite_store.read() as connection:
        assert words in (store_news.feed_states(connection)["wire"].error or "")
        assert words in alerts.open_alerts(connection)[0].message


def test_a_feed_may_be_a_file_of_the_workspace(root: Path, load, sqlite_store: Store, clock) -> None:
    (root / "data/wire.xml").write_bytes(rss("one"))
    workspace = load("  wire: {file: data/wire.xml}\n")
    assert fetch_feeds(sqlite_store, workspace, clock=clock).results[0].new == 1
    (root / "data/wire.xml").write_bytes(bytes(5_000_001))
    assert "larger than 5 MB" in failing(fetch_feeds(sqlite_store, workspace, clock=clock))["wire"]
    (root / "data/wire.xml").unlink()
    assert "there is no file" in failing(fetch_feeds(sqlite_store, workspace, clock=clock))["wire"]
    (root.parent / "outside.xml").write_bytes(rss("one"))
    (root / "data/wire.xml").symlink_to(root.parent / "outside.xml")
    assert "out of the workspace" in failing(fetch_feeds(sqlite_store, workspace, clock=clock))["wire"]
