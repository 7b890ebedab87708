"""The composition root: one clinic's files, its database and a clock, opened together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from nurture.clock import Clock, SystemClock
from nurture.news.item import NewsItem
from nurture.planning.occurrences import Occurrence
from nurture.service.link_keys import link_keys
from nurture.store import Store, create_store, meta, open_store, way_out
from nurture.vocabulary import Mode
from nurture.workspace.secrets import SecretReference
from nurture.workspace.settings import Settings
from nurture.workspace.source import WorkspaceSource
from nurture.workspace.workspace import Workspace

if TYPE_CHECKING:
    from nurture.composing.shared import PageAddress

# A link that leads nowhere is worse than one that is not counted: the pages must have been seen so lately.
FRESH = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class House:
    """All that a use case needs. ``workspace`` is always the last good set of files."""

    root: Path
    source: WorkspaceSource
    store: Store
    clock: Clock

    @property
    def workspace(self) -> Workspace:
        """The last set of files that was without problems."""
        return self.source.current()

    @property
    def maildir(self) -> Path:
        """Where the sandbox keeps the mail it took."""
        return self.data / "sandbox" / "Maildir"

    @property
    def previews(self) -> Path:
        """Where previews are written."""
        return self.data / "previews"

    @property
    def data(self) -> Path:
        """Where keys and, by default, the database are."""
        return self.root / "data"

    def mode(self) -> Mode:
        """Where mail goes: to the sandbox, or out."""
        with self.store.read() as connection:
            return meta.get_mode(connection)

    def snapshot(self, campaign: str, news: Sequence[NewsItem], occurrence: Occurrence) -> dict[str, object]:
        """The content of one edition as it is now; editions keep it (DESIGN 4)."""
        from nurture.composing.edition import prepare_edition
        from nurture.composing.shared import PageAddress
        from nurture.composing.tracking import tracking_rules

        workspace, now = self.workspace, self.clock.now()
        mode = self.mode()
        pages = page_address(workspace.settings, mode)
        keys = link_keys(self.store, self.data, now=now)
        if pages is None:
            pages = PageAddress(None, keys.newest.id)
        else:
            pages = replace(pages, key=keys.newest.id)
            if mode is Mode.SANDBOX or self.links_arrive():
                rules = tracking_rules(workspace.settings, workspace.campaign(campaign))
                pages = replace(pages, tracking=rules)
        pages = replace(pages, verp=self._returns(campaign))
        content = prepare_edition(workspace, campaign, news=news, occurrence=occurrence.nominal, pages=pages)
        return content.to_json()

    def _returns(self, campaign: str) -> bool:
        """Whether the campaign's sender wants return paths that name the mail, and one was seen to arrive."""
        settings = self.workspace.settings
        sender = settings.senders[self.workspace.campaign(campaign).sender or settings.default_sender]
        with self.store.read() as connection:
            return sender.verp and way_out.loop_seen(connection, sender.address) is not None

    def links_arrive(self) -> bool:
        """Whether the readers' pages were seen from outside lately, so that links may lead there."""
        url = self.workspace.settings.public_url
        with self.store.read() as connection:
            seen = None if url is None else way_out.links_seen(connection, url)
        return seen is not None and self.clock.now() - seen <= FRESH


def page_address(settings: Settings, mode: Mode) -> PageAddress | None:
    """The readers' pages, with inert links and nothing noted; None without a ``public_url``.

    The links of the sandbox's mails lead to the page on this machine, so that they can be tried.
    """
    from nurture.composing.shared import PageAddress

    if settings.public_url is None:
        return None
    return PageAddress(settings.public_url if mode is Mode.LIVE else settings.web.local_url)


def database_url(settings: Settings, root: Path) -> str:
    """The database's address; read from where a reference points, if it is one.

    Raises `SecretError` if the reference cannot be read.
    """
    text = settings.database
    if text.startswith(("env:", "file:")):
        return SecretReference.parse(text).read(root)
    return text


@contextmanager
def open_house(root: Path, *, clock: Clock | None = None, create: bool = False) -> Iterator[House]:
    """Open the clinic in ``root``; the store is closed at the end.

    Raises `FilesError` if its files have problems, `StoreError` if the database
    cannot be used. ``create`` makes the database where it is missing.
    """
    source = WorkspaceSource(root)
    url = database_url(source.current().settings, root)
    clock = clock or SystemClock()
    store = create_store(url, root=root, clock=clock) if create else open_store(url, root=root)
    try:
        yield House(root, source, store, clock)
    finally:
        store.close()
