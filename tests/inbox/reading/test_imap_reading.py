"""An IMAP account read from where it was left, on a server that does as it should."""

import base64
import threading
import time
from datetime import timedelta

import pytest

from nurture.errors import LoginError, MailboxError
from nurture.inbox.imap_client import Bounds
from nurture.inbox.parsing import MAX_OCTETS
from tests.inbox.reading.imap_reader import BEGAN, LATER, LONG_AGO, WAIT, Reader, mail
from tests.servers.scripted_imap import Folder, ScriptedImap, Step


def test_reading_begins_at_the_present_end_and_goes_on_from_there(server, reader):
    server.inbox.add(mail("old"), LONG_AGO)
    assert reader.read(BEGAN) == []
    server.inbox.add(mail("first"), BEGAN)
    server.inbox.add(mail("second"), LATER)
    assert reader.read() == ["first", "second"]
    assert reader.read() == [], "the last mail, which `n:*` always names, is not taken again"


def test_nothing_that_is_sent_can_change_a_mail(server, reader):
    reader.read(BEGAN)
    server.inbox.add(mail("new"))
    reader.read()
    sent = {command.split(" ")[0] for command in server.commands}
    assert sent <= {"CAPABILITY", "LOGIN", "LIST", "EXAMINE", "UID", "NOOP"}
    fetches = [command for command in server.commands if "BODY" in command]
    assert fetches
    assert all("BODY.PEEK[" in command for command in fetches)


def test_an_empty_mailbox_and_one_without_uidnext_have_an_end_too(server, reader):
    plain = b"* 0 EXISTS\r\n* OK [UIDVALIDITY 7] .\r\nTAG OK done\r\n"
    server.on("EXAMINE", Step(plain, always=True))
    assert reader.read(BEGAN) == []
    server.inbox.add(mail("new"))
    assert reader.read() == ["new"]
    assert reader.read() == []


def test_the_instant_of_a_mail_is_never_in_the_future(server, reader):
    reader.read(BEGAN)
    server.inbox.add(mail("from tomorrow"), LATER + timedelta(days=1))
    (taken,) = reader.mails(LATER)
    assert taken.received_at == LATER


def test_new_numbers_bring_no_old_mail(server, reader):
    server.inbox.add(mail("old"), LONG_AGO)
    server.inbox.add(mail("of this morning"), BEGAN - timedelta(hours=1))
    reader.read(BEGAN)
    server.inbox.add(mail("first"), LATER)
    assert reader.read() == ["first"]
    server.inbox.renumber(8)
    server.inbox.add(mail("second"), LATER)
    assert reader.read() == ["first", "second"], "known ones come again, and are known by their content"
    assert reader.read() == []
    assert reader.positions["INBOX"].uid_validity == 8


def test_a_server_restored_from_a_backup_gives_numbers_a_second_time(server, reader):
    for number in range(5):
        server.inbox.add(mail(f"{number}"), LONG_AGO)
    reader.read(BEGAN)
    server.inbox.next = 3
    del server.inbox.mails[3], server.inbox.mails[4], server.inbox.mails[5]
    server.inbox.add(mail("under an old number"), LATER)
    assert reader.read() == ["under an old number"]


def test_a_folder_that_appears_later_is_read_from_when_the_account_was(server, reader):
    reader.read(BEGAN)
    junk = server.folders["Junk"] = Folder()
    junk.add(mail("older"), LONG_AGO)
    junk.add(mail("a reply that was taken for spam"), LATER)
    assert reader.read() == ["a reply that was taken for spam"]


def test_old_mail_that_somebody_moves_here_is_old(server, reader):
    reader.read(BEGAN)
    server.inbox.add(mail("moved from the archive"), LONG_AGO)
    server.inbox.add(mail("moved from yesterday's folder"), BEGAN - timedelta(hours=30))
    server.inbox.add(mail("from a server whose clock is slow"), BEGAN - timedelta(minutes=5))
    assert reader.read() == ["from a server whose clock is slow"]


@pytest.mark.parametrize(
    ("name", "flags"),
    [("Spam", ""), ("Verd&AOQ-chtig", "\\Junk"), ("INBOX/Junk E-mail", "\\Junk"), ("Junk E-mail", "")],
)
def test_the_junk_folder_is_found_by_its_use_or_usual_name(server, reader, name, flags):
    server.folders[name] = Folder(flags=flags)
    reader.read(BEGAN)
    server.folders[name].add(mail("reply"))
    assert reader.read() == ["reply"]


