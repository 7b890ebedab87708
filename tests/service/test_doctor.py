"""The whole examination over a real DNS server: what nobody answers is unknown, and no reason to publish anything."""

from datetime import UTC, datetime

import pytest

from nurture.clock import DrivenClock
from nurture.doctor.resolving import network_question
from nurture.service.doctor import examine
from nurture.service.house import open_house
from nurture.vocabulary import Health
from nurture.workspace.scaffold import Answers, init_workspace
from tests.servers.dns_server import error, records, serve_dns

NOW = datetime(2026, 12, 1, 18, tzinfo=UTC)
QUESTIONS = (
    "clinic.example TXT", "clinic.example MX", "_dmarc.clinic.example TXT", "_dmarc.example TXT",
    "clinic.example A", "clinic.example AAAA",
)  # fmt: skip


@pytest.fixture
def house(tmp_path):
    init_workspace(tmp_path / "clinic", Answers(), now=NOW)
    with open_house(tmp_path / "clinic", clock=DrivenClock(NOW), create=True) as house:
        yield house


def health(house, server):
    question = network_question(["127.0.0.1"], port=server.port, seconds=1)
    report = examine(house, question=question, online=False)
    return {check.name: check for check in report.checks}


def test_a_clinic_whose_records_are_there(house):
    with serve_dns() as server:
        server.replies |= {
            "clinic.example TXT": records('clinic.example. 60 IN TXT "v=spf1 ip4:192.0.2.0/24" " -all"'),
            "_dmarc.clinic.example TXT": records(
                '_dmarc.clinic.example. 60 IN TXT "v=DMARC1; p=reject; rua=mailto:a@clinic.example"'
            ),
            "clinic.example MX": records("clinic.example. 60 IN MX 10 mx.clinic.example."),
            "mx.clinic.example A": records("mx.clinic.example. 60 IN A 192.0.2.25"),
        }
        found = health(house, server)
    assert {found[name].health for name in ("spf", "dmarc", "mx", "alignment")} == {Health.OK}
    assert len(server.asked) == len(set(server.asked)), "no question is asked twice"


def test_a_resolver_that_is_broken(house):
    with serve_dns() as server:
        server.replies |= dict.fromkeys(QUESTIONS, error("SERVFAIL"))
        found = health(house, server)
    for name in ("spf", "dmarc", "mx"):
        assert (found[name].health, found[name].record) == (Health.UNKNOWN, None)
        assert "SERVFAIL" in found[name].seen


def test_a_domain_that_does_not_exist(house):
    with serve_dns() as server:
        found = health(house, server)
    assert {found[name].health for name in ("spf", "dmarc", "mx")} == {Health.FAIL}


def test_others_can_read_no_secret_that_the_settings_name(house):
    """Of the mailbox too, not only of the senders."""
    with (house.root / "nurture.yaml").open("a") as settings:
        settings.write("mailbox: {imap: {host: mail.example, username: me, password: file:imap-password}}\n")
    (house.root / "imap-password").touch(mode=0o644)
    with serve_dns() as server:
        check = health(house, server)["permissions"]
    assert check.health is Health.FAIL
    assert "imap-password" in check.mend


@pytest.mark.parametrize("name", ["link.keys", "address.key", "keys/main.refresh-token"])
def test_others_can_read_no_key_that_nurture_made(house, name):
    key = house.data / name
    key.parent.mkdir(exist_ok=True)
    key.touch()
    key.chmod(0o640)
    with serve_dns() as server:
        check = health(house, server)["permissions"]
    assert check.health is Health.FAIL
    assert str(key) in check.mend
