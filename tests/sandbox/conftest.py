"""A Maildir, a way to put mail into it, and the inbox that shows it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nurture.sandbox.inbox import InboxServer, serve_inbox
from nurture.sandbox.maildir import deliver, make_maildir

Put = Callable[..., str]


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    path = tmp_path / "sandbox" / "Maildir"
    make_maildir(path)
    return path


@pytest.fixture
def put(maildir: Path) -> Put:
    """Delivers a message, written as bytes or as text with LF, and returns its id."""

    def put_one(message: bytes | str, *, to: str = "lee@practice.example") -> str:
        raw = message if isinstance(message, bytes) else message.encode()
        (name,) = deliver(maildir, raw.replace(b"\n", b"\r\n"), sender="bounce@riverbend.example", recipients=[to])
        return name

    return put_one


@pytest.fixture
def inbox(maildir: Path) -> Iterator[InboxServer]:
    server = serve_inbox(maildir)
    yield server
    server.stop()
