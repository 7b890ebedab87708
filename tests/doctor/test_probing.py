"""A look at the mail server: everything is seen, nothing is sent, no secret is told."""

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nurture.delivery.oauth.access import Grant
from nurture.delivery.routes import Route
from nurture.doctor.probing import probe_all
from nurture.doctor.relay import RelayLookup, Session, judge_relay
from nurture.vocabulary import Health
from nurture.workspace.fields import TlsMode
from nurture.workspace.secrets import SecretReference
from tests.servers.certificates import make_certificate
from tests.servers.scripted_smtp import ScriptedSmtp, Step

PASSWORD = "correct-horse-battery"
LOGIN = ("hello@clinic.example", PASSWORD)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(autouse=True)
def password(monkeypatch):
    monkeypatch.setenv("TEST_SMTP_PASSWORD", PASSWORD)


def look(server, *, tls=TlsMode.STARTTLS, ca_file=None, username=LOGIN[0], seconds=20, largest=1_000_000):
    secret = SecretReference.parse("env:TEST_SMTP_PASSWORD") if username else None
    route = Route("127.0.0.1", server.port, tls, username=username, password=secret, ca_file=ca_file)
    (lookup,) = probe_all({route: ("main", "maya")}, seconds=seconds)
    return {check.name: check for check in judge_relay(lookup, largest=largest, now=datetime.now(UTC))}


@pytest.mark.parametrize("tls", [TlsMode.IMPLICIT, TlsMode.STARTTLS])
def test_a_good_server(certificate, tls):
    with ScriptedSmtp(certificate=certificate, implicit_tls=tls is TlsMode.IMPLICIT, login=LOGIN) as server:
        checks = look(server, tls=tls, ca_file=certificate.authority)
        assert checks["relay"].health is Health.OK
        assert checks["relay"].about == f"127.0.0.1:{server.port} (main, maya)"
        assert "PIPELINING, ENHANCEDSTATUSCODES" in checks["relay"].seen
        assert checks["tls"].health is Health.WARN, "the certificate of the test ends the day after tomorrow"
        assert checks["tls"].seen.startswith("TLSv1.3, certificate verified")
        assert (checks["login"].health, checks["size"].health) == (Health.OK, Health.OK)
        assert server.mails == []
        assert not any(command.startswith(("MAIL", "RCPT", "DATA")) for command in server.commands)


def test_a_login_that_is_refused(certificate):
    with ScriptedSmtp(certificate=certificate, login=(LOGIN[0], "another")) as server:
        server.on("AUTH", Step(f"535 5.7.8 your password {PASSWORD} is \x1b[31mwrong", always=True))
        checks = look(server, ca_file=certificate.authority)
        assert checks["relay"].health is Health.OK, "what is seen without the login does not depend on it"
        assert checks["login"].health is Health.FAIL
        assert "535" in checks["login"].seen
        assert PASSWORD not in repr(checks)
        assert "\x1b" not in repr(checks["login"].seen)
        assert sum(command.startswith("AUTH") for command in server.commands) == 1, "accounts are locked after a few"


def test_who_logs_in_by_permission_hears_nothing_of_passwords(tmp_path):
    client = SecretReference.parse("env:TEST_SMTP_PASSWORD")
    grant = Grant("main", "https://tokens.example/token", client, None, tmp_path)
    with ScriptedSmtp() as server:
        route = Route("127.0.0.1", server.port, TlsMode.NONE, username=LOGIN[0], grant=grant)
        (lookup,) = probe_all({route: ("main",)}, seconds=20)
    (login,) = [check for check in judge_relay(lookup, largest=1, now=datetime.now(UTC)) if check.name == "login"]
    assert login.health is Health.FAIL
    assert "there is no permission yet" in login.seen
    assert login.mend == "Give the permission anew: nurture login main"


def test_a_login_that_fails_for_now_is_no_verdict(certificate):
    with ScriptedSmtp(certificate=certificate, login=LOGIN) as server:
        server.on("AUTH", Step("454 4.7.0 try later", always=True))
        assert look(server, ca_file=certificate.authority)["login"].health is Health.UNKNOWN


