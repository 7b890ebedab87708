"""A small workspace on the disk, and a feed's server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nurture.workspace.workspace import Workspace, load_workspace
from tests.servers.feed_server import FeedServer, serve_feeds

SETTINGS = """
clinic:
  name: Riverbend Physical Therapy
  phone: (503) 555-0100
  address: {street: 1 Main Street, city: Salem, region: OR, postal_code: "97301"}
  site: https://riverbend.example
  time_zone: America/Los_Angeles
senders:
  clinic: {name: Riverbend, address: hello@riverbend.example}
"""
CAMPAIGN = """
kind: newsletter
topic: partner-news
schedule: first tuesday at 09:30
to: {category: school}
subject: News
template: newsletter
intent: give
content: {news: {audience: partners}}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of a workspace with one campaign, which asks for news for `partners`."""
    folder = tmp_path / "clinic"
    for name in ("campaigns", "news", "data", "templates/emails"):
        (folder / name).mkdir(parents=True)
    (folder / "nurture.yaml").write_text(SETTINGS)
    (folder / "campaigns/partner-news.yaml").write_text(CAMPAIGN)
    (folder / "templates/emails/newsletter.mjml").write_text("<mjml></mjml>")
    return folder


@pytest.fixture
def load(root: Path) -> Callable[..., Workspace]:
    """Loads the workspace, with these feeds (YAML lines) in its settings."""

    def load_with(feeds: str = "") -> Workspace:
        (root / "nurture.yaml").write_text(SETTINGS + (f"feeds:\n{feeds}" if feeds else ""))
        return load_workspace(root)

    return load_with


@pytest.fixture
def feed_server() -> Iterator[FeedServer]:
    with serve_feeds() as server:
        yield server
