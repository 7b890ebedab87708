"""`nurture dkim` as a clinic uses it: make keys, publish, configure, check."""

import json
import subprocess

import dkim
import pytest

from nurture.clock import SystemClock
from nurture.composing.dkim_keys import parse_private_key


@pytest.fixture
def made(clinic):
    ran = clinic.run("dkim", "new", "--selector", "spring", "--json")
    assert ran.code == 0, ran
    return json.loads(ran.out)


def configure(clinic, text):
    clinic.change("nurture.yaml", "    # dkim:", f"    dkim: {text}\n    # dkim:")


def test_new_makes_two_private_files(clinic, made):
    assert [(key["algorithm"], key["selector"]) for key in made] == [
        ("rsa-sha256", "spring-rsa"),
        ("ed25519-sha256", "spring-ed25519"),
    ]
    folder = clinic.root / "data/keys"
    assert folder.stat().st_mode & 0o777 == 0o700
    for key in made:
        path = clinic.root / key["key"].removeprefix("file:")
        assert path.parent == folder
        assert path.stat().st_mode & 0o777 == 0o600
        assert parse_private_key(path.read_text())
        assert key["dns"]["name"] == f"{key['selector']}._domainkey.{key['domain']}"
        assert "".join(key["dns"]["strings"]) == key["dns"]["value"]
        assert all(len(string) <= 255 for string in key["dns"]["strings"])


def test_what_new_prints_can_be_put_into_the_settings(clinic):
    ran = clinic.run("dkim", "new", "--selector", "spring")
    assert ran.code == 0, ran
    assert "PRIVATE" not in ran.out
    lines = ran.out.splitlines()
    start = lines.index("    dkim:")
    block = "\n".join(lines[start : start + 7])
    clinic.change("nurture.yaml", "    # dkim:", f"{block}\n    # dkim:")
    assert clinic.run("check").code == 0
    shown = clinic.run("dkim", "show")
    assert shown.code == 0
    records = [line for line in lines if "._domainkey." in line]
    assert len(records) == 2
    assert [line for line in shown.out.splitlines() if "._domainkey." in line] == records


def test_what_show_prints_is_a_zone_file_for_doctor(clinic, made):
    configure(clinic, json.dumps([{name: key[name] for name in ("domain", "selector", "key")} for key in made]))
    (clinic.root / "clinic.zone").write_text(clinic.run("dkim", "show").out)
    ran = clinic.run("doctor", "--zone-file", "clinic.zone", "--json")
    assert [check["health"] for check in json.loads(ran.out)["checks"] if check["check"] == "dkim"] == ["ok", "ok"]


def test_show_has_the_same_records_as_new(clinic, made):
    settings = [{name: key[name] for name in ("domain", "selector", "key")} for key in made]
    configure(clinic, json.dumps(settings))
    assert json.loads(clinic.run("dkim", "show", "--json").out) == made


def test_show_without_keys(clinic):
    ran = clinic.run("dkim", "show")
    assert ran.code == 0
    assert "nurture dkim new" in ran.said
    assert json.loads(clinic.run("dkim", "show", "--json").out) == []


def test_a_key_in_use_is_never_replaced(clinic, made):
    folder = clinic.root / "data/keys"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "clinic.example.spring-rsa.pem").unlink()
    again = clinic.run("dkim", "new", "--selector", "spring")
    assert again.code == 2
    assert "never replaced" in again.said
    assert "--selector" in again.said
    del before["clinic.example.spring-rsa.pem"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before, "nothing half done"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--domain", "not a domain"], "write a domain"),
        (["--domain", "../evil"], "write a domain"),
        (["--selector", "a/b"], "write a selector"),
        (["--selector", "x" * 60], "at most 63"),
        (["--selector", ""], "write a selector"),
    ],
)
def test_bad_names_make_no_keys(clinic, options, words):
    ran = clinic.run("dkim", "new", *options)
    assert ran.code == 2
    assert words in ran.said
    assert not (clinic.root / "data/keys").exists()


