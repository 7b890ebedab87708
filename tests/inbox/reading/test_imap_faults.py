"""An IMAP server that breaks off, lies, hangs or talks nonsense: nothing is lost, nothing is taken twice."""

import contextlib
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nurture.errors import MailboxError
from nurture.inbox.imap_client import Bounds
from nurture.inbox.parsing import MAX_OCTETS
from nurture.inbox.raw_mail import BATCH_OCTETS
from tests.inbox.reading.imap_reader import BEGAN, WAIT, Reader, mail
from tests.servers.scripted_imap import Folder, ScriptedImap, Step

HASTY = Bounds(connect=10, silence=0.5, command=2)
ALONE = "FETCH 2 (UID BODY"  # the second mail, asked for by itself
HEAD = "FETCH 2 (UID BODY.PEEK[HEADER]"


def three_mails(server: ScriptedImap, reader: Reader) -> None:
    reader.read(BEGAN)
    for name in ("one", "two", "three"):
        server.inbox.add(mail(name))


CUT = b"* 1 FETCH (UID 1 BODY[]<0> {5000}\r\nFrom: a"


def test_a_connection_that_breaks_in_a_mail_is_made_anew(server, reader):
    three_mails(server, reader)
    server.on("FETCH", Step(CUT, when="PEEK", cut=True))
    assert reader.read() == ["one", "two", "three"]
    assert reader.read() == []
    assert server.sessions == 2


@pytest.mark.parametrize(
    "step",
    [
        Step(CUT, cut=True),
        Step(b"TAG NO [SERVERBUG] cannot\r\n"),
        Step(b"TAG BAD what\r\n"),
        Step(b"* 2 FETCH (UID 2 BODY[]<0> {99999999999999}\r\nxx"),
        Step(b"* 2 FETCH (UID 2 BODY[]<0> {" + b"9" * 5000 + b"}\r\nxx"),
        Step(b"* 2 FETCH (UID 2 BODY[]<0> {3}\r\n" + mail("two") + b")\r\nTAG OK done\r\n"),
        Step(b"* BYE for maintenance\r\n", cut=True),
        Step(b"\x00\xff garbage\r\n"),
        Step(b"TAG OK done\r\n"),
    ],
    ids=["cut", "no", "bad", "lying length", "endless length", "short length", "bye", "garbage", "left out"],
)
def test_of_a_mail_that_never_comes_whole_the_header_is_kept(server, reader, step):
    three_mails(server, reader)
    step.always, step.when = True, "BODY.PEEK[]"
    server.on("FETCH", Step(friendly=True, when=HEAD, always=True))

    def only_the_second(line: str) -> bytes:
        return step.answer

    together = Step(only_the_second, when="FETCH 1,2,3 (UID BODY", cut=step.cut, always=True)
    server.on("FETCH", together, Step(step.answer, when=ALONE, cut=step.cut, always=True))
    one, two, three = reader.mails()
    assert (one.octets, three.octets) == (mail("one"), mail("three"))
    assert (two.octets, two.cut) == (b"From: lee@clinic.example\r\nSubject: two\r\n\r\n", True)
    assert reader.positions["INBOX"].uid == 3


def test_a_mail_of_which_nothing_comes_leaves_a_note_once_the_next_one_came(server, reader):
    reader.read(BEGAN)
    server.on("FETCH", Step(b"TAG NO broken\r\n", when="FETCH 1 (UID BODY", always=True))
    server.inbox.add(mail("broken"))
    with pytest.raises(MailboxError, match=r"UID 1 in `INBOX` cannot be read: .*NO.*broken"):
        reader.read()
    assert reader.positions["INBOX"].uid == 0, "it may be whole the next time"
    server.on("FETCH", Step(b"TAG NO broken\r\n", when="FETCH 1,2", always=True))
    server.inbox.add(mail("next"))
    broken, following = reader.mails()
    assert "broken" in broken.unreadable
    assert following.octets == mail("next")
    assert reader.positions["INBOX"].uid == 2


def test_a_server_that_is_ill_loses_nothing(server, reader):
    reader.read(BEGAN)
    for number in range(40):
        server.inbox.add(mail(f"{number}"))
    server.on("FETCH", Step(b"TAG NO [UNAVAILABLE] storage is away\r\n", when="BODY.PEEK[]", always=True))
    with pytest.raises(MailboxError, match="storage is away"):
        reader.read()
    assert reader.positions["INBOX"].uid == 0
    assert len([command for command in server.commands if "PEEK[]" in command]) <= 6, "it is not asked 40 times"
    server.forget_steps()
    assert reader.read() == [f"{number}" for number in range(40)]


