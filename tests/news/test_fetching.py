"""A fetch is bounded whatever the server does, and dials only what was checked."""

import gzip
import ipaddress
import shutil
import socket
import ssl
import subprocess
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from nurture.errors import FeedError
from nurture.news.fetching import Limits, Network, fetch
from nurture.news.guard import is_public

LOOPBACK = ipaddress.ip_address("127.0.0.1")
QUICK = Limits(size=100_000, connect=2, read=1, total=3, redirects=3)
HERE = Network(resolve=lambda host, port: [LOOPBACK], allow=lambda address: address == LOOPBACK, limits=QUICK)


def test_a_feed_comes_with_its_validators_and_is_asked_for_by_name(feed_server) -> None:
    feed_server.replies["/feed?k=1"] = (
        200,
        {"ETag": '"v1"', "Last-Modified": "Tue, 01 Dec 2026 08:00:00 GMT"},
        b"<rss/>",
    )
    fetched = fetch(feed_server.url("/feed?k=1"), network=HERE)
    assert fetched is not None
    assert (fetched.body, fetched.etag, fetched.last_modified) == (b"<rss/>", '"v1"', "Tue, 01 Dec 2026 08:00:00 GMT")
    _, headers = feed_server.requests[0]
    assert headers["host"] == f"feeds.example:{feed_server.port}"
    assert "if-none-match" not in headers


def test_an_unchanged_feed_is_not_sent_again(feed_server) -> None:
    feed_server.replies["/feed"] = (304, {}, b"")
    assert fetch(feed_server.url("/feed"), etag='"v1"', last_modified="yesterday", network=HERE) is None
    _, headers = feed_server.requests[0]
    assert (headers["if-none-match"], headers["if-modified-since"]) == ('"v1"', "yesterday")


def test_redirects_are_followed_to_the_end(feed_server) -> None:
    feed_server.replies["/a"] = (301, {"Location": "/b/c"}, b"")
    feed_server.replies["/b/c"] = (302, {"Location": "d?x=%C3%A4"}, b"")
    feed_server.replies["/b/d?x=%C3%A4"] = (200, {}, b"<rss/>")
    fetched = fetch(feed_server.url("/a"), network=HERE)
    assert fetched is not None
    assert fetched.url == feed_server.url("/b/d?x=%C3%A4")


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("/loop", "more than 3 redirects"),
        ("file:///etc/passwd", "only http:// and https://"),
        ("ftp://x.example/feed", "only http:// and https://"),
        ("http://user:secret@x.example/", "user name or password"),
        ("http://inside.example/", "inside.example is at 10.0.0.1, which is not a public address"),
        ("http://169.254.169.254/latest/meta-data", "not a public address"),
        ("http://[::ffff:127.0.0.1]/", "not a public address"),
        ("http://x.example:99999/", "not valid"),
    ],
)
def test_redirects_lead_nowhere_bad(feed_server, location: str, words: str) -> None:
    names = {"feeds.example": "127.0.0.1", "inside.example": "10.0.0.1"}
    network = Network(
        resolve=lambda host, port: [ipaddress.ip_address(names.get(host, host))], allow=HERE.allow, limits=QUICK
    )
    feed_server.replies["/loop"] = (302, {"Location": location}, b"")
    with pytest.raises(FeedError, match=words) as found:
        fetch(feed_server.url("/loop"), network=network)
    assert "secret" not in str(found.value)


def test_one_private_answer_among_public_ones_is_enough_to_refuse(feed_server) -> None:
    answers = [ipaddress.ip_address("93.184.215.14"), LOOPBACK]
    network = Network(resolve=lambda host, port: answers, allow=is_public, limits=QUICK)
    with pytest.raises(FeedError, match=r"127\.0\.0\.1, which is not a public"):
        fetch(feed_server.url("/feed"), network=network)
    assert feed_server.requests == []


def test_a_name_is_resolved_once_and_the_checked_address_dialed(feed_server) -> None:
    feed_server.replies["/feed"] = (200, {}, b"<rss/>")
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
        asked.append(host)
        return [LOOPBACK if len(asked) == 1 else ipaddress.ip_address("10.0.0.1")]

    assert fetch(feed_server.url("/feed"), network=Network(rebinding, HERE.allow, QUICK)) is not None
    assert asked == ["feeds.example"]


@pytest.mark.parametrize("url", ["http://localhost/", "http://127.0.0.1:1/", "http://2130706433/", "http://[::1]/"])
def test_this_machine_is_refused_by_default(url: str) -> None:
    with pytest.raises(FeedError, match="not a public address"):
        fetch(url)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "gopher://x.example/", "x.example/feed", "http://", "http://x:0/"]
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(FeedError, match=r"only http|not valid"):
        fetch(url, network=HERE)


