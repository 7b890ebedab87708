"""The mailbox on a real Dovecot: over TLS, with its folders and numbers, and by `nurture run` as people run it."""

import imaplib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nurture.errors import MailboxError
from nurture.service import inbox
from nurture.service.house import House, open_house
from nurture.store import inbound
from nurture.store.inbound import InboundMail
from nurture.vocabulary import Mode
from nurture.workspace.scaffold import Answers, init_workspace
from tests.servers.certificates import Certificate, make_certificate
from tests.servers.dovecot import PASSWORD, USER, Dovecot, is_available, running_dovecot

pytestmark = pytest.mark.dovecot

JUNK = "Spam verdächtig"  # Dovecot says that it is \Junk
WAIT = 60.0


def mail(number: int, size: int = 0) -> bytes:
    head = f"From: lee@partner.example\nMessage-ID: <{number}@partner.example>\nSubject: Re: News {number}"
    return f"{head}\nIn-Reply-To: <x@y>\n\nThank you.\n{'x' * 70}\n".encode() + b"0123456789\n" * (size // 11)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def dovecot(certificate) -> Iterator[Dovecot]:
    if not is_available():
        pytest.skip("no Dovecot, or not root: apt-get install dovecot-imapd")
    with running_dovecot(certificate) as running:
        yield running


@pytest.fixture
def root(tmp_path, new_sqlite_url, dovecot, certificate, monkeypatch) -> Path:
    monkeypatch.setenv("IMAP_SECRET", PASSWORD)
    folder = tmp_path / "clinic"
    init_workspace(folder, Answers(), now=datetime(2026, 11, 20, 20, tzinfo=UTC))
    settings = folder / "nurture.yaml"
    account = f"""
mailbox:
  imap:
    host: localhost
    port: {dovecot.tls_port}
    username: {USER}
    password: env:IMAP_SECRET
    ca_file: {certificate.authority}
"""
    settings.write_text(f"{settings.read_text()}database: '{new_sqlite_url}'{account}")
    return folder


def read(house: House) -> int:
    return inbox.read_mailbox(house).kinds.total()


def taken(house: House) -> list[InboundMail]:
    with house.store.read() as connection:
        return sorted(inbound.latest(connection, mode=Mode.SANDBOX, limit=1000), key=lambda each: each.id)


def make_old(*paths: Path) -> None:
    long_ago = (datetime.now(UTC) - timedelta(days=400)).timestamp()
    for path in paths:
        os.utime(path, (long_ago, long_ago))


@contextmanager
def logged_in(dovecot: Dovecot) -> Iterator[imaplib.IMAP4]:
    """As the clinic's own mail program."""
    with imaplib.IMAP4("127.0.0.1", dovecot.port) as client:
        client.login(USER, PASSWORD)
        yield client


def test_mail_in_the_inbox_and_in_junk_is_taken_in_and_stays_unread(root, dovecot):
    make_old(dovecot.deliver(mail(1)), dovecot.deliver(mail(2), JUNK))
    with open_house(root) as house:
        assert read(house) == 0
        dovecot.deliver(mail(3))
        dovecot.deliver(mail(4), JUNK)
        dovecot.deliver(mail(5, size=3_000_000))
        assert read(house) == 3
        assert read(house) == 0
        assert {(each.folder, each.cut) for each in taken(house)} == {("INBOX", False), (JUNK, False), ("INBOX", True)}
    with logged_in(dovecot) as client:
        client.select("INBOX", readonly=True)
        flags = client.fetch("1:*", "(FLAGS)")[1]
    assert len(flags) == 3
    assert not any(b"Seen" in line for line in flags)


def test_new_numbers_count_nothing_twice_and_bring_no_old_mail(root, dovecot):
    make_old(*(dovecot.deliver(mail(number)) for number in range(10)))
    with open_house(root) as house:
        read(house)
        for number in range(10, 15):
            dovecot.deliver(mail(number))
        assert read(house) == 5
        before = taken(house)
        dovecot.forget_numbers()
        dovecot.deliver(mail(15))
        assert read(house) == 1
        after = taken(house)
        assert after[:5] == before
        assert after[5].uid_validity != before[0].uid_validity
        assert read(house) == 0


def test_a_mail_that_the_clinic_moves_is_the_same_mail(root, dovecot):
    dovecot.maildir(JUNK)
    with open_house(root) as house:
        read(house)
        dovecot.deliver(mail(1), JUNK)
        assert read(house) == 1
        with logged_in(dovecot) as client:
            client.select('"Spam verd&AOQ-chtig"')
            assert client.uid("MOVE", "1", "INBOX")[0] == "OK"
        assert read(house) == 0
        assert len(taken(house)) == 1


def test_folders_of_any_name_are_read_and_those_without_mail_are_named(root, dovecot):
    settings = root / "nurture.yaml"
    names = 'Freunde & Partner "日本"'
    settings.write_text(f"{settings.read_text()}  folders: [INBOX, '{names}', Parent]\n")
    dovecot.maildir(names)
    dovecot.maildir("Parent/Child")  # Parent itself is \NonExistent
    with open_house(root) as house:
        with pytest.raises(MailboxError, match="no folder `Parent` that holds mail"):
            read(house)
        dovecot.deliver(mail(1), names)
        with pytest.raises(MailboxError, match="Parent"):
            read(house)
        assert [each.folder for each in taken(house)] == [names]


def test_a_server_that_is_away_says_so_and_a_false_certificate_gets_no_password(root, dovecot):
    settings = root / "nurture.yaml"
    text = settings.read_text()
    settings.write_text(text.replace(f"port: {dovecot.tls_port}", "port: 1"))
    with open_house(root) as house, pytest.raises(MailboxError, match="localhost:1 cannot be reached"):
        read(house)
    settings.write_text("\n".join(line for line in text.splitlines() if "ca_file" not in line))
    with open_house(root) as house, pytest.raises(MailboxError, match=r"certificate .* does not hold"):
        read(house)
    settings.write_text(text.replace(f"port: {dovecot.tls_port}", f"port: {dovecot.port}\n    tls: starttls"))
    with open_house(root) as house:
        assert read(house) == 0


def test_nurture_run_takes_in_what_arrives_and_comes_back_after_an_outage(root, dovecot):
    def until(true: Callable[[], object]) -> None:
        end = time.monotonic() + WAIT
        while not true():
            assert time.monotonic() < end, process.poll()
            time.sleep(0.1)

    command = [sys.executable, "-m", "nurture", "run"]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        with open_house(root) as house:

            def positions() -> dict:
                with house.store.read() as connection:
                    return inbound.positions(connection, USER)

            until(positions)
            dovecot.deliver(mail(1))
            until(lambda: len(taken(house)) == 1)
            dovecot.restart()
            dovecot.deliver(mail(2))
            until(lambda: len(taken(house)) == 2)
    finally:
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=WAIT)[0]
    assert (process.returncode, "Traceback" in said) == (0, False), said
    assert "mailbox: 1 reply" in said
    assert time.monotonic() - began < 20
    status = subprocess.run([*command[:3], "status", "--json"], cwd=root, capture_output=True, text=True, check=False)
    assert "mailbox" in {job["job"] for job in json.loads(status.stdout)["status"]["jobs"]}
