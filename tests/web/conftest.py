"""A clinic that is live, mails that left, and its pages on a real socket."""

import http.client
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from nurture.clock import DrivenClock
from nurture.composing.link_keys import add_link_key, read_link_keys
from nurture.composing.link_tokens import make_token
from nurture.store import Store, meta
from nurture.store.schema import suppression
from nurture.vocabulary import LinkPurpose, Mode
from nurture.web.readers import ReaderPages
from nurture.web.server import Bounds, WebServer, serve
from tests.delivery.clinic import make_clinic
from tests.delivery.outbox import NOW, Outbox, fill_outbox

ONE_CLICK = b"List-Unsubscribe=One-Click"
FORM = "application/x-www-form-urlencoded"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str


@dataclass
class Desk:
    """The pages, and whom they are for."""

    store: Store
    data: Path
    outbox: Outbox
    server: WebServer
    clock: DrivenClock
    pages: ReaderPages
    servers: list[WebServer] = field(default_factory=list)

    def token(self, number: int = 0, *, purpose: LinkPurpose = LinkPurpose.LEAVE) -> str:
        """What stands in the mail of a recipient (0 is the first)."""
        key = read_link_keys(self.data).newest
        return make_token(key, purpose, self.outbox.delivery_ids[number], self.outbox.column("recipient_key")[number])

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, *, port: int | None = None, **headers: str
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port or self.server.port, timeout=30)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
            return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, text)
        finally:
            connection.close()

    def see(self, number: int = 0, **headers: str) -> Answer:
        return self.ask(f"/u/{self.token(number)}", **headers)

    def post(self, number: int = 0, body: bytes = ONE_CLICK, content_type: str = FORM, **headers: str) -> Answer:
        return self.ask(f"/u/{self.token(number)}", "POST", body, Content_Type=content_type, **headers)

    def left(self) -> list[tuple[str, str, str]]:
        """What is suppressed now: scope, whom people see, and why."""
        with self.store.read() as connection:
            query = sa.select(suppression).where(suppression.c.lifted_at.is_(None)).order_by(suppression.c.id)
            return [(row.scope, row.shown, row.reason) for row in connection.execute(query)]

    def stop(self) -> None:
        """As at SIGTERM: all that was noted is in the log when this returns."""
        for one in (self.server, *self.servers):
            one.stop()
        self.pages.close()

    def serve(self, bounds: Bounds) -> WebServer:
        """The same pages once more, with other bounds."""
        server = serve(self.pages, host="127.0.0.1", port=0, bounds=bounds, brief=self.pages.brief)
        self.servers.append(server)
        return server


@pytest.fixture
def desk(sqlite_store: Store, tmp_path: Path) -> Iterator[Desk]:
    data = tmp_path / "data"
    add_link_key(data, now=NOW)
    with sqlite_store.write() as connection:
        meta.set_mode(connection, Mode.LIVE, NOW)
    outbox = fill_outbox(sqlite_store, recipients=4)
    clock = DrivenClock(NOW)
    settings = make_clinic(tmp_path / "clinic").settings
    pages = ReaderPages(sqlite_store, data, lambda: settings, clock)
    made = Desk(sqlite_store, data, outbox, serve(pages, host="127.0.0.1", port=0, brief=pages.brief), clock, pages)
    yield made
    made.stop()