def test_a_certificate_that_does_not_hold(certificate):
    with ScriptedSmtp(certificate=certificate, login=LOGIN) as server:
        checks = look(server)
        assert list(checks) == ["relay"]
        assert checks["relay"].health is Health.FAIL
        assert "does not hold" in checks["relay"].seen
        assert not any(command.startswith("AUTH") for command in server.commands)


def test_a_server_without_tls():
    with ScriptedSmtp(login=LOGIN) as server:
        assert "offers no TLS" in look(server)["relay"].seen


def test_a_server_on_this_machine_needs_neither_tls_nor_login():
    with ScriptedSmtp(extensions=("SIZE 500000",)) as server:
        checks = look(server, tls=TlsMode.NONE, username=None)
        assert "login" not in checks
        assert checks["tls"].health is Health.OK
        assert checks["size"].health is Health.WARN
        assert "takes mails up to 0.5 MB; our largest mail has 1.0 MB" in checks["size"].seen


def test_nobody_listens():
    with ScriptedSmtp() as server:
        pass
    checks = look(server, tls=TlsMode.NONE, username=None)
    assert (list(checks), checks["relay"].health) == (["relay"], Health.FAIL)
    assert "cannot be reached" in checks["relay"].seen


def test_a_server_that_drips_gets_no_more_than_its_time():
    with ScriptedSmtp() as server:
        server.on("CONNECT", Step("220 " + "x" * 500, drip=True, pace=0.05, always=True))
        began = time.monotonic()
        checks = look(server, tls=TlsMode.NONE, username=None, seconds=0.5)
        assert time.monotonic() - began < 10
        assert "within 0.5 seconds" in checks["relay"].seen


def test_a_session_ends_in_time_wherever_it_stands():
    """asyncio.wait_for, which aiosmtplib uses, swallows a cancellation that comes in the wrong moment (CPython 86296)."""
    with ScriptedSmtp() as server:
        server.on("CONNECT", Step("220 " + "x" * 500, drip=True, pace=0.05, always=True))
        began = time.monotonic()
        for ten_thousandths in range(1, 60):
            assert (
                "within"
                in look(server, tls=TlsMode.NONE, username=None, seconds=ten_thousandths / 10_000)["relay"].seen
            )
        assert time.monotonic() - began < 14, "no greeting was waited for, which takes 15 seconds"


def test_servers_are_asked_at_once():
    hold = threading.Event()
    with ScriptedSmtp() as one, ScriptedSmtp() as other:
        one.on("CONNECT", Step("220 hello", wait=hold))
        other.on("CONNECT", Step("220 hello", during=hold.set))
        routes = {Route("127.0.0.1", server.port, TlsMode.NONE): ("main",) for server in (one, other)}
        assert all(isinstance(lookup.session, Session) for lookup in probe_all(routes, seconds=20))


@pytest.mark.parametrize(("days", "health"), [(90, Health.OK), (20, Health.WARN), (1, Health.WARN)])
def test_how_long_a_certificate_holds(days, health):
    now = datetime(2026, 12, 1, tzinfo=UTC)
    session = Session("TLSv1.3", now + timedelta(days=days, hours=1), (), None)
    checks = list(judge_relay(RelayLookup("mx.example:465", ("main",), session), largest=1, now=now))
    assert checks[1].health is health
    assert f"({days} day{'s' if days > 1 else ''})" in checks[1].seen


def test_a_password_that_cannot_be_read_is_told_without_dialing(tmp_path: Path, certificate):
    with ScriptedSmtp(certificate=certificate, login=LOGIN) as server:
        route = Route(
            "127.0.0.1", server.port, TlsMode.STARTTLS, username="a", password=SecretReference("env", "TEST_NOT_SET"),
            ca_file=certificate.authority,
        )  # fmt: skip
        (lookup,) = probe_all({route: ("main",)})
        login = next(check for check in judge_relay(lookup, largest=1, now=datetime.now(UTC)) if check.name == "login")
        assert login.health is Health.FAIL
        assert "TEST_NOT_SET is not set" in login.seen
        assert server.sessions == 1