LARGE = bytes(200_000)


@pytest.mark.parametrize(
    ("headers", "body", "words"),
    [
        ({}, LARGE, "larger than 0.1 MB"),
        ({"Content-Length": "99999999999"}, b"x", "larger than"),
        ({"Content-Encoding": "gzip"}, gzip.compress(bytes(50_000_000)), "larger than"),
        ({"Content-Encoding": "deflate"}, zlib.compress(bytes(50_000_000)), "larger than"),
        ({"Content-Encoding": "gzip"}, b"this is not gzip", "cannot be unpacked"),
        ({"Content-Length": "12x"}, b"x", "failed"),
        ({"Content-Encoding": "br"}, b"x", "not asked for"),
    ],
)
def test_a_body_is_bounded_also_when_it_is_packed(feed_server, headers, body: bytes, words: str) -> None:
    feed_server.replies["/feed"] = (200, headers, body)
    with pytest.raises(FeedError, match=words):
        fetch(feed_server.url("/feed"), network=HERE)


def test_a_packed_feed_is_unpacked(feed_server) -> None:
    feed_server.replies["/feed"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(b"<rss/>" * 1000))
    fetched = fetch(feed_server.url("/feed"), network=HERE)
    assert fetched is not None
    assert fetched.body == b"<rss/>" * 1000


@pytest.mark.parametrize("status", [204, 403, 404, 500])
def test_other_answers_are_named(feed_server, status: int) -> None:
    feed_server.replies["/feed?token=secret"] = (status, {}, b"")
    with pytest.raises(FeedError, match=f"feeds.example answers {status}") as found:
        fetch(feed_server.url("/feed?token=secret"), network=HERE)
    assert "secret" not in str(found.value)


def serve_raw(talk: Callable[[socket.socket], None]) -> int:
    """A server for one connection that says what `talk` says; returns its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    port: int = listening.getsockname()[1]

    def serve() -> None:
        with listening:
            connection, _ = listening.accept()
            with connection:
                try:
                    talk(connection)
                except OSError:
                    return

    threading.Thread(target=serve, daemon=True).start()
    return port


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(100):  # each byte well within the read timeout
        connection.sendall(f"X-{number}: x\r\n".encode())
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (lambda connection: connection.recv(1) and time.sleep(10), "too slow"),
        (drip, "too slow"),
        (lambda connection: connection.recv(9999) and connection.sendall(b"SSH-2.0-x\r\n"), "failed"),
        (lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"), "failed"),
        (lambda connection: connection.recv(9999), "failed"),
    ],
    ids=["silent", "a byte now and then", "another protocol", "half", "closed"],
)
def test_a_server_that_does_not_play_along(talk, words: str) -> None:
    started = time.monotonic()
    with pytest.raises(FeedError, match=words):
        fetch(f"http://feeds.example:{serve_raw(talk)}/", network=HERE)
    assert time.monotonic() - started < QUICK.total + 2


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(FeedError, match=r"connection to feeds\.example failed"):
        fetch(f"http://feeds.example:{port}/", network=HERE)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    openssl = shutil.which("openssl")
    assert openssl, "the tests need the openssl command"
    folder = tmp_path_factory.mktemp("tls")
    key, chain = folder / "key.pem", folder / "chain.pem"
    command = f"{openssl} req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=feeds.example"
    command += f" -addext subjectAltName=DNS:feeds.example -keyout {key} -out {chain}"
    subprocess.run(command.split(), check=True, capture_output=True)
    return key, chain


@pytest.mark.parametrize(("host", "accepted"), [("feeds.example", True), ("other.example", False)])
def test_over_tls_the_name_is_verified_though_an_address_is_dialed(certificate, host: str, accepted: bool) -> None:
    key, chain = certificate
    names: list[str | None] = []
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, key)
    server.sni_callback = lambda _socket, name, _context: names.append(name)

    def talk(connection: socket.socket) -> None:
        with server.wrap_socket(connection, server_side=True) as secured:
            secured.recv(9999)
            secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<rss/>")

    trusting = ssl.create_default_context(cafile=chain)
    network = Network(HERE.resolve, HERE.allow, QUICK, ssl_context=trusting)
    url = f"https://{host}:{serve_raw(talk)}/"
    if accepted:
        fetched = fetch(url, network=network)
        assert fetched is not None
        assert fetched.body == b"<rss/>"
    else:
        with pytest.raises(FeedError, match="certificate"):
            fetch(url, network=network)
    assert names == [host]
