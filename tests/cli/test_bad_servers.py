"""Servers that refuse, fall silent or lie: what a person at the command line is told, and the exit code."""

import contextlib
import gzip
import ipaddress
import time

import pytest

from nurture.clock import SystemClock
from nurture.delivery.connection import Timeouts
from nurture.delivery.worker import Worker
from nurture.news.feeds import fetch_feeds
from nurture.news.fetching import Limits, Network
from nurture.service.house import open_house
from nurture.store import meta
from nurture.vocabulary import Mode
from tests.servers.certificates import make_certificate
from tests.servers.feed_server import serve_feeds
from tests.servers.scripted_smtp import ScriptedSmtp, Step

PASSWORD = "correct-horse-canary"
LOGIN = ("me", PASSWORD)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def live(clinic):
    """A clinic whose mail goes to real servers, with two people to write to."""
    clinic.open_all_week()
    clinic.import_contacts()
    with open_house(clinic.root) as house, house.store.write() as connection:
        meta.set_mode(connection, Mode.LIVE, SystemClock().now())
    clinic.environment["NURTURE_SMTP_PASSWORD"] = PASSWORD
    return clinic


def use(clinic, port, **smtp):
    account = {"host": "127.0.0.1", "port": port, "username": "me", "password": "env:NURTURE_SMTP_PASSWORD", **smtp}
    written = ", ".join(f"{key}: {value}" for key, value in account.items() if value is not None)
    clinic.change("nurture.yaml", "    # smtp:", f"    smtp: {{{written}}}\n    # smtp:")


