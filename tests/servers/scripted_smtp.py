"""An SMTP server on a real socket that does to each command exactly what a test says.

Commands: CONNECT (the greeting), EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, BODY
(the dot), RSET, QUIT. Without a step a command gets the friendly answer.
"""

import base64
import contextlib
import re
import socket
import ssl
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from typing import Self

from tests.servers.certificates import Certificate

FRIENDLY = {
    "CONNECT": "220 scripted.example ESMTP",
    "HELO": "250 scripted.example",
    "MAIL": "250 2.1.0 sender ok",
    "RCPT": "250 2.1.5 recipient ok",
    "DATA": "354 go ahead",
    "BODY": "250 2.0.0 queued as TEST",
    "RSET": "250 2.0.0 reset",
    "QUIT": "221 2.0.0 bye",
    "STARTTLS": "220 2.0.0 ready",
    "NOOP": "250 2.0.0 ok",
}


@dataclass
class Step:
    """What to do with one command: wait, answer, then cut (FIN) or reset (RST) the connection.

    ``answer`` may have several lines, or be made from the command; None says nothing. ``drip`` sends it byte
    by byte, with ``pace`` seconds between them. ``keep`` tells whether a body that gets no 2xx is kept all the same.
    ``during`` runs before the answer. ``when`` must stand in the command line.
    """

    answer: str | bytes | Callable[[str], str] | None = None
    wait: threading.Event | None = None
    drip: bool = False
    pace: float = 0
    cut: bool = False
    reset: bool = False
    keep: bool = False
    always: bool = False
    when: str = ""
    during: Callable[[], object] | None = None


@dataclass
class Mail:
    """A body that the server has taken into its keeping."""

    envelope_from: str
    envelope_to: str
    raw: bytes


@dataclass
class _Session:
    connection: socket.socket
    buffer: bytes = b""
    envelope_from: str = ""
    recipients: list[str] = field(default_factory=list)
    secure: bool = False


class _GoneError(Exception):
    pass


