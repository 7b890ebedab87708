"""Editions before they are made: which come next, and what they would say as the files are now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from nurture.errors import ComposeError
from nurture.news.catalogue import all_news
from nurture.news.item import NewsItem
from nurture.planning.approving import digest_of
from nurture.planning.due import Decision, Due
from nurture.planning.occurrences import Occurrence
from nurture.planning.outlook import look
from nurture.planning.selection import items_for
from nurture.store import Store
from nurture.store.editions import EditionId
from nurture.workspace.workspace import Workspace

# The content of one edition as it is now: what `composing` makes of campaign, news and occurrence.
Snapshot: TypeAlias = Callable[[str, Sequence[NewsItem], Occurrence], Mapping[str, Any]]
_FAR = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Coming:
    """An edition that is not made yet. ``content`` is {} where there is no news to carry; ``digest`` stands for it."""

    id: EditionId
    due: Due
    content: Mapping[str, Any]
    digest: str


@dataclass(frozen=True, slots=True)
class Unwritten:
    """An edition that comes and that cannot be composed, and why."""

    id: EditionId
    words: str


def content_now(
    workspace: Workspace,
    campaign: str,
    news: Sequence[NewsItem],
    occurrence: Occurrence,
    *,
    now: datetime,
    snapshot: Snapshot,
) -> tuple[tuple[NewsItem, ...], Mapping[str, Any]]:
    """The news that an edition of ``occurrence`` carries, and its content; {} without news, as nobody gets it then."""
    found = workspace.campaigns[campaign]
    items = items_for(found, news, at=max(occurrence.at, now), zone=workspace.settings.zone)
    content = snapshot(campaign, items, occurrence) if items or found.content.news is None else {}
    return items, content


def coming_editions(
    store: Store, workspace: Workspace, *, now: datetime, within: timedelta, snapshot: Snapshot
) -> Iterator[Coming | Unwritten]:
    """What comes in the next time, if nothing stands in its way; raises `FilesError` if the news have problems."""
    with store.read() as connection:
        outlook = look(connection, workspace, now=now)
        due = [each for each in outlook.due(until=now + within) if each[1].decision is Decision.PLAN]
        news = all_news(connection, workspace) if due else ()
    for campaign, each in due:
        yield _coming(workspace, campaign, each, news, now=now, snapshot=snapshot)


def find_coming(
    store: Store, workspace: Workspace, name: EditionId, *, now: datetime, snapshot: Snapshot
) -> Coming | None:
    """The edition with this name, if it comes within a year; raises `FilesError` and `ComposeError`."""
    with store.read() as connection:
        found = [
            due
            for campaign, due in look(connection, workspace, now=now).due(until=now + _FAR)
            if (campaign, due.key) == (name.campaign, name.occurrence) and due.decision is not Decision.MISS
        ]
        news = all_news(connection, workspace) if found else ()
    if not found:
        return None
    return _written(workspace, name.campaign, found[0], news, now=now, snapshot=snapshot)


def next_coming(store: Store, workspace: Workspace, campaign: str, *, now: datetime) -> Due | None:
    """The next edition of a campaign; None if none comes within a year. Raises `NotFoundError`."""
    workspace.campaign(campaign)
    with store.read() as connection:
        due = look(connection, workspace, now=now).due(until=now + _FAR)
    return next((each for name, each in due if name == campaign and each.decision is not Decision.MISS), None)


def _coming(
    workspace: Workspace, campaign: str, due: Due, news: Sequence[NewsItem], *, now: datetime, snapshot: Snapshot
) -> Coming | Unwritten:
    try:
        return _written(workspace, campaign, due, news, now=now, snapshot=snapshot)
    except ComposeError as error:
        return Unwritten(EditionId(campaign, due.key), str(error))


def _written(
    workspace: Workspace, campaign: str, due: Due, news: Sequence[NewsItem], *, now: datetime, snapshot: Snapshot
) -> Coming:
    _, content = content_now(workspace, campaign, news, due.occurrence, now=now, snapshot=snapshot)
    return Coming(EditionId(campaign, due.key), due, content, digest_of(workspace, campaign, content))
