"""`nurture doctor` as a clinic uses it: before going live, offline with a zone file."""

import json

import pytest

from nurture.composing.dkim_keys import new_keys
from tests.servers.certificates import make_certificate
from tests.servers.dns_server import records, serve_dns
from tests.servers.scripted_smtp import ScriptedSmtp

ADDRESS = '    address: "hello@clinic.example"\n'
PASSWORD = "correct-horse-battery"
ZONE = """\
clinic.example. TXT "v=spf1 ip4:192.0.2.0/24 -all"
clinic.example. MX 10 mx.clinic.example.
mx.clinic.example. A 192.0.2.25
_dmarc.clinic.example. TXT "v=DMARC1; p=none; rua=mailto:hello@clinic.example"
"""


@pytest.fixture
def keys(clinic):
    """Two keys, made and configured, and the lines that publish them."""
    ran = clinic.run("dkim", "new", "--selector", "spring", "--json")
    made = json.loads(ran.out)
    settings = "".join(f"\n      - {{selector: {key['selector']}, key: 'file:{key['key'][5:]}'}}" for key in made)
    clinic.change(
        "nurture.yaml",
        ADDRESS,
        ADDRESS + f"    dkim:{settings}\n",
    )
    return [line for line in clinic.run("dkim", "show").out.splitlines() if "_domainkey" in line]


def checks(ran):
    return {check["check"]: check for check in json.loads(ran.out)["checks"]}


def test_a_clinic_that_is_ready(clinic, keys, tmp_path):
    certificate = make_certificate(tmp_path / "certificate")
    clinic.environment["CLINIC_SMTP"] = PASSWORD
    clinic.write("clinic.zone", ZONE + "\n".join(keys) + "\n")
    assert clinic.run("db", "backup", "copy.db").code == 0
    with ScriptedSmtp(certificate=certificate, login=("hello@clinic.example", PASSWORD)) as server:
        use(clinic, server, certificate)
        ran = clinic.run("doctor", "--zone-file", "clinic.zone", "--json")
        assert ran.code == 0, ran
        found = checks(ran)
        assert {name: check["health"] for name, check in found.items()} == {
            "spf": "ok", "dkim": "ok", "dmarc": "ok", "alignment": "ok", "mx": "ok", "relay": "ok", "tls": "warn",
            "login": "ok", "size": "ok", "permissions": "ok", "disk": found["disk"]["health"], "backup": "ok",
            "clock": "unknown",
        }  # fmt: skip
        assert server.mails == []
        people = clinic.run("doctor", "--zone-file", "clinic.zone")
        assert people.code == 0
        assert PASSWORD not in ran.out + people.out


def use(clinic, server, certificate):
    """The sender's account is this server."""
    account = (
        f"smtp: {{host: 127.0.0.1, port: {server.port}, ca_file: '{certificate.authority}', "
        "username: hello@clinic.example, password: 'env:CLINIC_SMTP'}"
    )
    clinic.change("nurture.yaml", ADDRESS, ADDRESS + f"    {account}\n")


def test_before_anything_is_published(clinic, keys):
    clinic.write("clinic.zone", "clinic.example. A 192.0.2.1\n")
    ran = clinic.run("doctor", "--zone-file", "clinic.zone")
    assert ran.code == 1
    for line in keys:
        assert line in ran.out.splitlines(), "the record to publish stands there whole, to be copied"
    assert '_dmarc.clinic.example. IN TXT ( "v=DMARC1; p=none; rua=mailto:hello@clinic.example" )' in ran.out
    assert "has no mail account yet, so login, TLS and size cannot be looked at" in ran.said
    assert "not asked, because a zone file" not in ran.said
    assert "Mend before going live: spf of clinic.example; dkim of main, spring-rsa._domainkey" in ran.said


def test_a_key_of_somebody_else_is_in_the_dns(clinic, keys):
    other, _ = new_keys("clinic.example", "spring")
    lines = [other.record.zone_line if other.record.name in line else line for line in keys]
    clinic.write("clinic.zone", ZONE + "\n".join(lines) + "\n")
    ran = clinic.run("doctor", "--zone-file", "clinic.zone")
    assert ran.code == 1
    assert "its key is not the one that nurture signs with" in ran.said


def test_a_server_elsewhere_is_not_asked_offline(clinic):
    clinic.change(
        "nurture.yaml",
        ADDRESS,
        ADDRESS + "    smtp: {host: smtp.gmail.com, username: a, password: 'env:CLINIC_SMTP'}\n",
    )
    clinic.write("clinic.zone", ZONE)
    found = checks(clinic.run("doctor", "--zone-file", "clinic.zone", "--json"))
    assert found["relay"]["health"] == "unknown"
    assert found["spf"]["publish"]["value"] == "v=spf1 include:_spf.google.com ip4:192.0.2.0/24 -all"


def test_secrets_that_others_can_read(clinic, keys):
    (clinic.root / "data/nurture.db").chmod(0o644)
    clinic.write("clinic.zone", ZONE)
    ran = clinic.run("doctor", "--zone-file", "clinic.zone")
    assert ran.code == 1
    assert "nurture.db (0644)" in ran.said


def test_a_zone_file_that_is_none(clinic):
    clinic.write("clinic.zone", "what is this?\n")
    for name, words in (("clinic.zone", "clinic.zone:"), ("none.zone", "No such file")):
        ran = clinic.run("doctor", "--zone-file", name)
        assert (ran.code, ran.out) == (2, "")
        assert words in ran.err


def test_hostile_records_steer_no_terminal(clinic):
    clinic.write("clinic.zone", ZONE + r'_dmarc.clinic.example. TXT "v=DMARC1; p=\027]0;owned\007"' + "\n")
    ran = clinic.run("doctor", "--zone-file", "clinic.zone")
    assert "\x1b" not in ran.out
    assert "\x07" not in ran.out


def test_another_dns_server_can_be_asked(clinic):
    with serve_dns() as dns:
        dns.replies["clinic.example TXT"] = records('clinic.example. 60 IN TXT "v=spf1 ip4:192.0.2.0/24 -all"')
        found = checks(clinic.run("doctor", "--nameserver", f"127.0.0.1:{dns.port}", "--json"))
    assert found["spf"]["health"] != "unknown"
    assert ("clinic.example TXT", "udp") in dns.asked


@pytest.mark.parametrize("named", ["dns.example", "192.0.2.1:x", "192.0.2.1:0", "[::1", "::1:99999999", ""])
def test_a_dns_server_needs_an_address(clinic, named):
    ran = clinic.run("doctor", "--nameserver", named)
    assert ran.code == 2
    assert "an IP address, with or without a port" in ran.said
