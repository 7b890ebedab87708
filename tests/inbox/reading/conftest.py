"""A scripted IMAP server, and sessions on it."""

from collections.abc import Callable, Iterator

import pytest

from nurture.inbox.imap_client import Bounds
from tests.inbox.reading.imap_reader import PATIENT, Reader
from tests.servers.scripted_imap import ScriptedImap


@pytest.fixture
def server(monkeypatch) -> Iterator[ScriptedImap]:
    """A friendly server, whose password stands in the environment."""
    monkeypatch.setenv("IMAP_SECRET", "secret")
    with ScriptedImap() as running:
        yield running


@pytest.fixture
def open_reader(server) -> Iterator[Callable[..., Reader]]:
    """Opens a session in these folders."""
    opened: list[Reader] = []

    def open_one(*folders: str, bounds: Bounds = PATIENT) -> Reader:
        opened.append(Reader(server, folders or ("INBOX", "Junk"), bounds))
        return opened[-1]

    yield open_one
    for reader in opened:
        reader.session.close()


@pytest.fixture
def reader(open_reader) -> Reader:
    return open_reader()
