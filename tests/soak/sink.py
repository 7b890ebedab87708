"""A fast mail server on loopback that knows the truth: which mails it took, and which of them it said yes to.

What happens at each stage of a session is decided by ``decide`` (`faults`).
It never waits where nobody asks it to, so a worker runs at its full speed.
"""

import contextlib
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^>\r\n]+>)", re.IGNORECASE | re.MULTILINE)


class Stage(StrEnum):
    """Where a session stands, as the server sees it."""

    GREETING = "greeting"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"  # the 354
    HALF = "half"  # a part of the body is here
    BODY = "body"  # the whole body is here, nothing was answered
    ANSWERED = "answered"  # the yes is out


@dataclass(frozen=True)
class Act:
    """What to do: something ``before`` the reply, wait, reply (None: the friendly one), something ``after``, cut.

    ``keep`` says whether a body is taken that gets no 2xx.
    """

    reply: str | None = None
    delay: float = 0
    cut: bool = False  # an orderly end (FIN); what was said before is read
    reset: bool = False  # RST; it may destroy what was said before
    keep: bool = True
    silent: bool = False  # no reply
    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None


FRIENDLY = Act()
Decide = Callable[[Stage], Act]


def be_friendly(_: Stage) -> Act:
    """Take everything."""
    return FRIENDLY


_REPLIES = {
    Stage.GREETING: "220 sink.example ESMTP",
    Stage.MAIL: "250 2.1.0 ok",
    Stage.RCPT: "250 2.1.5 ok",
    Stage.DATA: "354 go ahead",
    Stage.BODY: "250 2.0.0 taken",
}


class _GoneError(Exception):
    """The session is over."""


class Sink:
    """The server; use it as a context manager.

    ``taken`` counts each Message-ID that it has in its keeping, ``in_doubt`` how often a
    client could not know: it cut the line after a 354 and before its answer could be read.
    """

    def __init__(self, decide: Decide = be_friendly) -> None:
        self.taken: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.in_doubt = 0
        self.sessions = 0
        self.decide = decide
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._open: set[socket.socket] = set()
        self._closing = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            self._accepting.join()  # closing alone would not wake it
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.drain()

    def drain(self, seconds: float = 30) -> None:
        """Wait until every session is over: what a dead client had handed to the system is read too."""
        with self._idle:
            if not self._idle.wait_for(lambda: not self._open, timeout=seconds):
                raise AssertionError(f"{len(self._open)} sessions did not end")

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._closing:
                connection.close()
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open.add(connection)
                self.sessions += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            _Session(self, connection).run()
        except (_GoneError, OSError):
            pass
        finally:
            connection.close()
            with self._idle:
                self._open.discard(connection)
                self._idle.notify_all()

    def choose(self, stage: Stage) -> Act:
        """What to do now; one session at a time asks."""
        with self._lock:
            return self.decide(stage)

    def take(self, message_id: str) -> None:
        """A body is in our keeping."""
        with self._lock:
            self.taken[message_id] += 1

    def said_yes(self, message_id: str) -> None:
        """Its 2xx is in the system's hands."""
        with self._lock:
            self.answered[message_id] += 1

    def doubt(self) -> None:
        """The client cannot know what became of its body."""
        with self._lock:
            self.in_doubt += 1


class _Session:
    def __init__(self, sink: Sink, connection: socket.socket) -> None:
        self._sink = sink
        self._connection = connection
        self._buffer = b""
        self._recipients = 0
        self._has_sender = False

    def run(self) -> None:
        self._perform(Stage.GREETING)
        while True:
            verb = self._until(b"\r\n")[:4].upper()
            if verb == b"EHLO":
                self._say("250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES")
            elif verb == b"MAIL":
                self._recipients = 0
                self._has_sender = self._perform(Stage.MAIL)
            elif verb == b"RCPT":
                if self._has_sender:
                    self._recipients += self._perform(Stage.RCPT)
                else:
                    self._say("503 5.5.1 MAIL first")
            elif verb == b"DATA":
                self._data()
            elif verb == b"RSET":
                self._recipients, self._has_sender = 0, False
                self._say("250 2.0.0 reset")
            elif verb == b"QUIT":
                self._say("221 2.0.0 bye")
                raise _GoneError
            else:
                self._say("500 5.5.1 what?")

    def _data(self) -> None:
        if not self._recipients:
            self._say("503 5.5.1 no valid recipients")
            return
        self._recipients, self._has_sender = 0, False
        if not self._perform(Stage.DATA):
            return
        self._half()
        raw = self._until(b"\r\n.\r\n")
        found = MESSAGE_ID.search(raw)
        message_id = found[1].decode() if found else "none"
        act = self._sink.choose(Stage.BODY)
        says_yes = not act.silent and (act.reply or "2").startswith("2")
        if says_yes or (act.silent and act.keep):
            self._sink.take(message_id)
        if not says_yes and (act.silent or act.reply is None):
            self._sink.doubt()
        self._do(act, _REPLIES[Stage.BODY])
        if says_yes:
            self._sink.said_yes(message_id)
            act = self._sink.choose(Stage.ANSWERED)
            if act.reset:
                self._sink.doubt()
            self._do(Act(**{**act.__dict__, "silent": True}), "")

    def _half(self) -> None:
        """Some of the body is here; what else is on its way would still have to be read."""
        if not self._buffer:
            self._receive()
        act = self._sink.choose(Stage.HALF)
        if act.cut or act.reset:
            self._sink.doubt()
            self._buffer = b""
        self._do(Act(**{**act.__dict__, "silent": True}), "")

    def _perform(self, stage: Stage) -> bool:
        """Reply at a stage; whether it was a yes."""
        act = self._sink.choose(stage)
        self._do(act, _REPLIES[stage])
        return not act.silent and (act.reply is None or act.reply[0] in "23")

    def _do(self, act: Act, friendly: str) -> None:
        if act.before is not None:
            act.before()
        if act.delay:
            time.sleep(act.delay)
        if not act.silent:
            self._say(act.reply or friendly)
        if act.after is not None:
            act.after()
        if act.reset:
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise _GoneError
        if act.cut:
            self._connection.shutdown(socket.SHUT_WR)
            self._connection.settimeout(10)
            while self._connection.recv(65536):  # closing with bytes unread would be a reset
                pass
            raise _GoneError

    def _say(self, words: str) -> None:
        self._connection.sendall(words.encode() + b"\r\n")

    def _until(self, end: bytes) -> bytes:
        searched = 0
        while (at := self._buffer.find(end, searched)) < 0:
            searched = max(0, len(self._buffer) - len(end) + 1)
            self._receive()
        found, self._buffer = self._buffer[:at], self._buffer[at + len(end) :]
        return found

    def _receive(self) -> None:
        piece = self._connection.recv(262144)
        if not piece:
            raise _GoneError
        self._buffer += piece