def test_a_server_that_hangs_is_given_up(server, open_reader):
    reader = open_reader(bounds=HASTY)
    three_mails(server, reader)
    server.on("FETCH", Step(b"* 1 FETCH (UID 1 BODY[]<0> {5000}\r\nFrom", when="FETCH 1,2,3 (UID BODY"))
    began = time.monotonic()
    assert reader.read() == ["one", "two", "three"]
    assert time.monotonic() - began < WAIT


def test_a_server_that_goes_on_for_ever_is_given_up(server, open_reader):
    reader = open_reader(bounds=HASTY)
    three_mails(server, reader)
    end = time.monotonic() + WAIT

    def drip() -> None:
        while time.monotonic() < end:
            (connection,) = server._open
            connection.sendall(b"* 3 EXISTS\r\n")
            time.sleep(0.1)

    server.on("SEARCH", Step(during=drip))
    with pytest.raises(MailboxError, match="takes longer than 2 s"):
        reader.read()


@pytest.mark.parametrize(
    ("verb", "answer", "words"),
    [
        ("SEARCH", b"* SEARCH " + b"1 " * 500_000, "a line of more than 200,000 octets"),
        ("SEARCH", b"* 3 EXISTS\r\n" * 110_000, "answer has more than 1,200,000 octets"),
        ("LIST", b'* LIST () "/" {%d}\r\n' % 10**12, "announces 1,000,000,000,000 octets"),
        ("CONNECT", b"* OK " + b"x" * 1_000_000, "a line of more than 200,000 octets"),
    ],
    ids=["line", "lines", "literal", "greeting"],
)
def test_no_answer_takes_the_memory(server, open_reader, verb, answer, words):
    reader = open_reader(bounds=Bounds(silence=WAIT, command=WAIT, line=200_000, answer=1_200_000))
    if verb != "CONNECT":
        three_mails(server, reader)
    server.on(verb, Step(answer, always=True))
    tracemalloc.start()
    with pytest.raises(MailboxError, match=words):
        reader.read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50_000_000


def test_many_huge_mails_do_not_fill_the_memory(server, reader):
    reader.read(BEGAN)
    raw = mail("huge", size=MAX_OCTETS)
    for _ in range(30):
        server.inbox.add(raw)
    tracemalloc.start()
    count = 0
    for batch in reader.session.batches(dict(reader.positions), BEGAN):
        count += len(batch.mails)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 30
    assert peak < 40_000_000, "of 60 MB"


def test_sizes_that_the_server_makes_up_do_not_fill_the_memory(server, reader):
    reader.read(BEGAN)
    for _ in range(30):
        server.inbox.add(mail("huge", size=MAX_OCTETS))

    def small(line: str) -> bytes:
        rows = (
            b'* %d FETCH (UID %d RFC822.SIZE 10 INTERNALDATE "01-Dec-2026 12:00:00 +0000")\r\n' % (n, n)
            for n in range(1, 31)
        )
        return b"".join(rows) + b"TAG OK done\r\n"

    server.on("FETCH", Step(small, when="SIZE"))
    batches = [batch.mails for batch in reader.session.batches(dict(reader.positions), BEGAN)]
    assert sum(map(len, batches)) == 30
    assert max(sum(len(each.octets) for each in mails) for mails in batches) <= BATCH_OCTETS + MAX_OCTETS


def test_a_folder_that_is_deleted_while_it_is_read_keeps_the_others_going(server, open_reader):
    reader = open_reader("Partners", "INBOX")
    server.folders["Partners"] = Folder()
    reader.read(BEGAN)
    server.folders["Partners"].add(mail("lost"))
    server.inbox.add(mail("new"))
    server.on("FETCH", Step(during=lambda: server.folders.pop("Partners"), when="SIZE", cut=True))
    with pytest.raises(MailboxError, match="`Partners` cannot be opened"):
        reader.read()
    assert reader.positions["INBOX"].uid == 1


