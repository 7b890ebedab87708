"""Fetch the feeds and keep their entries; a feed that fails stops no other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nurture.clock import Clock
from nurture.errors import FeedError
from nurture.news.entries import parse_feed
from nurture.news.fetching import INTERNET, Fetched, Network, fetch
from nurture.store import Store, alerts
from nurture.store import news as store_news
from nurture.store.news import FeedState
from nurture.vocabulary import AlertKind
from nurture.workspace.paths import confined_path
from nurture.workspace.settings import Feed
from nurture.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class FeedResult:
    """How the fetch of one feed went. ``entries`` were read, ``new`` of them were not known; both 0 if unchanged."""

    name: str
    entries: int = 0
    new: int = 0
    unchanged: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True)
class FeedReport:
    """How the fetch of all feeds went, in the order of the settings."""

    results: tuple[FeedResult, ...]

    @property
    def failed(self) -> tuple[FeedResult, ...]:
        """The feeds that could not be fetched or read."""
        return tuple(result for result in self.results if result.error)


def fetch_feeds(store: Store, workspace: Workspace, *, clock: Clock, network: Network = INTERNET) -> FeedReport:
    """Fetch every feed in the settings, one after the other; no transaction is open meanwhile.

    What cannot be fetched or read is recorded with its feed, and an alert is
    raised until a later fetch succeeds; the entries it had stay.
    """
    with store.read() as connection:
        states = store_news.feed_states(connection)
    zone = workspace.settings.zone
    results: list[FeedResult] = []
    for name, feed in workspace.settings.feeds.items():
        state = states.get(name) or FeedState(name)
        try:
            fetched = _read(feed, state, workspace.root, network)
            entries = parse_feed(fetched.body, feed=name, zone=zone, base=fetched.url or None) if fetched else ()
        except FeedError as error:
            results.append(_record_failure(store, name, str(error), clock))
            continue
        now = clock.now()
        with store.write() as connection:
            if fetched is None:
                store_news.feed_fetched(connection, name, now, etag=state.etag, last_modified=state.last_modified)
                new = 0
            else:
                today = workspace.settings.today(now)
                new = store_news.save_entries(connection, name, entries, now, today=today)
                store_news.feed_fetched(connection, name, now, etag=fetched.etag, last_modified=fetched.last_modified)
            alerts.resolve_alert(connection, AlertKind.FEED_FAILED, name, now)
        results.append(FeedResult(name, len(entries), new, unchanged=fetched is None))
    return FeedReport(tuple(results))


def _read(feed: Feed, state: FeedState, root: Path, network: Network) -> Fetched | None:
    if feed.url:
        return fetch(feed.url, etag=state.etag, last_modified=state.last_modified, network=network)
    limit = network.limits.size
    try:
        with confined_path(root, feed.file or "").open("rb") as file:
            body = file.read(limit + 1)
    except (ValueError, OSError) as error:
        raise FeedError(f"the feed's file cannot be read: {error}") from error
    if len(body) > limit:
        raise FeedError(f"the feed's file is larger than {limit / 1_000_000:g} MB")
    return Fetched(body, "", None, None)


def _record_failure(store: Store, name: str, error: str, clock: Clock) -> FeedResult:
    now = clock.now()
    with store.write() as connection:
        store_news.feed_failed(connection, name, now, error=error)
        alerts.raise_alert(connection, AlertKind.FEED_FAILED, name, f"The feed {name} cannot be read: {error}", now)
    return FeedResult(name, error=error)