@pytest.mark.parametrize(
    ("name", "flags", "from_outside"),
    [
        ("INBOX", "", True),
        ("Verd&AOQ-chtig", "\\Junk", True),
        ("Bulk Mail", "", True),
        ("Alle", "\\All", True),
        ("Gesendet", "\\Sent", False),
        ("Gesendete Objekte", "", False),
    ],
)
def test_mail_comes_into_all_folders_but_those_of_what_was_sent(server, open_reader, name, flags, from_outside):
    server.folders[name] = Folder(flags=flags)
    shown = name.replace("&AOQ-", "ä")
    reader = open_reader(shown)
    reader.read(BEGAN)
    assert reader.session.comes_into(shown) is from_outside


def test_folders_with_odd_names_are_read(server, open_reader):
    reader = open_reader("INBOX", "Möbel & 日本", "a*b")
    server.folders["M&APY-bel &- &ZeVnLA-"] = Folder()
    server.folders["a*b"] = Folder()
    reader.read(BEGAN)
    for folder in server.folders.values():
        folder.add(mail("new"))
    assert reader.read() == ["new"] * 3
    assert set(reader.positions) == {"INBOX", "Möbel & 日本", "a*b"}


@pytest.mark.parametrize("flags", ["\\Noselect", "\\HasChildren \\NonExistent"])
def test_a_folder_that_holds_no_mail_is_named_and_the_others_are_read(server, open_reader, flags):
    reader = open_reader("Partners", "INBOX")
    server.folders["Partners"] = Folder(flags=flags)
    with pytest.raises(MailboxError, match="no folder `Partners` that holds mail"):
        reader.read(BEGAN)
    server.inbox.add(mail("new"))
    with pytest.raises(MailboxError, match="Partners"):
        reader.read()
    assert reader.positions["INBOX"].uid == 1


def test_a_mail_that_is_too_big_is_fetched_in_part(server, reader):
    reader.read(BEGAN)
    server.inbox.add(mail("huge", size=MAX_OCTETS + 1000))
    server.inbox.add(mail("small"))
    huge, small = reader.mails()
    assert (huge.cut, small.cut) == (True, False)
    assert len(huge.octets) == MAX_OCTETS
    assert all(f"<0.{MAX_OCTETS}>" in command for command in server.commands if "PEEK" in command)


def test_mails_come_in_small_batches_each_with_where_to_go_on(server, reader):
    reader.read(BEGAN)
    for _ in range(230):
        server.inbox.add(mail("new"))
    for _ in range(5):
        server.inbox.add(mail("big", size=MAX_OCTETS))
    batches = list(reader.session.batches(dict(reader.positions), LATER))
    assert [batch.position.uid for batch in batches][:2] == [100, 200]
    assert batches[-1].position.uid == 235
    assert sum(len(batch.mails) for batch in batches) == 235
    assert max(sum(len(each.octets) for each in batch.mails) for batch in batches) <= 4_000_000


def test_bodies_may_be_quoted_or_nil_and_flags_of_others_come_between(server, reader):
    reader.read(BEGAN)
    for _ in range(3):
        server.inbox.add(b"ignored")
    answer = (
        b'* 1 FETCH (BODY[]<0> "Subject: UID 2 \\"quoted\\"" UID 1)\r\n'
        b"* 2 FETCH (FLAGS (\\Seen))\r\n"
        b"* 2 FETCH (BODY[]<0> NIL UID 2)\r\n"
        b"* 3 FETCH (UID 3 FLAGS (\\Seen) BODY[]<0> {12}\r\nSubject: six MODSEQ (5))\r\n"
        b"TAG OK done\r\n"
    )
    server.on("FETCH", Step(answer, when="PEEK"))
    assert [each.octets for each in reader.mails()] == [b'Subject: UID 2 "quoted"', b"", b"Subject: six"]


def test_a_mail_that_is_gone_in_the_meantime_is_left_out(server, reader):
    reader.read(BEGAN)
    server.inbox.add(mail("gone"))
    server.inbox.add(mail("there"))
    server.on("FETCH", Step(during=lambda: server.inbox.mails.pop(1), friendly=True, when="SIZE"))
    assert reader.read() == ["there"]
    assert reader.positions["INBOX"].uid == 2


