"""A small workspace on the disk, and a server that answers as a feed's server might."""

import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nurture.workspace.workspace import Workspace, load_workspace

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


Reply = tuple[int, dict[str, str], bytes]


@dataclass
class FeedServer:
    """Answers each path with what `replies` holds; `requests` has what was asked."""

    port: int = 0
    replies: dict[str, Reply | Callable[[http.server.BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, path: str, *, host: str = "feeds.example") -> str:
        return f"http://{host}:{self.port}{path}"


@pytest.fixture
def feed_server() -> Iterator[FeedServer]:
    found = FeedServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            reply = found.replies.get(self.path, (404, {}, b""))
            if callable(reply):
                reply(self)
                return
            status, headers, body = reply
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                return  # the reader had enough

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()
