"""Nothing leaves, and no password is said, over a connection that is not what it should be."""

import logging
from pathlib import Path

import pytest

from nurture.delivery.routes import route_for
from nurture.errors import SenderError
from nurture.store import alerts
from nurture.vocabulary import Mode
from nurture.workspace.secrets import SecretReference
from nurture.workspace.settings import Sender, Smtp
from tests.delivery.conftest import Office
from tests.servers.certificates import Certificate, make_certificate
from tests.servers.scripted_smtp import ScriptedSmtp, Step

PASSWORD = "correct-horse-battery"
LOGIN = ("hello@riverbend.example", PASSWORD)
ACCOUNT = {"username": LOGIN[0], "password": "env:TEST_SMTP_PASSWORD"}


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SMTP_PASSWORD", PASSWORD)


def alert_words(office: Office) -> str:
    with office.store.read() as connection:
        return " | ".join(alert.message for alert in alerts.open_alerts(connection))


@pytest.mark.parametrize("methods", ["PLAIN LOGIN", "LOGIN", "CRAM-MD5 LOGIN"])
@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_login_under_tls(office: Office, certificate: Certificate, tls: str, methods: str) -> None:
    with ScriptedSmtp(certificate=certificate, implicit_tls=tls == "implicit", login=LOGIN, methods=methods) as server:
        office.use(server, tls=tls, ca_file=certificate.authority, **ACCOUNT)
        outbox = office.outbox(recipients=2)
        await office.deliver()
        assert outbox.states == ["sent", "sent"]
        assert sum(command.startswith("AUTH") for command in server.commands) == 1


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
@pytest.mark.parametrize("wrong", ["authority", "name"])
async def test_a_certificate_that_does_not_hold(
    office: Office, certificate: Certificate, tmp_path: Path, tls: str, wrong: str
) -> None:
    presented = certificate if wrong == "authority" else make_certificate(tmp_path, names="DNS:other.example")
    trusted = {} if wrong == "authority" else {"ca_file": presented.authority}
    with ScriptedSmtp(certificate=presented, implicit_tls=tls == "implicit", login=LOGIN) as server:
        office.use(server, tls=tls, **ACCOUNT, **trusted)
        outbox = office.outbox()
        (stopped,) = (await office.deliver()).stopped
        assert f"the certificate of 127.0.0.1:{server.port} does not hold" in stopped.reason
        assert outbox.states == ["queued"]
        assert not any(command.startswith(("AUTH", "MAIL")) for command in server.commands)


async def test_starttls_that_was_taken_out_sends_nothing(office: Office) -> None:
    with ScriptedSmtp(login=LOGIN) as server:
        office.use(server, tls="starttls", **ACCOUNT)
        outbox = office.outbox()
        await office.deliver()
        assert "offers no TLS" in alert_words(office)
        assert outbox.states == ["queued"]
        assert [command.split()[0] for command in server.commands] == ["EHLO"]


async def test_starttls_that_is_refused_sends_nothing(office: Office, certificate: Certificate) -> None:
    with ScriptedSmtp(certificate=certificate, login=LOGIN) as server:
        server.on("STARTTLS", Step("454 4.7.0 TLS not available"))
        office.use(server, tls="starttls", ca_file=certificate.authority, **ACCOUNT)
        outbox = office.outbox()
        await office.deliver()
        assert outbox.states == ["queued"]
        assert not any(command.startswith(("AUTH", "MAIL")) for command in server.commands)


async def test_words_injected_before_tls_are_dropped(office: Office, certificate: Certificate) -> None:
    with ScriptedSmtp(certificate=certificate) as server:
        server.on("STARTTLS", Step(b"220 go\r\n250 injected\r\n"))
        office.use(server, tls="starttls", ca_file=certificate.authority)
        outbox = office.outbox()
        await office.deliver()
        assert outbox.states == ["sent"]
        assert outbox.attempts(outbox.delivery_ids[0])[0].answer == "queued as TEST"


