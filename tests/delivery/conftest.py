"""Fixtures for delivery: an outbox in the database, a clinic on disk, a scripted mail server."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from nurture.clock import DrivenClock
from nurture.delivery.connection import Timeouts
from nurture.delivery.oauth.access import AccessTokens, Grant
from nurture.delivery.oauth.keeping import keep, locked
from nurture.delivery.worker import DeliverySummary, Worker
from nurture.store import Store, meta
from nurture.vocabulary import Mode
from nurture.workspace.oauth import OAuth
from tests.delivery.clinic import edition_content, make_clinic
from tests.delivery.outbox import NOW, MakeOutbox, Outbox, fill_outbox
from tests.servers.certificates import Certificate, make_certificate
from tests.servers.scripted_smtp import ScriptedSmtp
from tests.servers.token_server import CLIENT_ID, CLIENT_SECRET, TokenServer

QUICK = Timeouts(greeting=5, command=5, data=5, body=5, quit=1)


@pytest.fixture
def make_outbox(store: Store) -> MakeOutbox:
    """`fill_outbox` in the test's database (SQLite, then PostgreSQL)."""
    return lambda **more: fill_outbox(store, **more)


@pytest.fixture(scope="session")
def content(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The content of the clinic's newsletter."""
    return edition_content(make_clinic(tmp_path_factory.mktemp("clinic")))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for this machine, signed by an authority of our own."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def server() -> Iterator[ScriptedSmtp]:
    """A scripted mail server without TLS."""
    with ScriptedSmtp() as server:
        yield server


class Office:
    """A clinic that is live, its outbox, and workers for it."""

    def __init__(self, store: Store, root: Path, content: dict) -> None:
        self.store = store
        self.root = root
        self.content = content
        self.clock = DrivenClock(NOW)
        self.smtp: dict[str, object] = {}
        self.connections = 1
        self.limits = "{}"
        self.providers = "{}"
        self.on_uncertain = "hold"
        self.timeouts = QUICK
        with store.write() as connection:
            meta.set_mode(connection, Mode.LIVE, NOW)

    def use(self, server: ScriptedSmtp, **smtp: object) -> None:
        """Send over this server; more keys of `smtp` as in nurture.yaml."""
        self.smtp = {"host": "127.0.0.1", "port": server.port, "tls": "none", **smtp}

    def outbox(self, recipients: int = 1, **more: object) -> Outbox:
        return fill_outbox(self.store, recipients=recipients, content=self.content, **more)

    def worker(self, sandbox: tuple[str, int] | None = None) -> Worker:
        workspace = make_clinic(
            self.root,
            self.smtp or None,
            connections=self.connections,
            limits=self.limits,
            providers=self.providers,
            on_uncertain=self.on_uncertain,
        )
        return Worker(self.store, lambda: workspace, self.clock, sandbox=sandbox, timeouts=self.timeouts)

    async def deliver(self, sandbox: tuple[str, int] | None = None) -> DeliverySummary:
        """One worker from start to end."""
        worker = self.worker(sandbox)
        try:
            return await worker.deliver_due()
        finally:
            await worker.close()


Deliver = Callable[[], Awaitable[DeliverySummary]]


@pytest.fixture
def office(sqlite_store: Store, tmp_path: Path, content: dict) -> Office:
    """An office on SQLite."""
    return Office(sqlite_store, tmp_path / "clinic", content)


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenServer]:
    """A token server, with the client's secrets in the environment."""
    monkeypatch.setenv("TEST_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("TEST_CLIENT_SECRET", CLIENT_SECRET)
    with TokenServer() as server:
        yield server


def logged_in(root: Path, tokens: TokenServer, sender: str = "clinic") -> AccessTokens:
    """As after `nurture login`: the refresh token lies there."""
    root.mkdir(exist_ok=True)
    with locked(root, sender):
        keep(root, sender, tokens.refresh)
    return AccessTokens(Grant.of(sender, OAuth.model_validate(tokens.oauth), root=root))
