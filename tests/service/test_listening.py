"""The mailbox beside the loop: it listens, comes back after failures, and stops at once."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from nurture.errors import LoginError, MailboxError
from nurture.service import inbox, listening
from nurture.service.house import House, open_house
from nurture.service.listening import Listener
from nurture.service.running import jobs
from nurture.store import alerts, inbound
from nurture.vocabulary import Mode
from nurture.workspace.scaffold import Answers, init_workspace
from tests.servers.scripted_imap import ScriptedImap, Step

WAIT = 60.0
MAIL = b"From: lee@partner.example\r\nSubject: Re: News\r\n\r\nThanks.\r\n"


@pytest.fixture
def server(monkeypatch) -> Iterator[ScriptedImap]:
    monkeypatch.setenv("IMAP_SECRET", "secret")
    with ScriptedImap() as running:
        yield running


@pytest.fixture
def house(tmp_path, new_sqlite_url, server) -> Iterator[House]:
    root = tmp_path / "clinic"
    init_workspace(root, Answers(), now=datetime(2026, 11, 20, 20, tzinfo=UTC))
    settings = root / "nurture.yaml"
    account = f"{{host: 127.0.0.1, port: {server.port}, tls: none, username: hello, password: 'env:IMAP_SECRET'}}"
    settings.write_text(f"{settings.read_text()}database: '{new_sqlite_url}'\nmailbox: {{imap: {account}}}\n")
    with open_house(root) as opened:
        yield opened


def count(house: House) -> int:
    with house.store.read() as connection:
        return len(inbound.latest(connection, mode=Mode.SANDBOX))


async def until(true: object) -> None:
    assert callable(true)
    end = time.monotonic() + WAIT
    while not await asyncio.to_thread(true):
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


async def test_a_mail_that_arrives_while_it_listens_ends_the_round(house, server):
    listener = Listener(house)
    began = time.monotonic()
    first = asyncio.create_task(listener.attend())
    await until(server.idling.is_set)
    server.inbox.add(MAIL, datetime.now(UTC))
    (connection,) = server._open
    connection.sendall(b"* 1 EXISTS\r\n")
    await first
    second = asyncio.create_task(listener.attend())
    await until(lambda: count(house) == 1)
    await listener.close()
    await second
    assert time.monotonic() - began < listening.WAIT, "IDLE told of it"
    assert server.sessions == 1, "the connection stays open between two rounds"


@pytest.mark.parametrize("moment", ["IDLE", "SEARCH"])
async def test_it_stops_at_once_while_it_waits_and_while_the_server_is_silent(house, server, moment):
    listener = Listener(house)
    await asyncio.to_thread(inbox.read_mailbox, house)
    server.inbox.add(MAIL, datetime.now(UTC))
    server.on("SEARCH", *([Step(b"")] if moment == "SEARCH" else []))
    under_way = asyncio.create_task(listener.attend())
    await until(lambda: any(moment in line for line in server.commands))
    began = time.monotonic()
    await listener.close()
    await under_way
    assert time.monotonic() - began < 20, "the server would be given a minute"


async def test_a_refused_login_is_an_alert_and_is_not_tried_again_soon(house, server, monkeypatch):
    monkeypatch.setenv("IMAP_SECRET", "wrong")
    monkeypatch.setattr(listening, "LOGIN_PAUSE", WAIT * 10)
    listener, records = Listener(house), jobs.JobRecords(house, "test")
    async with records.run(jobs.MAILBOX):
        with pytest.raises(LoginError):
            await listener.attend()
        raise LoginError("as the loop sees it")
    with house.store.read() as connection:
        (alert,) = alerts.open_alerts(connection)
    assert (alert.kind, alert.subject) == ("job_failed", "mailbox")
    waiting = asyncio.create_task(listener.attend())
    await asyncio.sleep(0.3)
    assert not waiting.done()
    assert sum("LOGIN" in line for line in server.commands) == 1
    await listener.close()
    await waiting


async def test_after_an_outage_it_comes_back_by_itself_in_growing_pauses(house, server, monkeypatch):
    monkeypatch.setattr(listening, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(listening, "WAIT", 0.01)
    listener = Listener(house)
    await listener.attend()
    server.inbox.add(MAIL, datetime.now(UTC))
    server.on("LOGIN", *[Step(b"TAG NO [UNAVAILABLE] later\r\n")] * 3)
    server.hang_up()
    pauses = []
    for _ in range(3):
        with pytest.raises(MailboxError):
            await listener.attend()
        pauses.append(listener._pause)
    assert pauses == [0.05, 0.1, 0.2]
    await listener.attend()
    assert count(house) == 1
    assert listener._pause == 0
    await listener.close()


async def test_new_settings_close_the_old_session(house, server):
    listener = Listener(house)
    listening_task = asyncio.create_task(listener.attend())
    await until(server.idling.is_set)
    settings = house.root / "nurture.yaml"
    settings.write_text(settings.read_text().partition("mailbox:")[0])
    server.hang_up()
    await listening_task
    await listener.attend()
    assert listener._open is None
    await listener.close()