async def test_a_server_that_speaks_clear_where_tls_is_due(office: Office, server: ScriptedSmtp) -> None:
    office.use(server, tls="implicit")
    outbox = office.outbox()
    await office.deliver()
    assert "cannot agree on TLS" in alert_words(office)
    assert outbox.states == ["queued"]


async def test_a_wrong_password_stops_the_sender_and_stands_nowhere(
    office: Office, certificate: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with ScriptedSmtp(certificate=certificate, login=(LOGIN[0], "another")) as server:
        office.use(server, tls="starttls", ca_file=certificate.authority, **ACCOUNT)
        server.on("AUTH", Step(f"535 5.7.8 your password {PASSWORD} is wrong"))
        outbox = office.outbox(recipients=2)
        (stopped,) = (await office.deliver()).stopped
        assert "refuses the login of hello@riverbend.example: 535 5.7.8" in stopped.reason
        assert outbox.states == ["queued", "queued"]
    seen = caplog.text + stopped.reason + alert_words(office) + str(outbox.attempts(outbox.delivery_ids[0]))
    assert PASSWORD not in seen
    assert "***" in stopped.reason
    assert office.store.path is not None
    assert PASSWORD.encode() not in office.store.path.read_bytes()


@pytest.mark.parametrize("reference", ["env:TEST_NOT_SET", "file:secret"])
async def test_a_secret_that_cannot_be_read(office: Office, certificate: Certificate, reference: str) -> None:
    with ScriptedSmtp(certificate=certificate, login=LOGIN) as server:
        office.use(server, tls="starttls", ca_file=certificate.authority, username="a", password=reference)
        office.root.mkdir()
        (office.root / "secret").write_text(PASSWORD)
        (office.root / "secret").chmod(0o644)
        outbox = office.outbox()
        (stopped,) = (await office.deliver()).stopped
        assert ("is not set" in stopped.reason) or ("chmod 600" in stopped.reason)
        assert PASSWORD not in stopped.reason
        assert (outbox.states, server.sessions) == (["queued"], 0)


async def test_a_server_without_login(office: Office, certificate: Certificate) -> None:
    with ScriptedSmtp(certificate=certificate) as server:
        office.use(server, tls="starttls", ca_file=certificate.authority, **ACCOUNT)
        await office.deliver() if office.outbox() else None
        assert "offers no login" in alert_words(office)


def sender(**smtp: object) -> Sender:
    return Sender(name="Clinic", address="a@clinic.example", smtp=Smtp(**smtp) if smtp else None)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.9.1"])
def test_no_tls_is_allowed_to_this_machine(host: str) -> None:
    route = route_for("clinic", sender(host=host, tls="none"), mode=Mode.LIVE, sandbox=None, root=Path())
    assert route.server.endswith(":587")


@pytest.mark.parametrize("host", ["mx.example", "10.0.0.1", "localhost.example", "::2", "128.0.0.1"])
def test_no_tls_is_refused_to_any_other_machine(host: str) -> None:
    with pytest.raises(SenderError, match="another machine"):
        route_for("clinic", sender(host=host, tls="none"), mode=Mode.LIVE, sandbox=None, root=Path())


def test_a_sandbox_on_another_machine_is_refused() -> None:
    with pytest.raises(SenderError, match="must be on this machine"):
        route_for("clinic", sender(), mode=Mode.SANDBOX, sandbox=("10.0.0.1", 25), root=Path())


def test_a_route_shows_no_password(tmp_path: Path) -> None:
    password = SecretReference.parse("env:TEST_SMTP_PASSWORD")
    account = sender(host="mx.example", username="a", password=password)
    route = route_for("clinic", account, mode=Mode.LIVE, sandbox=None, root=tmp_path)
    assert route.read_password() == PASSWORD
    assert PASSWORD not in repr(route)
