"""Logging in with a token at a real Postfix, whose Dovecot asks the token server whether it holds."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery.conftest import Office, logged_in
from tests.servers import dovecot_sasl, postfix
from tests.servers.certificates import Certificate
from tests.servers.postfix import Postfix, running_postfix
from tests.servers.token_server import TokenServer

pytestmark = [pytest.mark.postfix, pytest.mark.dovecot]

FROM = "hello@riverbend.example"
PEOPLE = 5


@pytest.fixture
def server(tokens: TokenServer, certificate: Certificate) -> Iterator[Postfix]:
    if not (dovecot_sasl.is_available() and postfix.is_available()):
        pytest.skip("no Postfix or no Dovecot, or not root: apt-get install postfix dovecot-core")
    # pytest's own folders are closed to the users that the servers run as
    folder = Path(tempfile.mkdtemp(prefix="nurture-oauth-"))
    folder.chmod(0o755)
    addresses = [f"person{number}@clinic-partner.example" for number in range(1, 2 * PEOPLE + 1)] + [FROM]
    with (
        dovecot_sasl.running_dovecot(folder / "dovecot", tokens.url) as sasl,
        running_postfix(folder / "postfix", addresses, certificate, sasl=sasl) as running,
    ):
        yield running
    shutil.rmtree(folder)


@pytest.fixture
def account(office: Office, server: Postfix, certificate: Certificate) -> dict[str, object]:
    """The server as the office sees it."""
    return {"host": "localhost", "port": server.port, "tls": "starttls", "ca_file": certificate.authority}


async def test_without_a_login_it_takes_nothing(office: Office, account: dict[str, object]) -> None:
    office.smtp = account
    outbox = office.outbox(recipients=PEOPLE)
    await office.deliver()
    assert "sent" not in outbox.states


async def test_an_edition_goes_with_a_token(
    office: Office, server: Postfix, tokens: TokenServer, account: dict[str, object]
) -> None:
    tokens.rotates = True
    logged_in(office.root, tokens)
    oauth = "{" + ", ".join(f"{key}: '{value}'" for key, value in tokens.oauth.items()) + "}"
    office.smtp = {**account, "username": FROM, "oauth": oauth}
    outbox = office.outbox(recipients=PEOPLE)
    done = await office.deliver()
    assert outbox.states == ["sent"] * PEOPLE, done
    server.wait_for(PEOPLE)

    tokens.accepted.clear()  # the company takes the token back
    again = office.outbox(campaign="second", first=2 * PEOPLE)
    done = await office.deliver()
    assert again.states == ["sent"], done
    assert len(tokens.forms) == 2