class ScriptedSmtp:
    """The server; use it as a context manager. ``mails`` is the truth about what it took."""

    def __init__(
        self,
        *,
        certificate: Certificate | None = None,
        implicit_tls: bool = False,
        login: tuple[str, str] | None = None,
        methods: str = "PLAIN LOGIN",
        tokens: Container[str] | None = None,
        extensions: tuple[str, ...] = ("PIPELINING", "SIZE 10485760", "ENHANCEDSTATUSCODES"),
    ) -> None:
        self.mails: list[Mail] = []
        self.commands: list[str] = []
        self.sessions = 0
        self._login = login
        self._tokens = tokens  # access tokens that XOAUTH2 takes
        self._methods = methods
        self._extensions = extensions
        self._implicit = implicit_tls
        self._context = None
        if certificate is not None:
            self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._context.load_cert_chain(certificate.certificate, certificate.key)
        self._steps: dict[str, list[Step]] = defaultdict(list)
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._closing = False
        self.port = self._listener.getsockname()[1]

    def on(self, command: str, *steps: Step) -> Self:
        """Add steps for a command; each serves once, in order, unless it is ``always``."""
        with self._lock:
            self._steps[command].extend(steps)
        return self

    def forget_steps(self) -> None:
        """Be friendly from now on."""
        with self._lock:
            self._steps.clear()

    def recipients(self) -> list[str]:
        """The recipients of all mails that were taken, in order."""
        return [mail.envelope_to for mail in self.mails]

    def __enter__(self) -> Self:
        self._accepting = self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        # wakes the accepting thread; closing alone would not
        with socket.create_connection(("127.0.0.1", self.port)):
            self._accepting.join()
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads from it
            for steps in self._steps.values():
                for step in steps:
                    if step.wait:
                        step.wait.set()
        for thread in self._threads:
            thread.join(timeout=5)

    def _start(self, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            # answers that follow each other wait for no ACK
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._closing:
                connection.close()
                return
            with self._lock:
                self._open.add(connection)
                self.sessions += 1
            self._start(lambda taken=connection: self._serve(taken))

    def _serve(self, connection: socket.socket) -> None:
        session = _Session(connection)
        try:
            if self._implicit:
                self._secure(session)
            self._answer(session, "CONNECT", "")
            while True:
                line = self._line(session)
                self._command(session, line)
        except (_GoneError, OSError):
            pass
        finally:
            session.connection.close()
            connection.close()

    def _command(self, session: _Session, line: str) -> None:
        verb = line.split(" ", 1)[0].upper()
        with self._lock:
            self.commands.append(line)
        if verb == "EHLO":
            self._answer(session, "EHLO", line, self._greeting(session))
        elif verb == "STARTTLS":
            self._answer(session, verb, line)
            self._secure(session)
        elif verb == "AUTH":
            self._authenticate(session, line)
        elif verb == "DATA":
            nobody = "" if session.recipients else "503 5.5.1 no valid recipients"
            if self._answer(session, verb, line, nobody).startswith("354"):
                self._body(session)
        else:
            friendly = FRIENDLY.get(verb, "500 5.5.1 what?")
            if verb == "RCPT" and not session.envelope_from:
                friendly = "503 5.5.1 MAIL first"
            said = self._answer(session, verb, line, friendly)
            if said.startswith("2") and verb == "MAIL":
                session.envelope_from, session.recipients = line.split("<")[1].split(">")[0], []
            if said.startswith("2") and verb == "RCPT":
                session.recipients.append(line.split("<")[1].split(">")[0])
            if said.startswith("2") and verb == "RSET":
                session.envelope_from, session.recipients = "", []
            if verb == "QUIT":
                raise _GoneError

    def _greeting(self, session: _Session) -> str:
        words = ["scripted.example", *self._extensions]
        if self._context is not None and not session.secure:
            words.append("STARTTLS")
        if self._login or self._tokens is not None:
            words.append(f"AUTH {'XOAUTH2' if self._tokens is not None else self._methods}")
        return "\n".join(f"250{'-' if number < len(words) - 1 else ' '}{word}" for number, word in enumerate(words))

    def _authenticate(self, session: _Session, line: str) -> None:
        user, password = self._login or ("", "")
        words = line.split(" ")
        if words[1].upper() == "XOAUTH2":
            self._check_token(session, line, words[2])
            return
        if words[1].upper() == "PLAIN":
            given = base64.b64decode(words[2]).decode().split("\0")[1:]
        else:
            first = base64.b64decode(words[2]).decode()
            self._send(session, b"334 UGFzc3dvcmQ6\r\n", drip=False)
            given = [first, base64.b64decode(self._line(session)).decode()]
        good = given == [user, password]
        self._answer(session, "AUTH", line, "235 2.7.0 welcome" if good else "535 5.7.8 bad username or password")

    def _check_token(self, session: _Session, line: str, response: str) -> None:
        user, bearer, *_ = base64.b64decode(response).decode().split("\1")
        assert user.startswith("user=")
        if bearer.removeprefix("auth=Bearer ") in (self._tokens or ()):
            self._answer(session, "AUTH", line, "235 2.7.0 Accepted")
            return
        challenge = base64.b64encode(b'{"status":"400","schemes":"Bearer","scope":"mail"}').decode()
        self._send(session, f"334 {challenge}\r\n".encode(), drip=False)
        last = self._line(session)
        with self._lock:
            self.commands.append(f"AUTH ends with {last!r}")
        self._answer(session, "AUTH", line, "535 5.7.8 Username and Password not accepted")

    def _body(self, session: _Session) -> None:
        lines = []
        while (line := self._raw_line(session)) != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        if not session.recipients:  # a 354 all the same (RFC 2920 3.1)
            self._send(session, b"554 5.5.1 no valid recipients\r\n", drip=False)
            return
        with self._lock:
            step = self._next("BODY", session.recipients[-1])
        mail = Mail(session.envelope_from, session.recipients[-1], b"".join(lines))
        session.envelope_from, session.recipients = "", []
        taken = step.keep if step else True
        if step and isinstance(step.answer, str) and re.match(r"2\d\d[ -]", step.answer):
            taken = True
        if taken:
            with self._lock:
                self.mails.append(mail)
        self._perform(session, step or Step(FRIENDLY["BODY"]))

    def _answer(self, session: _Session, command: str, line: str, friendly: str = "") -> str:
        with self._lock:
            step = self._next(command, line)
        step = step or Step(friendly or FRIENDLY[command])
        if callable(step.answer):
            step = replace(step, answer=step.answer(line))
        self._perform(session, step)
        return step.answer if isinstance(step.answer, str) else ""

    def _next(self, command: str, line: str) -> Step | None:
        for step in self._steps[command]:
            if step.when in line:
                if not step.always:
                    self._steps[command].remove(step)
                return step
        return None

    def _perform(self, session: _Session, step: Step) -> None:
        if step.during is not None:
            step.during()
        if step.wait is not None:
            step.wait.wait(timeout=60)
        if step.answer is not None:
            text = step.answer
            raw = text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode() + b"\r\n"
            self._send(session, raw, drip=step.drip, pace=step.pace)
        if step.reset:
            # linger 0: close sends RST
            session.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if step.cut or step.reset:
            raise _GoneError

    def _send(self, session: _Session, raw: bytes, *, drip: bool, pace: float = 0) -> None:
        for piece in [bytes([byte]) for byte in raw] if drip else [raw]:
            session.connection.sendall(piece)
            time.sleep(pace)

    def _secure(self, session: _Session) -> None:
        assert self._context is not None
        session.connection = self._context.wrap_socket(session.connection, server_side=True)
        session.secure, session.buffer = True, b""
        with self._lock:
            self._open.add(session.connection)

    def _line(self, session: _Session) -> str:
        return self._raw_line(session).decode("utf-8", "replace").rstrip("\r\n")

    def _raw_line(self, session: _Session) -> bytes:
        while b"\n" not in session.buffer:
            piece = session.connection.recv(65536)
            if not piece:
                raise _GoneError
            session.buffer += piece
        line, _, session.buffer = session.buffer.partition(b"\n")
        return line + b"\n"