def test_a_folder_that_is_made_anew_while_it_is_read_is_begun_again(server, reader):
    three_mails(server, reader)
    server.on("FETCH", Step(during=lambda: server.inbox.renumber(8), when="SIZE", cut=True))
    with pytest.raises(MailboxError, match="made anew"):
        reader.read()
    assert reader.read() == ["one", "two", "three"]
    assert reader.positions["INBOX"].uid_validity == 8


def test_numbers_without_a_uidvalidity_are_not_believed(server, reader):
    reader.read(BEGAN)
    server.inbox.add(mail("new"))
    server.on("EXAMINE", Step(b"* 1 EXISTS\r\n* OK [UIDNEXT 2] .\r\nTAG OK done\r\n", always=True))
    with pytest.raises(MailboxError, match="no UIDVALIDITY"):
        reader.read()
    server.forget_steps()
    assert reader.read() == ["new"]


def test_a_mail_that_is_left_out_of_the_list_is_not_gone(server, reader):
    three_mails(server, reader)
    rows = b"* 1 FETCH (UID 1 RFC822.SIZE 9)\r\n* 3 FETCH (UID 3 RFC822.SIZE 9)\r\nTAG OK done\r\n"
    server.on("FETCH", Step(rows, when="SIZE"))
    assert reader.read() == ["one", "two", "three"]


def test_a_mail_whose_size_cannot_be_told_holds_up_nobody(server, reader):
    three_mails(server, reader)
    server.on("FETCH", Step(b"TAG NO [SERVERBUG] no size\r\n", when="SIZE"))
    assert reader.read() == ["one", "two", "three"]


@pytest.mark.parametrize("verb", ["CAPABILITY", "LIST", "EXAMINE", "SEARCH", "FETCH", "LOGIN"])
@pytest.mark.parametrize(
    "answer",
    [
        b"* CAPABILITY {3}\r\nabc\r\nTAG OK done\r\n",
        b"* BYE {3}\r\nabc\r\nTAG OK done\r\n",
        b"* SEARCH {3}\r\nabc\r\n* LIST {3}\r\nabc\r\n* FETCH {3}\r\nabc\r\nTAG OK done\r\n",
        b"* OK [UIDVALIDITY {3}\r\nabc\r\n* UIDVALIDITY {3}\r\nabc\r\n* UIDNEXT {3}\r\nabc\r\nTAG OK done\r\n",
    ],
    ids=["capability", "bye", "lists", "numbers"],
)
def test_a_literal_where_none_belongs_is_nonsense_like_any_other(server, open_reader, verb, answer):
    reader = open_reader()
    three_mails(server, reader)
    again = open_reader("INBOX", bounds=HASTY)
    again.positions = dict(reader.positions)
    server.on(verb, Step(answer, always=True))
    taken = []
    with contextlib.suppress(MailboxError):
        taken = again.read()
    server.forget_steps()
    assert taken + again.read() == ["one", "two", "three"], "no nonsense made us believe that they were gone"


_PIECES = st.sampled_from(
    [
        *(b"* ", b"TAG ", b"OK ", b"NO ", b"BYE", b"FETCH (", b"UID 1 ", b"BODY[] ", b"{3}\r\n", b"{0}\r\n", b"abc"),
        *(b")", b"\r\n", b"1 ", b"SEARCH 1 2", b"LIST () NIL x", b"[UIDVALIDITY ", b"]", b'"', b"\\", b"+ ", b"\xff"),
        *(b"CAPABILITY IMAP4rev1", b"("),
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    verb=st.sampled_from(["CONNECT", "CAPABILITY", "LOGIN", "LIST", "EXAMINE", "SEARCH", "FETCH"]),
    answer=st.lists(_PIECES | st.binary(max_size=5), max_size=25).map(b"".join),
)
def test_nonsense_is_a_mailbox_that_cannot_be_read_and_nothing_worse(monkeypatch, verb, answer):
    monkeypatch.setenv("IMAP_SECRET", "secret")
    with ScriptedImap() as server:
        reader = Reader(server, ("INBOX",), HASTY)
        three_mails(server, reader)
        reader.session.close()
        again = Reader(server, ("INBOX",), HASTY)
        again.positions = reader.positions
        server.on(verb, Step(answer, cut=True))
        try:
            again.read()
        except MailboxError:
            pass
        finally:
            again.session.close()
        assert again.positions["INBOX"].uid in (0, 1, 2, 3)
