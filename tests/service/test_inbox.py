"""The clinic's mailbox, taken in: each mail once, whatever is killed, and no words of mail that is none of ours."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nurture.clock import DrivenClock
from nurture.errors import InputError, MailboxError
from nurture.inbox.judgement import Judgement
from nurture.inbox.matching import Match
from nurture.service import inbox
from nurture.service.house import House, open_house
from nurture.store import inbound
from nurture.store.inbound import InboundMail
from nurture.vocabulary import MailKind, MatchedBy, Mode
from nurture.workspace.scaffold import Answers, init_workspace
from tests.servers.scripted_imap import ScriptedImap, Step

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
BOUNCE = (Path(__file__).parent / "undelivered.eml").read_bytes()


def mail(number: int, words: str = "Thank you, see you on Friday.") -> bytes:
    head = f"From: lee@partner.example\r\nMessage-ID: <{number}@partner.example>\r\nSubject: Re: News {number}"
    return f"{head}\r\nIn-Reply-To: <x@y>\r\n\r\n{words}\r\n".encode()


@pytest.fixture
def server(monkeypatch) -> Iterator[ScriptedImap]:
    monkeypatch.setenv("IMAP_SECRET", "secret")
    with ScriptedImap() as running:
        yield running


@pytest.fixture
def root(tmp_path, database_url, server) -> Path:
    folder = tmp_path / "clinic"
    init_workspace(folder, Answers(), now=datetime(2026, 11, 20, 20, tzinfo=UTC))
    address = tmp_path / "database-address"
    address.write_text(database_url)
    address.chmod(0o600)
    settings = folder / "nurture.yaml"
    account = f"{{host: 127.0.0.1, port: {server.port}, tls: none, username: hello, password: 'env:IMAP_SECRET'}}"
    settings.write_text(f"{settings.read_text()}database: file:{address}\nmailbox: {{kind: shared, imap: {account}}}\n")
    return folder


@pytest.fixture
def at(root) -> Callable[..., House]:
    """The clinic at a time, an hour after it began to read."""

    @contextmanager
    def open_at(now: datetime = NOW + timedelta(hours=1), *, kind: str = "shared") -> Iterator[House]:
        settings = root / "nurture.yaml"
        settings.write_text(settings.read_text().replace("kind: shared", f"kind: {kind}"))
        with open_house(root, clock=DrivenClock(now)) as house:
            yield house

    with open_at(NOW) as house:
        assert inbox.read_mailbox(house).first_time
    return open_at


def taken(house: House) -> list[InboundMail]:
    with house.store.read() as connection:
        return sorted(inbound.latest(connection, mode=Mode.SANDBOX, limit=10_000), key=lambda each: each.id)


def test_what_arrives_is_taken_in_once_with_its_verdict(server, at):
    with at() as house:
        server.inbox.add(mail(1))
        server.inbox.add(BOUNCE)
        assert dict(inbox.read_mailbox(house).kinds) == {MailKind.REPLY: 1, MailKind.BOUNCE: 1}
        assert not inbox.read_mailbox(house).kinds
        assert [(each.kind, each.uid) for each in taken(house)] == [("reply", 1), ("bounce", 2)]


def test_new_numbers_and_a_move_to_another_folder_count_nothing_twice(server, at):
    with at() as house:
        for number in range(5):
            server.inbox.add(mail(number), NOW + timedelta(minutes=1))
        assert inbox.read_mailbox(house).kinds.total() == 5
        server.inbox.renumber(8)
        server.folders["Junk"] = type(server.inbox)()
        server.folders["Junk"].add(b"X-Spam: yes\r\n" + mail(3), NOW + timedelta(minutes=1))
        server.inbox.add(mail(5), NOW + timedelta(minutes=2))
        assert inbox.read_mailbox(house).kinds.total() == 1
        assert len(taken(house)) == 6


def test_of_mail_that_is_none_of_ours_no_word_stays_in_a_shared_mailbox(server, at):
    secret = mail(1, "My knee, my diagnosis.")
    with at() as house:
        server.inbox.add(secret)
        inbox.read_mailbox(house)
        (kept,) = taken(house)
        assert kept.content is None
        assert (kept.kind, kept.received_at, len(kept.key)) == (MailKind.REPLY, NOW, 64)
        with house.store.read() as connection:
            rows = str(connection.exec_driver_sql("SELECT * FROM inbound").all())
    for word in ("knee", "partner.example", "lee", "News"):
        assert word not in rows
    with at(kind="dedicated") as house:
        server.inbox.add(mail(2, "Yes, please."))
        inbox.read_mailbox(house)
        content = taken(house)[-1].content
        assert (content.sender, content.subject, content.text) == ("lee@partner.example", "Re: News 2", "Yes, please.")
        assert content.message_id == "2@partner.example"


def test_what_a_mail_links_to_decides_what_of_it_stays(server, at, monkeypatch):
    with at() as house:
        monkeypatch.setattr(inbox, "_match", lambda *asked: Match(MatchedBy.ORGANIZATION, None, None, 4))
        server.inbox.add(mail(1))
        inbox.read_mailbox(house)
        assert taken(house)[0].content is None, "a colleague whom we do not know"


def test_a_mail_that_acts_does_so_once_though_two_read_it(server, at, monkeypatch):
    acted = []
    monkeypatch.setattr(inbox, "_act", lambda connection, each, *more, **named: acted.append(each.key))
    with at() as house, at() as other:
        for _ in range(2):
            server.inbox.add(mail(1))  # it lies there twice, too
        settings = house.workspace.settings
        session = inbox.open_mailbox(settings, settings.mailbox, house.store, root=house.root)
        with house.store.read() as connection:
            positions = inbound.positions(connection, "hello")
        (batch,) = session.batches(positions, house.clock.now())
        inbox.read_mailbox(other)
        assert len(acted) == 1
        monkeypatch.setattr(session, "batches", lambda positions, now: iter([batch]))
        monkeypatch.setattr(inbox, "_unknown", lambda connection, judged: judged)  # it looked a moment too early
        inbox.take_in(house, house.workspace.settings.mailbox, session)
        session.close()
        assert len(acted) == 1
        assert len(taken(house)) == 1


def test_no_mail_can_stop_the_reading_of_others(server, at, monkeypatch):
    real = inbox.judge_mail

    def judge(found, **more) -> Judgement:
        if "2" in found.subject:
            raise RecursionError
        return real(found, **more)

    monkeypatch.setattr(inbox, "judge_mail", judge)
    with at() as house:
        for number in (1, 2, 3):
            server.inbox.add(mail(number))
        assert dict(inbox.read_mailbox(house).kinds) == {MailKind.REPLY: 2, MailKind.UNKNOWN: 1}


FIXTURES = Path(__file__).parents[1] / "inbox" / "fixtures"
ODD = [
    b"From: a@b.example\r\nSubject: a\x00b =?utf-7?Q?+2AA-?=\r\nMessage-ID: <\x00>\r\n\r\nNUL \x00 and \xff\xfe\r\n",
    b"From: a@b.example\r\nContent-Type: text/plain; charset=utf-16\r\n\r\n\x00\xd8\x00\xd8",
    b"",
    b"\r\n\r\n",
    BOUNCE.replace(b"unknown user", b"unknown \x00 user").replace(b"kim@", b"ki\x00m@"),
    b"From: a@b.example\r\n" + b"X: y\r\n" * 50_000 + b"\r\n" + b"(" * 100_000,
]


def test_whatever_a_mail_holds_its_row_can_be_kept(server, at):
    mails = [path.read_bytes() for path in sorted(FIXTURES.rglob("*.eml"))] + ODD
    assert len(mails) > 100
    for raw in mails:
        server.inbox.add(raw)
    with at(kind="dedicated") as house:
        inbox.read_mailbox(house)
        found = taken(house)
        assert len(found) >= len(mails) - 1, "two of the empty ones are the same"
        away = [each for each in found if (each.content.judgement["automatic"] or {}).get("until")]
        assert away
        assert all(datetime.fromisoformat(each.content.judgement["automatic"]["until"]) for each in away)
        assert inbox.read_mailbox(house).kinds.total() == 0


def test_what_breaks_off_goes_on_where_it_was(server, at):
    with at() as house:
        for number in range(350):
            server.inbox.add(mail(number))
        server.on("FETCH", Step(b"", when="FETCH 201,", cut=True))
        server.on("LOGIN", Step(friendly=True), Step(b"TAG NO [UNAVAILABLE] later\r\n"))
        with pytest.raises(MailboxError):
            inbox.read_mailbox(house)
        assert len(taken(house)) == 200
        server.forget_steps()
        assert inbox.read_mailbox(house).kinds.total() == 150


def test_without_a_mailbox_it_says_what_to_write(root):
    settings = root / "nurture.yaml"
    settings.write_text(settings.read_text().partition("mailbox:")[0])
    with open_house(root) as house, pytest.raises(InputError, match="names no mailbox"):
        inbox.read_mailbox(house)


KILLED = """
import os, signal, sys
from pathlib import Path
from nurture.service import inbox
from nurture.service.house import open_house
place, after = sys.argv[2], int(sys.argv[3])

