"""imaplib over a socket of our own: it believes no length, waits for no one for ever, and is woken from outside."""

from __future__ import annotations

import imaplib
import select
import socket
import ssl
from dataclasses import dataclass

from nurture.clock import monotonic

IDLE = "IDLE"  # RFC 2177; imap_tools makes the command known to imaplib


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a server gets: seconds to ``connect``, of ``silence`` and for a whole ``command``; octets for the rest."""

    connect: float = 30
    silence: float = 60
    command: float = 300
    line: int = 8_000_000  # the numbers of a million mails stand in one line
    literal: int = 2_100_000
    answer: int = 12_000_000  # all of one answer


USUAL = Bounds()


class BoundedImap(imaplib.IMAP4):
    """An IMAP connection. ``tls`` protects it from the first octet; see `protect` for later."""

    def __init__(self, host: str, port: int, *, tls: ssl.SSLContext | None, bounds: Bounds) -> None:
        self._tls = tls
        self._bounds = bounds
        self._buffer = bytearray()
        self._looked = 0  # so many octets of the buffer hold no line end
        self._begin_answer()
        super().__init__(host, port)

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        """Connect; imaplib calls it."""
        self.host, self.port = host, port
        self.sock = socket.create_connection((host, port), timeout=timeout or self._bounds.connect)
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=host)

    def protect(self, tls: ssl.SSLContext) -> None:
        """STARTTLS (RFC 9051 6.2.1); what a stranger may have said before it does not count."""
        answer, words = self._simple_command("STARTTLS")
        if answer != "OK":
            raise self.error(f"STARTTLS is refused: {words!r}")
        if self._buffer:
            raise self.abort("the server sent something between STARTTLS and TLS")
        self.sock = tls.wrap_socket(self.sock, server_hostname=self.host)
        self._tls_established = True
        self._get_capabilities()

    def send(self, data: bytes) -> None:  # type: ignore[override]
        """Send a command, or a part of one; its answer gets its time from here on."""
        self._begin_answer()
        self.sock.settimeout(self._bounds.silence)
        self.sock.sendall(data)

    def read(self, size: int) -> bytes:
        """The octets of a literal."""
        if size > self._bounds.literal:
            raise self.abort(f"the server announces {size:,} octets where we asked for less")
        while len(self._buffer) < size:
            self._fill()
        return self._take(size)

    def readline(self) -> bytes:
        """A line with its end."""
        while (end := self._buffer.find(b"\n", self._looked)) < 0:
            self._looked = len(self._buffer)
            if self._looked > self._bounds.line:
                raise self.abort(f"the server sends a line of more than {self._bounds.line:,} octets")
            self._fill()
        return self._take(end + 1)

    def shutdown(self) -> None:
        """Close the connection."""
        self.sock.close()

    def await_octets(self, seconds: float, waker: socket.socket) -> bool:
        """Whether the server said something within this time; ``waker`` ends it early when it can be read."""
        pending = getattr(self.sock, "pending", lambda: 0)()  # TLS has decrypted more than we took
        if self._buffer or pending:
            return True
        readable, _, _ = select.select([self.sock, waker], [], [], seconds)
        return self.sock in readable

    def idle_line(self) -> bytes:
        """What the server says during IDLE."""
        self._begin_answer()
        return self.readline()

    def _begin_answer(self) -> None:
        self._deadline = monotonic() + self._bounds.command
        self._answered = 0

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._looked = 0
        return taken

    def _fill(self) -> None:
        late = f"the server's answer takes longer than {self._bounds.command:g} s"
        remaining = self._deadline - monotonic()
        if remaining <= 0:
            raise self.abort(late)
        self.sock.settimeout(min(self._bounds.silence, remaining))
        try:
            octets = self.sock.recv(65_536)
        except TimeoutError as error:
            silent = f"the server says nothing for {self._bounds.silence:g} s"
            raise self.abort(late if remaining < self._bounds.silence else silent) from error
        except OSError as error:
            raise self.abort(f"the connection broke: {error}") from error
        if not octets:
            raise self.abort("the server closed the connection")
        self._answered += len(octets)
        if self._answered > self._bounds.answer:
            raise self.abort(f"the server's answer has more than {self._bounds.answer:,} octets")
        self._buffer += octets
