"""Sending with an access token: obtained from the refresh token, renewed in time, and never to be read anywhere."""

import asyncio
import base64
import logging
from datetime import timedelta

import pytest
import sqlalchemy as sa

from nurture.delivery.dialing import DialError, dial
from nurture.delivery.oauth import access
from nurture.delivery.oauth.endpoint import Client
from nurture.delivery.oauth.keeping import locked
from nurture.delivery.routes import Route, route_for
from nurture.store import alerts, senders
from nurture.store.schema import metadata
from nurture.vocabulary import Mode
from nurture.workspace.settings import Sender
from tests.delivery.conftest import QUICK, Office, logged_in
from tests.servers.scripted_smtp import ScriptedSmtp, Step
from tests.servers.token_server import CLIENT_ID, CLIENT_SECRET, Answer, TokenServer, refusal

ADDRESS = "hello@riverbend.example"
CLIENT = Client(CLIENT_ID, CLIENT_SECRET)


def use(office: Office, server: ScriptedSmtp, tokens: TokenServer) -> None:
    oauth = ", ".join(f"{key}: '{value}'" for key, value in tokens.oauth.items())
    office.use(server, username=ADDRESS, oauth=f"{{{oauth}}}")


def logins(server: ScriptedSmtp) -> int:
    return sum(command.startswith("AUTH XOAUTH2") for command in server.commands)


def alert_words(office: Office) -> str:
    with office.store.read() as connection:
        return " | ".join(alert.message for alert in alerts.open_alerts(connection))


async def test_mail_goes_with_a_token_that_all_connections_share(office: Office, tokens: TokenServer) -> None:
    logged_in(office.root, tokens)
    office.connections = 3
    with ScriptedSmtp(tokens=tokens.accepted) as server:
        use(office, server, tokens)
        outbox = office.outbox(recipients=20)
        await office.deliver()
        assert outbox.states == ["sent"] * 20
        assert logins(server) >= 1
        assert len(tokens.forms) == 1, "one question for all lines"


async def test_a_token_that_the_server_refuses_is_renewed_once(office: Office, tokens: TokenServer) -> None:
    logged_in(office.root, tokens)
    with ScriptedSmtp(tokens=tokens.accepted) as server:
        use(office, server, tokens)
        outbox = office.outbox()
        await office.deliver()
        tokens.accepted.clear()  # the company took it back
        second = office.outbox(recipients=2, campaign="second", first=10)
        await office.deliver()
        assert [*outbox.states, *second.states] == ["sent"] * 3
        assert len(tokens.forms) == 2
        assert "AUTH ends with ''" in server.commands, "the challenge of a 334 is answered with an empty line"


async def test_a_login_that_stays_refused_stops_the_sender(office: Office, tokens: TokenServer) -> None:
    logged_in(office.root, tokens)
    office.connections = 3
    with ScriptedSmtp(tokens=set()) as server:
        use(office, server, tokens)
        outbox = office.outbox(recipients=5)
        (stopped,) = (await office.deliver()).stopped
        assert "535" in stopped.reason
        assert outbox.states == ["queued"] * 5
        assert "nurture login clinic" in alert_words(office)
        assert len(tokens.forms) <= 1 + office.connections
        assert not any(command.startswith("MAIL") for command in server.commands)


@pytest.mark.parametrize(
    ("answer", "words", "outage"),
    [
        (refusal("invalid_grant", error_description="Token has been revoked."), "nurture login clinic", False),
        (refusal("invalid_client"), "check client_id and client_secret", False),
        (Answer(503, b"<html>busy"), "gives no token now: it answers 503", True),
        (Answer(200, b"\xff\x00{"), "gives no token now", True),
        (Answer(200, {"access_token": "a b\r\nRSET", "token_type": "Bearer"}), "with no token", True),
        (Answer(400, {"error": "temporarily_unavailable"}), "gives no token now", True),
        (Answer(429, {"error": "too_many_requests"}), "gives no token now: it answers 429", True),
    ],
)
async def test_without_a_token_nothing_leaves(
    office: Office, tokens: TokenServer, answer: Answer, words: str, outage: bool
) -> None:
    logged_in(office.root, tokens)
    tokens.answers.extend([answer] * 3)
    with ScriptedSmtp(tokens=tokens.accepted) as server:
        use(office, server, tokens)
        outbox = office.outbox()
        (stopped,) = (await office.deliver()).stopped
        assert words in stopped.reason
        assert words in alert_words(office)
        assert ("nurture login" in stopped.reason) == (answer.status == 400 and "invalid_grant" in str(answer.body))
        assert outbox.states == ["queued"]
        assert server.commands == []
        route = office_route(office, server, tokens)
        with pytest.raises(DialError) as caught:
            await dial(route, QUICK)
        assert caught.value.refused is not outage