def test_a_refused_login_says_so_without_the_password(server, reader, monkeypatch):
    monkeypatch.setenv("IMAP_SECRET", "wr0ng")
    with pytest.raises(LoginError, match=r"refuses the login of hello: .*AUTHENTICATIONFAILED") as caught:
        reader.read()
    assert "wr0ng" not in str(caught.value)


def test_a_server_that_is_ill_did_not_refuse_the_login(server, reader):
    server.on("LOGIN", Step(b"TAG NO [UNAVAILABLE] try later\r\n"))
    with pytest.raises(MailboxError) as caught:
        reader.read()
    assert not isinstance(caught.value, LoginError)


def test_no_password_goes_where_the_server_wants_none(monkeypatch):
    monkeypatch.setenv("IMAP_SECRET", "secret")
    with ScriptedImap(capabilities="IMAP4rev1 LOGINDISABLED STARTTLS") as server:
        reader = Reader(server, ("INBOX",), Bounds())
        with pytest.raises(LoginError, match="takes no password"):
            reader.read()
        reader.session.close()
        assert not any("secret" in command for command in server.commands)


def test_idle_ends_when_mail_arrives(server, reader):
    server.news = [b"* 3 FETCH (FLAGS (\\Seen))\r\n", b"* 1 EXISTS\r\n"]
    reader.read(BEGAN)
    began = time.monotonic()
    reader.session.wait(WAIT)
    assert time.monotonic() - began < WAIT / 2
    assert "IDLE" in server.commands
    server.inbox.add(mail("new"))
    assert reader.read() == ["new"]


def test_mail_that_came_before_idle_is_not_waited_for(server, reader):
    reader.read(BEGAN)
    server.inbox.add(mail("new"))
    began = time.monotonic()
    reader.session.wait(WAIT)
    assert time.monotonic() - began < WAIT / 2
    assert "IDLE" not in server.commands


def test_mail_that_is_told_of_before_idle_is_ready_ends_it(server, reader):
    server.on("IDLE", Step(b"* 1 EXISTS\r\n+ idling\r\n"))
    reader.read(BEGAN)
    began = time.monotonic()
    reader.session.wait(WAIT)
    assert time.monotonic() - began < WAIT / 2
    assert reader.read() == []


@pytest.mark.parametrize("refused", [False, True])
def test_without_idle_the_time_is_waited_for(monkeypatch, refused):
    monkeypatch.setenv("IMAP_SECRET", "secret")
    with ScriptedImap(capabilities="IMAP4rev1 IDLE" if refused else "IMAP4rev1") as server:
        if refused:
            server.on("IDLE", Step(b"TAG BAD not here\r\n"))
        reader = Reader(server, ("INBOX",), Bounds())
        reader.read(BEGAN)
        began = time.monotonic()
        reader.session.wait(0.3)
        assert time.monotonic() - began >= 0.25
        server.inbox.add(mail("new"))
        assert reader.read() == ["new"]
        reader.session.close()


def test_stop_ends_a_wait_and_lets_nothing_begin(server, reader):
    reader.read(BEGAN)
    threading.Thread(target=lambda: server.idling.wait(WAIT) and reader.session.stop()).start()
    began = time.monotonic()
    reader.session.wait(WAIT)
    assert time.monotonic() - began < WAIT / 2
    with pytest.raises(MailboxError, match="stopped"):
        reader.read()


def test_a_connection_that_was_closed_in_idle_comes_again_by_itself(server, reader):
    reader.read(BEGAN)
    threading.Thread(target=lambda: server.idling.wait(WAIT) and server.hang_up()).start()
    reader.session.wait(WAIT)
    server.inbox.add(mail("new"))
    assert reader.read() == ["new"]
    assert server.sessions == 2


@pytest.mark.parametrize("answer", [b"* BYE what is TAG?\r\n", b"nonsense: TAG\r\n"])
def test_a_server_that_repeats_what_we_said_gives_no_password_away(monkeypatch, answer):
    monkeypatch.setenv("IMAP_SECRET", "secret")
    said = base64.b64encode(b"\0hello\0secret").decode()
    with ScriptedImap(capabilities="IMAP4rev1 AUTH=PLAIN") as server:
        server.on("AUTHENTICATE", Step(b"+ \r\n"))
        server.on("", Step(answer, cut=True))
        reader = Reader(server, ("INBOX",), Bounds())
        with pytest.raises(MailboxError) as caught:
            reader.read()
        reader.session.close()
    assert said not in str(caught.value)