# (what is wrong, the server, its steps, the account, words of the message)
BAD_SERVERS = [
    ("it refuses the connection", {}, {"CONNECT": Step("554 5.7.1 go away")}, {}, ["554 5.7.1 go away"]),
    ("it is silent", {}, {"CONNECT": Step(None)}, {}, ["127.0.0.1:"]),
    ("it has no TLS", {"login": LOGIN}, {}, {}, ["offers no TLS"]),
    ("its certificate is a stranger's", {"login": LOGIN, "certificate": True}, {}, {}, ["certificate of 127.0.0.1", "does not hold"]),
    ("it refuses the password", {"login": ("me", "another"), "certificate": True}, {}, {"ca_file": True}, ["login", "127.0.0.1:"]),
    ("it hangs up", {}, {"CONNECT": Step(None, cut=True)}, {}, ["127.0.0.1:"]),
    ("it speaks no SMTP", {}, {"CONNECT": Step("HTTP/1.1 200 \x1b[31mOK")}, {}, ["127.0.0.1:"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("server", "steps", "account", "words"), [row[1:] for row in BAD_SERVERS], ids=[row[0] for row in BAD_SERVERS]
)
def test_a_bad_mail_server_is_told_and_sends_nothing(live, certificate, monkeypatch, server, steps, account, words):
    quick = Timeouts(greeting=1, command=1, data=1, body=1, quit=1)
    monkeypatch.setattr(Worker.__init__, "__kwdefaults__", {**Worker.__init__.__kwdefaults__, "timeouts": quick})
    if server.get("certificate"):
        server = {**server, "certificate": certificate}
    with ScriptedSmtp(**server) as running:
        for command, step in steps.items():
            step.always = True
            running.on(command, step)
        use(live, running.port, **({"ca_file": certificate.authority} if account.get("ca_file") else {}))
        sent = live.run("send", "partner-news", "--yes")
        status = live.run("status")
        assert running.mails == []
    for ran in (sent, status):
        assert ran.code == 1, ran
        for word in words:
            assert word in ran.said
        assert "canary" not in ran.said
        assert "\x1b" not in ran.said


def test_nobody_listens(live):
    use(live, 1)
    sent = live.run("send", "partner-news", "--yes")
    assert sent.code == 1
    assert "127.0.0.1:1" in sent.said


def test_mails_without_an_answer_are_told_with_the_command_that_decides(live):
    with ScriptedSmtp().on("BODY", Step(None, cut=True, always=True)) as running:
        use(live, running.port, tls="none", username=None, password=None)
        sent = live.run("send", "partner-news", "--yes")
    assert sent.code == 1
    assert "2 may or may not have arrived: nurture uncertain list" in sent.said


def test_refused_mails_are_told_with_where_to_see_them(live):
    with ScriptedSmtp().on("RCPT", Step("550 5.1.1 unknown", always=True)) as running:
        use(live, running.port, tls="none", username=None, password=None)
        sent = live.run("send", "partner-news", "--yes")
    assert sent.code == 0
    assert "2 failed: nurture log --edition partner-news@" in sent.said


# --- feeds --------------------------------------------------------------------

GOOD = (
    b"<rss version='2.0'><channel><title>W</title><item><guid>1</guid><title>Walk more</title></item></channel></rss>"
)
BOMB = b'<!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>' + GOOD.replace(b"Walk more", b"&b;")


def drip(handler):
    """A byte now and then, and never an end."""
    handler.send_response(200)
    handler.end_headers()
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.1)


# (what is wrong, the answer, words of the message)
BAD_FEEDS = [
    ("10 MB", (200, {}, GOOD + b" " * 10_000_000), ["larger than 5 MB"]),
    ("10 MB, packed small", (200, {"Content-Encoding": "gzip"}, gzip.compress(GOOD + b" " * 10_000_000)), ["larger than 5 MB"]),
    ("garbage", (200, {}, b"\x00\x1b[31m\xff" * 1000), ["not well-formed"]),
    ("packed garbage", (200, {"Content-Encoding": "gzip"}, b"\x1b[31m" * 1000), ["unpacked"]),
    ("a web page", (200, {}, b"<html><body>Hello</html>"), ["web page"]),
    ("entities that multiply", (200, {}, BOMB), ["entities"]),
    ("elements without end", (200, {}, b"<rss>" * 5_000), ["nested deeper"]),
    ("a redirect to a private address", (302, {"Location": "http://inside.example/"}, b""), ["inside.example is at 10.0.0.7", "not a public address"]),
    ("a redirect to another kind of address", (302, {"Location": "file:///etc/passwd"}, b""), ["only http:// and https://"]),
    ("a redirect to itself", (302, {"Location": "/feed?key=canary"}, b""), ["redirects"]),
    ("an error", (500, {}, b""), ["answers 500"]),
    ("a drip", drip, ["too slow"]),
]  # fmt: skip


@pytest.fixture
def reader(clinic, monkeypatch):
    """A clinic whose feeds come from a server on this machine; `inside.example` is in its private network."""
    addresses = {"inside.example": ipaddress.ip_address("10.0.0.7")}
    here = ipaddress.ip_address("127.0.0.1")
    network = Network(
        lambda host, port: [addresses.get(host, here)], lambda address: address == here, Limits(total=1.5, read=1)
    )
    monkeypatch.setitem(fetch_feeds.__kwdefaults__, "network", network)
    with serve_feeds() as server:
        server.replies["/good"] = (200, {}, GOOD)
        settings = (clinic.root / "nurture.yaml").read_text(encoding="utf-8")
        feeds = (
            f"feeds:\n  bad: {{url: '{server.url('/feed')}?key=canary'}}\n  good: {{url: '{server.url('/good')}'}}\n"
        )
        clinic.write("nurture.yaml", settings + feeds)
        clinic.server = server
        yield clinic


@pytest.mark.parametrize(("answer", "words"), [row[1:] for row in BAD_FEEDS], ids=[row[0] for row in BAD_FEEDS])
def test_a_bad_feed_is_told_and_stops_no_other(reader, answer, words):
    reader.server.replies["/feed?key=canary"] = answer
    fetched = reader.run("news", "fetch")
    assert fetched.code == 1
    listed = reader.run("news")
    status = reader.run("status")
    assert status.code == 1
    for ran in (fetched, listed, status):
        assert "bad" in ran.said
        for word in words:
            assert word in ran.said
        assert "canary" not in ran.said
        assert "\x1b" not in ran.said
    assert "good: 1 new of 1" in fetched.said
    assert "Walk more" in listed.said


def test_a_feed_on_this_machine_is_refused(clinic):
    settings = (clinic.root / "nurture.yaml").read_text(encoding="utf-8")
    for url in (
        "http://127.0.0.1:1/",
        "http://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/latest",
        "http://2130706433/",
    ):
        clinic.write("nurture.yaml", f"{settings}feeds:\n  bad: {{url: '{url}'}}\n")
        ran = clinic.run("news", "fetch")
        assert ran.code == 1, ran
        assert "not a public address" in ran.said


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("news/feed.xml", b"garbage", ["not well-formed"]),
        ("news/feed.xml", b" " * 10_000_000, ["larger than 5 MB"]),
        ("../outside.xml", GOOD, ["nurture.yaml:", "out of the workspace"]),
        ("news/missing.xml", None, ["nurture.yaml:", "no file"]),
    ],
    ids=["garbage", "10 MB", "outside", "missing"],
)
def test_a_bad_feed_in_a_file(clinic, file, content, words):
    if content is not None:
        clinic.write(file, content)
    settings = (clinic.root / "nurture.yaml").read_text(encoding="utf-8")
    clinic.write("nurture.yaml", f"{settings}feeds:\n  bad: {{file: {file}}}\n")
    ran = clinic.run("news", "fetch")
    assert ran.code == 1, ran
    for word in words:
        assert word in ran.said
