"""A door to PostgreSQL that is slammed at a chosen COMMIT: before the server reads it, or before its answer is read.

It speaks as much of the protocol as that needs: PostgreSQL 15, 55.7 (message formats).
"""

import contextlib
import shutil
import socket
import struct
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

import sqlalchemy as sa

_SOCKET = ".s.PGSQL.5432"


class PostgresProxy:
    """Use it as a context manager; ``url`` leads through it. ``slammed`` tells whether the chosen COMMIT came."""

    def __init__(self, url: str) -> None:
        self._upstream = sa.make_url(url)
        # short: the path of a socket has at most 107 bytes (unix(7))
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._folder / _SOCKET))
        self._listener.listen()
        self._lock = threading.Lock()
        self._left = 0
        self._arrives = False
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.commits = 0
        self.slammed = False
        self._is_done = threading.Event()  # the server has ended a session
        own = self._upstream.set(host=None, port=None).update_query_dict({"host": str(self._folder), "port": "5432"})
        self.url = own.render_as_string(hide_password=False)

    def slam_at(self, nth: int, *, arrives: bool) -> None:
        """Cut the ``nth`` COMMIT from now on; ``arrives``: the server has done it, only its answer is lost."""
        with self._lock:
            self._left, self._arrives, self.commits = nth, arrives, 0

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            listening = [self._listener, *self._open]
        for each in listening:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=5)
        self._listener.close()
        shutil.rmtree(self._folder)

    def _start(self, work: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was shut
            while True:
                client, _ = self._listener.accept()
                server = self._connect()
                with self._lock:
                    self._open |= {client, server}
                self._start(self._requests, client, server)
                self._start(self._answers, client, server)

    def _connect(self) -> socket.socket:
        host = str(self._upstream.query.get("host") or self._upstream.host or "127.0.0.1")
        port = int(str(self._upstream.query.get("port") or self._upstream.port or 5432))
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError), client, server:
            server.sendall(_message(client, has_kind=False))
            while message := _message(client, has_kind=True):
                if message[5:] != b"COMMIT\0" or not self._is_chosen():
                    server.sendall(message)
                    continue
                self.slammed = True
                # the other direction is shut first, so that no answer gets through
                client.shutdown(socket.SHUT_RDWR)
                if self._arrives:
                    self._is_done.clear()
                    server.sendall(message + b"X\0\0\0\4")  # 55.2.9: it ends the session when the COMMIT is done
                    self._is_done.wait(10)
                else:
                    server.shutdown(socket.SHUT_RDWR)  # closing alone would not end it: the other thread reads from it
                return

    def _answers(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                with contextlib.suppress(BrokenPipeError):  # after a slam the answer goes nowhere
                    client.sendall(data)
            self._is_done.set()
            client.shutdown(socket.SHUT_RDWR)

    def _is_chosen(self) -> bool:
        with self._lock:
            self.commits += 1
            self._left -= 1
            return self._left == 0


def _message(source: socket.socket, *, has_kind: bool) -> bytes:
    """One whole message; empty at the end."""
    head = _exactly(source, 5 if has_kind else 4)
    if not head:
        return b""
    (length,) = struct.unpack("!I", head[-4:])
    return head + _exactly(source, length - 4)


def _exactly(source: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = source.recv(size - len(found))
        if not piece:
            return b""
        found += piece
    return found
