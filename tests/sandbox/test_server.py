"""Mail that the sandbox said yes to is in the Maildir, whole; several servers may share it."""

import gc
import smtplib
import socket
import sys
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from nurture.errors import SandboxError
from nurture.sandbox.maildir import entries, find, mark_read, message_ids, read
from nurture.sandbox.server import SandboxServer


@pytest.fixture
def server(maildir: Path) -> Iterator[SandboxServer]:
    with SandboxServer(maildir, size_limit=100_000) as server:
        yield server


def mail(number: int = 1, **headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Riverbend Clinic <hello@riverbend.example>"
    message["To"] = "Dr. Lee <lee@practice.example>"
    message["Subject"] = f"News {number}"
    message["Message-ID"] = f"<{number}@riverbend.example>"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("Hello.\n.A line with a dot\n")
    return message


def send(port: int, message: EmailMessage, *recipients: str) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.send_message(message, "bounce@riverbend.example", recipients or ("lee@practice.example",))


def test_a_mail_is_kept_with_its_envelope_before_its_headers(server: SandboxServer, maildir: Path) -> None:
    forged = mail(Return_Path="<other@bad.example>", Delivered_To="other@bad.example")
    send(server.port, forged)
    (entry,) = entries(maildir)
    lines = read(maildir, entry).split(b"\r\n")
    assert lines[:2] == [b"Return-Path: <bounce@riverbend.example>", b"Delivered-To: lee@practice.example"]
    assert b".A line with a dot" in lines
    assert entry.unread
    assert entry.path.stat().st_mode & 0o777 == 0o600
    assert maildir.stat().st_mode & 0o777 == 0o700
    assert list((maildir / "tmp").iterdir()) == []


def test_each_recipient_gets_a_copy(server: SandboxServer, maildir: Path) -> None:
    send(server.port, mail(), "lee@practice.example", "kim@gym.example")
    kept = {read(maildir, entry).split(b"\r\n")[1] for entry in entries(maildir)}
    assert kept == {b"Delivered-To: lee@practice.example", b"Delivered-To: kim@gym.example"}


def test_the_newest_comes_first_and_stays_itself_when_it_is_read(server: SandboxServer, maildir: Path) -> None:
    for number in (1, 2, 3):
        send(server.port, mail(number))
    newest = entries(maildir)[0]
    assert list(message_ids(maildir)) == [f"<{number}@riverbend.example>" for number in (3, 2, 1)]
    after = mark_read(maildir, newest)
    assert (after.id, after.unread) == (newest.id, False)
    assert mark_read(maildir, newest) == after  # a second reader
    assert find(maildir, newest.id) == after
    assert read(maildir, newest) == read(maildir, after)  # listed before it was moved
    assert list(message_ids(maildir)) == [f"<{number}@riverbend.example>" for number in (3, 2, 1)]


@pytest.mark.parametrize("name", ["", "..", "../new", "a/b", ".hidden", "x\0y", "x" * 500])
def test_nothing_outside_of_the_maildir_can_be_named(maildir: Path, server: SandboxServer, name: str) -> None:
    assert find(maildir, name) is None


def test_two_servers_share_one_maildir(maildir: Path) -> None:
    with SandboxServer(maildir) as one, SandboxServer(maildir) as two:
        assert one.port != two.port

        def send_many(port: int, first: int) -> None:
            for number in range(first, first + 20):
                send(port, mail(number))

        threads = [threading.Thread(target=send_many, args=(s.port, n)) for s, n in ((one, 0), (two, 100), (one, 200))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    expected = {f"<{first + number}@riverbend.example>" for first in (0, 100, 200) for number in range(20)}
    found = list(message_ids(maildir))
    assert len(found) == 60
    assert set(found) == expected


def test_a_mail_that_is_too_large_is_refused(server: SandboxServer, maildir: Path) -> None:
    large = mail()
    large.set_content("x" * 70 + "\n" + ("y" * 70 + "\n") * 2000)
    with pytest.raises(smtplib.SMTPException) as refused:
        send(server.port, large)
    assert "552" in str(refused.value)
    assert entries(maildir) == []


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b".", b"..", b".\r\n..\r\n...", b"a\r\n.\r\nb", b"\r\n\r\n", b"x" * 5000, b"a\r\n" * 3000 + b".b"],
)
def test_any_content_is_kept_as_it_came(server: SandboxServer, maildir: Path, content: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        client.sendmail("a@clinic.example", ["b@practice.example"], content)
    (entry,) = entries(maildir)
    kept = read(maildir, entry).split(b"b@practice.example\r\n", 1)[1]
    assert kept.removesuffix(b"\r\n") == content.removesuffix(b"\r\n")


def test_a_mail_that_ends_in_the_middle_is_not_kept(server: SandboxServer, maildir: Path) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"EHLO me\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nhalf\r\n.")
    send(server.port, mail(2))
    assert list(message_ids(maildir)) == ["<2@riverbend.example>"]


def test_commands_that_were_sent_ahead_are_answered(server: SandboxServer, maildir: Path) -> None:
    one = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n%b\r\n.\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"EHLO me\r\n" + one % b"first" + one % (b"y" * 150_000) + one % b"last" + b"QUIT\r\n")
        said = connection.makefile("rb").read()
    assert said.count(b"250 2.0.0 kept") == 2
    assert said.count(b"552 ") == 1
    assert len(entries(maildir)) == 2


def test_a_maildir_that_cannot_be_written_is_a_temporary_refusal(server: SandboxServer, maildir: Path) -> None:
    (maildir / "tmp").rmdir()
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(server.port, mail())
    assert refused.value.smtp_code == 452
    assert entries(maildir) == []


def test_a_taken_port_is_said_and_stop_ends_all_connections(maildir: Path) -> None:
    server = SandboxServer(maildir)
    port = server.start()
    connected = socket.create_connection(("127.0.0.1", port))
    with pytest.raises(SandboxError, match=f"127.0.0.1:{port}"):
        SandboxServer(maildir).start(port=port)
    server.stop()
    server.stop()  # twice is fine
    with connected:
        assert ends(connected)


def ends(connection: socket.socket) -> bool:
    """Whether the server ends it, after its greeting at most, within ten seconds."""
    connection.settimeout(10)
    try:
        while connection.recv(1000):
            pass
    except TimeoutError:
        return False
    except ConnectionResetError:
        pass
    return True


def test_connections_that_come_while_it_stops_are_ended_too(maildir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left_open: list[object] = []
    # a socket or transport that nobody closed warns from its destructor; warnings are errors here
    monkeypatch.setattr(sys, "unraisablehook", left_open.append)
    for _ in range(50):  # each time at another moment of their acceptance
        server = SandboxServer(maildir)
        port = server.start()
        connected = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        server.stop()
        try:
            assert all(ends(connection) for connection in connected)
        finally:
            for connection in connected:
                connection.close()
    gc.collect()
    assert left_open == [], "the server left a connection to the garbage collector"


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "Maildir").write_text("in the way")
    with pytest.raises(SandboxError, match="cannot keep mail in"):
        SandboxServer(tmp_path / "Maildir").start()


def test_a_mail_without_message_id_is_counted_too(server: SandboxServer, maildir: Path) -> None:
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        client.sendmail("a@x.example", ["b@y.example"], "Subject: no id\r\n\r\nMessage-ID: <not@this.one>\r\n")
    assert list(message_ids(maildir)) == [""]


def test_there_is_no_mail_where_there_is_no_maildir(tmp_path: Path) -> None:
    assert entries(tmp_path / "nothing") == []
    assert list(message_ids(tmp_path / "nothing")) == []