def office_route(office: Office, server: ScriptedSmtp, tokens: TokenServer) -> Route:
    smtp = {"host": "127.0.0.1", "port": server.port, "tls": "none", "username": ADDRESS, "oauth": tokens.oauth}
    sender = Sender.model_validate({"name": "Clinic", "address": ADDRESS, "smtp": smtp})
    return route_for("clinic", sender, mode=Mode.LIVE, sandbox=None, root=office.root)


async def test_after_the_login_the_mail_that_was_stopped_goes_at_once(office: Office, tokens: TokenServer) -> None:
    """It was put back until the stop would have ended by itself, hours later; others of its kind stay where they are."""
    with ScriptedSmtp(tokens=tokens.accepted) as server:
        use(office, server, tokens)
        outbox = office.outbox(recipients=3)
        tomorrow = office.clock.now() + timedelta(days=1)
        outbox.set(outbox.delivery_ids[2], not_before=tomorrow, next_attempt_at=tomorrow)
        for _ in range(6):
            assert (await office.deliver()).stopped
            with office.store.read() as connection:
                (stopped,) = senders.stopped(connection, Mode.LIVE, office.clock.now())
            office.clock.move_to(max(stopped.until, *outbox.column("next_attempt_at")[:2]))
        assert (await office.deliver()).stopped
        logged_in(office.root, tokens)
        with office.store.write() as connection:
            assert senders.wake(connection, "another", now=office.clock.now()) == 0
        assert (await office.deliver()).sent == 0
        with office.store.write() as connection:
            assert senders.wake(connection, "clinic", now=office.clock.now()) == 1
        await office.deliver()
        assert outbox.states == ["sent", "sent", "queued"]
        assert outbox.column("next_attempt_at")[2] == tomorrow
        assert alert_words(office) == ""


async def test_who_never_logged_in_is_told_how(office: Office, tokens: TokenServer) -> None:
    with ScriptedSmtp(tokens=tokens.accepted) as server:
        use(office, server, tokens)
        office.outbox()
        (stopped,) = (await office.deliver()).stopped
        assert stopped.reason == "`clinic` may not send: there is no permission yet; run: nurture login clinic"
        assert tokens.forms == []


async def test_a_server_without_xoauth2_gets_no_token(office: Office, tokens: TokenServer) -> None:
    logged_in(office.root, tokens)
    with ScriptedSmtp(login=(ADDRESS, "x")) as server:
        use(office, server, tokens)
        office.outbox()
        (stopped,) = (await office.deliver()).stopped
        assert "offers no login by XOAUTH2 (it offers: PLAIN, LOGIN)" in stopped.reason
        assert logins(server) == 0


async def test_others_that_renew_slowly_are_an_outage_and_no_refusal(
    office: Office, tokens: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token that is still good goes on meanwhile; without one, the sender asks again soon."""
    monkeypatch.setattr(access, "locked", lambda *rest: locked(*rest, patience=0.1))
    monkeypatch.setattr(access, "_ECHO", 0.0)
    tokens.lifetime = 2
    mine = logged_in(office.root, tokens)
    first = await mine.get()
    await asyncio.sleep(1.1)
    with ScriptedSmtp(tokens=tokens.accepted) as server, locked(office.root, "clinic"):
        assert await mine.get() == first
        with pytest.raises(DialError, match="another process") as caught:
            await dial(office_route(office, server, tokens), QUICK)
    assert not caught.value.refused


async def test_no_secret_can_be_read_anywhere(
    office: Office, tokens: TokenServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Canaries go through good days and bad ones; a mean server even repeats them."""
    caplog.set_level(logging.DEBUG)
    tokens.rotates = True
    logged_in(office.root, tokens)

    def echo(line: str) -> str:
        response = line.split(" ")[2]
        token = base64.b64decode(response).decode().split("\1")[1].removeprefix("auth=Bearer ")
        return f"535 5.7.8 {token} of {response} is no good"

    with ScriptedSmtp(tokens=tokens.accepted) as server:
        use(office, server, tokens)
        office.outbox()
        await office.deliver()
        server.on("AUTH", Step(echo, always=True))
        tokens.accepted.clear()
        office.outbox(campaign="second", first=10)
        assert (await office.deliver()).stopped
        tokens.answers.append(refusal("invalid_grant", error_description=f"{tokens.refresh} {CLIENT_SECRET}"))
        with pytest.raises(DialError) as caught:
            await dial(office_route(office, server, tokens), QUICK)
    with office.store.read() as connection:
        rows = [str(connection.execute(sa.select(table)).all()) for table in metadata.tables.values()]
    seen = " ".join([*rows, caplog.text, *capfd.readouterr(), str(caught.value), repr(CLIENT)])
    assert "***" in seen, "the echo came through, masked"
    assert "canary" not in seen