def killing(function):
    calls = 0
    def called(*arguments, **more):
        nonlocal calls
        calls += 1
        if calls > after:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **more)
    return called

module, name = {"record": (inbox.inbound, "record"), "move": (inbox.inbound, "move_to"), "batch": (inbox, "_settle")}[place]
setattr(module, name, killing(getattr(module, name)))
with open_house(Path(sys.argv[1])) as house:
    inbox.read_mailbox(house)
"""


@pytest.mark.parametrize("place", ["record", "move", "batch"])
def test_a_reader_that_is_killed_loses_nothing_and_takes_nothing_twice(server, at, root, place):
    for number in range(450):
        server.inbox.add(mail(number))
    for after in (0, 1, 2):
        command = [sys.executable, "-c", KILLED, str(root), place, str(after)]
        died = subprocess.run(command, env={**os.environ, "PYTHONPATH": os.getcwd()}, capture_output=True, check=False)
        assert died.returncode == -signal.SIGKILL, died.stderr.decode()
        with at() as house:
            assert len({each.uid for each in taken(house)}) == len(taken(house))
    with at() as house:
        inbox.read_mailbox(house)
        assert [each.uid for each in taken(house)] == list(range(1, 451))
        with house.store.read() as connection:
            assert inbound.positions(connection, "hello")["INBOX"].uid == 450


def test_the_commands_read_list_and_show(server, at, root):
    def nurture(*words: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "nurture", "inbox", *words], cwd=root, capture_output=True, text=True, check=False
        )

    settings = root / "nurture.yaml"
    settings.write_text(settings.read_text().replace("kind: shared", "kind: dedicated"))
    server.inbox.add(mail(1))
    assert "1 new: 1 reply." in nurture("read").stdout
    assert nurture("read").stdout == "Nothing new.\n"
    listed = nurture("list", "--kind", "reply").stdout
    assert "Re: News 1" in listed
    number = json.loads(nurture("list", "--json").stdout)["mails"][0]["id"]
    assert "see you on Friday" in nurture("show", str(number)).stdout
    missing = nurture("show", "4711")
    assert (missing.returncode, "there is no mail 4711" in missing.stderr) == (2, True)
