"""Strangers on the socket: slow ones are cut, many of them keep nobody out, long ones are refused."""

import contextlib
import socket
import time

import pytest

from nurture.errors import WebError
from nurture.web.answers import LONGEST_BODY
from nurture.web.server import Bounds, serve
from tests.web.conftest import FORM, ONE_CLICK, Desk


def closed_after(connection: socket.socket) -> float:
    """Seconds until the other side closes."""
    began = time.monotonic()
    connection.settimeout(30)
    try:
        while connection.recv(4096):
            pass
    except ConnectionError:
        pass
    return time.monotonic() - began


@pytest.mark.parametrize(
    "start", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"]
)
def test_who_is_slow_is_cut(desk: Desk, start: bytes) -> None:
    server = desk.serve(Bounds(lifetime=0.5))
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(start)
        assert closed_after(connection) < 20


def test_idle_connections_keep_nobody_out(desk: Desk) -> None:
    server = desk.serve(Bounds(connections=10))
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(40)]
    try:
        for number in range(3):
            answer = desk.ask(f"/u/{desk.token(number)}", "POST", ONE_CLICK, port=server.port, Content_Type=FORM)
            assert answer.status == 200
        assert len(desk.left()) == 3
        assert closed_after(idle[0]) < 10  # the oldest had to go, long before its time was over
    finally:
        for connection in idle:
            connection.close()


def test_a_connection_serves_one_request(desk: Desk) -> None:
    request = f"GET /u/{desk.token()} HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", desk.server.port)) as connection:
        connection.sendall(request)
        assert closed_after(connection) < 10
    assert desk.see().headers["connection"] == "close"


def test_a_body_has_an_end(desk: Desk) -> None:
    assert desk.post(body=ONE_CLICK + b" " * LONGEST_BODY).status == 413
    assert desk.left() == []


@pytest.mark.parametrize("request_", [b"\0\0\0", b"GET\r\n\r\n", b"POST /u/x HTTP/9.9\r\n\r\n", b"A" * 100_000])
def test_garbage_is_refused_and_others_are_served(desk: Desk, request_: bytes) -> None:
    with socket.create_connection(("127.0.0.1", desk.server.port)) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(request_)
        assert closed_after(connection) < 20
    assert desk.see().status == 200


def test_a_taken_port_is_told(desk: Desk) -> None:
    with pytest.raises(WebError, match=r"cannot be served on 127\.0\.0\.1:\d+: .*web\.port in nurture\.yaml"):
        serve(lambda *_: None, host="127.0.0.1", port=desk.server.port)  # type: ignore[arg-type, return-value]