def test_another_domain(clinic):
    ran = clinic.run("dkim", "new", "--domain", "News.Clinic.example", "--json")
    assert ran.code == 0, ran
    assert [key["domain"] for key in json.loads(ran.out)] == ["news.clinic.example"] * 2


KEY = "file:data/keys/clinic.example.spring-rsa.pem"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"selector": "s", "key": "file:data/keys/gone.pem"}, "cannot be read"),
        ({"selector": "s", "key": "env:NURTURE_NO_SUCH_KEY"}, "NURTURE_NO_SUCH_KEY is not set"),
        ({"selector": "s", "key": "file:data/address.key"}, "holds no private key"),
        ([{"selector": "a", "key": KEY}, {"selector": "b", "key": KEY}], "both keys are for the same algorithm"),
        ({"selector": "s", "key": KEY, "domain": "other.example"}, "does not belong to the From domain clinic.example"),
        ([{"selector": "s", "key": KEY}, {"selector": "S", "key": KEY}], "each key needs one of its own"),
    ],
)
def test_check_tells_what_is_wrong(clinic, made, setting, words):
    (clinic.root / "data/address.key").write_text("no key for mail")
    (clinic.root / "data/address.key").chmod(0o600)
    configure(clinic, json.dumps(setting))
    ran = clinic.run("check")
    assert ran.code == 1
    assert words in ran.said
    (problem,) = [line for line in ran.out.splitlines() if line.startswith("nurture.yaml:")]
    assert not problem.startswith("nurture.yaml:0")


def test_check_refuses_a_key_that_others_can_read(clinic, made):
    configure(clinic, json.dumps({"selector": "spring-rsa", "key": KEY}))
    assert clinic.run("check").code == 0
    (clinic.root / KEY.removeprefix("file:")).chmod(0o644)
    ran = clinic.run("check")
    assert ran.code == 1
    assert ran.said.count("chmod 600") == 1
    assert clinic.run("dkim", "show").code == 2


def test_check_tells_of_a_key_in_git(clinic, made):
    """Under a name that gives nothing away; only the settings say what it is."""
    (clinic.root / "signature").write_bytes((clinic.root / KEY.removeprefix("file:")).read_bytes())
    (clinic.root / "signature").chmod(0o600)
    configure(clinic, json.dumps({"selector": "spring-rsa", "key": "file:signature"}))
    assert clinic.run("check").code == 0
    for command in (["init", "-q"], ["add", "signature"]):
        subprocess.run(["git", "-C", clinic.root, *command], check=True)
    ran = clinic.run("check")
    assert ran.code == 1
    assert "signature: git tracks a secret" in ran.said


def test_mails_leave_signed_and_the_log_shows_the_signature(clinic, made):
    configure(clinic, "[" + ", ".join(f"{{selector: {key['selector']}, key: '{key['key']}'}}" for key in made) + "]")
    clinic.change("nurture.yaml", "limits:", 'window: {hours: {mon-sun: "07:00-21:00"}}\nlimits:')
    hours = 12 - SystemClock().now().hour  # mail never leaves at night
    clinic.change("nurture.yaml", "America/Los_Angeles", f"Etc/GMT{-hours:+d}" if hours else "Etc/GMT")
    clinic.import_contacts()
    assert clinic.run("send", "partner-news", "--yes").code == 0
    zone = {f"{key['dns']['name']}.".encode(): key["dns"]["value"].encode() for key in made}
    shown = []
    for row in json.loads(clinic.run("log", "--json").out)["deliveries"]:
        source = json.loads(clinic.run("log", "show", row["id"], "--json").out)["mail"].encode()
        for index in (0, 1):
            assert dkim.DKIM(source).verify(index, dnsfunc=lambda name, timeout=5: zone[name])
        shown.append(source.replace(b"\r\n", b"\n"))
    kept = [path.read_bytes() for path in (clinic.root / "data/sandbox/Maildir/new").iterdir()]
    sent = [mail[mail.index(b"DKIM-Signature:") :].replace(b"\r\n", b"\n") for mail in kept]
    assert sorted(sent) == sorted(shown)
    assert len(sent) == 2
