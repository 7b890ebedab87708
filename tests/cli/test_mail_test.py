"""`nurture send --test` at the command line: what a person reads, the exit codes, and JSON."""

import json

import pytest

from tests.servers.scripted_smtp import ScriptedSmtp, Step

PASSWORD = "correct-horse-canary"
BROADCAST = """\
kind: broadcast
topic: news
to: {category: [healthcare_provider, school]}
subject: We moved
template: announcement
body: We moved, {{ contact.greeting }}.
intent: give
"""


@pytest.fixture
def server():
    with ScriptedSmtp(login=("me", PASSWORD)) as server:
        yield server


@pytest.fixture
def clinic(clinic, server):
    """A clinic in the sandbox whose sender has an account, with one person to test with."""
    clinic.import_contacts()
    clinic.write("campaigns/moved.yaml", BROADCAST)
    account = f"host: 127.0.0.1, port: {server.port}, tls: none, username: me, password: env:TEST_SMTP_PASSWORD"
    clinic.change("nurture.yaml", "    # smtp:", f"    smtp: {{{account}}}\n    # smtp:")
    settings = clinic.root / "nurture.yaml"
    clinic.write("nurture.yaml", f"test_recipients: [maya@clinic.example]\n{settings.read_text()}")
    clinic.environment["TEST_SMTP_PASSWORD"] = PASSWORD
    return clinic


def test_a_person_reads_who_got_what_and_what_the_server_said(clinic, server):
    ran = clinic.run("send", "moved", "--test")
    assert ran.code == 0, ran
    (mail,) = server.mails
    assert "taken maya@clinic.example: 250 2.0.0 queued as TEST" in ran.said
    assert "[TEST] We moved" in ran.said
    assert "for healthcare provider, school; Message-ID <" in ran.said
    assert "1 of 1 taken" in ran.said
    assert ran.out.partition("Message-ID ")[2].split()[0].encode() in mail.raw
    assert json.loads(clinic.run("accounts", "--json").out)["accounts"]["editions"] == []


def test_one_that_is_refused_is_exit_code_1(clinic, server):
    server.on("RCPT", Step("550 5.1.1 \x1b[31mno such user"))
    ran = clinic.run("send", "moved", "--test")
    assert ran.code == 1
    assert "! not taken maya@clinic.example: 550 5.1.1" in ran.said
    assert "correct it under test_recipients" in ran.said
    assert "\x1b" not in ran.out


def test_an_account_that_cannot_be_used_is_exit_code_2(clinic):
    clinic.environment["TEST_SMTP_PASSWORD"] = "wrong-canary"
    ran = clinic.run("send", "moved", "--test", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert "refuses the login of me" in ran.said
    assert "senders.main.smtp.password" in ran.said
    assert "wrong-canary" not in ran.said


def test_json(clinic, server):
    ran = clinic.run("send", "moved", "--test", "--json")
    found = json.loads(ran.out)
    assert found["all_taken"]
    (mail,) = found["test"]["mails"]
    assert (mail["to"], mail["taken"], mail["answer"]) == ("maya@clinic.example", True, "250 2.0.0 queued as TEST")
    assert mail["message_id"].encode() in server.mails[0].raw


@pytest.mark.parametrize("option", ["--to", "--as"])
def test_a_forgotten_test_sends_nothing(clinic, server, option):
    """`--to` reads as if it limited a real edition; it must never make one."""
    ran = clinic.run("send", "moved", option, "maya@clinic.example", "--yes")
    assert ran.code == 2
    assert "go with --test" in ran.said
    assert not json.loads(clinic.run("log", "--json").out)["deliveries"]
