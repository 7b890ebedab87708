"""Logging in with a token at a real Postfix, whose Dovecot asks the token server whether it holds."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from nurture.delivery.oauth.keeping import keep, locked
from tests.delivery.conftest import Office
from tests.servers import dovecot, postfix
from tests.servers.certificates import Certificate
from tests.servers.postfix import Postfix, running_postfix
from tests.servers.token_server import CLIENT_ID, CLIENT_SECRET, TokenServer

pytestmark = pytest.mark.postfix

FROM = "hello@riverbend.example"
PEOPLE = 5


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenServer]:
    monkeypatch.setenv("TEST_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("TEST_CLIENT_SECRET", CLIENT_SECRET)
    with TokenServer(rotates=True) as server:
        yield server


@pytest.fixture
def server(tokens: TokenServer, certificate: Certificate) -> Iterator[Postfix]:
    if not (dovecot.is_available() and postfix.is_available()):
        pytest.skip("no Postfix or no Dovecot, or not root: apt-get install postfix dovecot-core")
    # pytest's own folders are closed to the users that the servers run as
    folder = Path(tempfile.mkdtemp(prefix="nurture-oauth-"))
    folder.chmod(0o755)
    addresses = [f"person{number}@clinic-partner.example" for number in range(1, 2 * PEOPLE + 1)] + [FROM]
    with (
        dovecot.running_dovecot(folder / "dovecot", tokens.url) as sasl,
        running_postfix(folder / "postfix", addresses, certificate, sasl=sasl) as running,
    ):
        yield running
    shutil.rmtree(folder)


async def test_an_edition_goes_with_a_token(
    office: Office, server: Postfix, tokens: TokenServer, certificate: Certificate
) -> None:
    oauth = "{" + ", ".join(f"{key}: '{value}'" for key, value in tokens.oauth.items()) + "}"
    account = {"host": "localhost", "port": server.port, "tls": "starttls", "ca_file": certificate.authority}
    office.root.mkdir()
    with locked(office.root, "clinic"):
        keep(office.root, "clinic", tokens.refresh)

    office.smtp = account
    outbox = office.outbox(recipients=PEOPLE)
    assert (await office.deliver()).sent == 0, "without a login it takes nothing"
    office.clock.advance(timedelta(days=11))  # past all pauses
    fresh = office.outbox(recipients=PEOPLE, campaign="second", first=PEOPLE + 1, now=office.clock.now())

    office.smtp = {**account, "username": FROM, "oauth": oauth}
    await office.deliver()
    assert fresh.states == ["sent"] * PEOPLE
    assert "sent" not in outbox.states
    server.wait_for(PEOPLE)

    tokens.accepted.clear()  # the company takes the token back
    again = office.outbox(recipients=1, campaign="third", first=2 * PEOPLE, now=office.clock.now())
    await office.deliver()
    assert again.states == ["sent"]
    assert len(tokens.forms) == 2
