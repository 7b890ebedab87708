"""One SMTP session once it is open: commands out, answers in, in their order (RFC 5321 4.2, RFC 2920).

aiosmtplib has dialed; its own commands cannot tell "lost before 354" from
"lost after the body", nor have more than one under way. So this protocol
takes the transport over.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from nurture.address import clean_text
from nurture.delivery.replies import Reply, parse_reply

_UNSAFE_IN_PATH = re.compile(r"[\x00-\x20\x7f-\x9f<>\u2028\u2029]")
# patterns that begin with one plain octet are found faster than `replace` finds two
_BARE_LINE_FEED = re.compile(rb"\n(?<!\r\n)")
_LEADING_DOT = re.compile(rb"\n\.")
_ANSWER_LIMIT = 32_768  # octets of one answer; more is no answer but an attack


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for each answer (RFC 5321 4.5.3.2); a dripping server gets no more."""

    greeting: float = 300  # from the first packet to the 220
    command: float = 300  # EHLO, STARTTLS, AUTH, MAIL, RCPT, RSET
    data: float = 120
    body: float = 600
    quit: float = 5


class BrokenConnectionError(Exception):
    """The connection ended, fell silent or spoke garbage where an answer was due."""


class PathError(Exception):
    """An address cannot go on the wire of this connection."""


class SmtpConnection(asyncio.Protocol):
    """An open session; made by `dialing.dial`. ``carried`` counts the mails it took."""

    def __init__(self, transport: asyncio.Transport, extensions: Mapping[str, str], timeouts: Timeouts) -> None:
        self._transport = transport
        self._extensions = extensions
        self.timeouts = timeouts
        self.carried = 0
        self._unread = b""
        self._lines: list[bytes] = []  # of an answer that is not complete
        self._answers: deque[tuple[int, list[bytes]]] = deque()
        self._waiting: asyncio.Future[None] | None = None
        self._ended: str | None = None
        limit = extensions.get("size", "").strip()
        self.size_limit = int(limit) if limit.isdecimal() and int(limit) > 0 else None  # octets (RFC 1870 4)
        self.pipelines = "pipelining" in extensions
        self.reports = "dsn" in extensions  # whether delivery reports are asked for (RFC 3461)
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        """False once either side closed it."""
        return self._ended is None and not self._transport.is_closing()

    @property
    def offers(self) -> tuple[str, ...]:
        """What the server said at EHLO that it can do, in capitals, with its values."""
        return tuple(f"{name} {value}".strip().upper() for name, value in self._extensions.items())

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The TLS layer, for a look at its version and certificate; None in clear."""
        found: ssl.SSLObject | None = self._transport.get_extra_info("ssl_object")
        return found

    def envelope(
        self, sender: str, recipient: str, *, message_id: str, size: int, international: bool
    ) -> tuple[bytes, bytes, bytes]:
        """The MAIL, RCPT and DATA lines, with what the server offers.

        SIZE (RFC 1870) has the octets; SMTPUTF8 (RFC 6531 3.4) is said for addresses and, if the mail is
        ``international``, for headers with letters outside ASCII. Never BODY (RFC 6152): our bodies are 7-bit.
        With DSN (RFC 3461) a bounce names the mail by the first half of its Message-ID, which nobody can guess,
        and brings back headers only. Raises `PathError` if an address needs SMTPUTF8 and it is not offered, or
        can end a command.
        """
        to, options, notify = _path(recipient), b"", b""
        if "size" in self._extensions:
            options += b" SIZE=%d" % size
        if international or not (sender.isascii() and recipient.isascii()):
            if "smtputf8" not in self._extensions:
                raise PathError("the mail server cannot take addresses with letters outside ASCII (no SMTPUTF8)")
            options += b" SMTPUTF8"
        if self.reports:
            options += b" RET=HDRS ENVID=" + _xtext(message_id.strip("<>").partition("@")[0].encode())
            notify = b" NOTIFY=FAILURE,DELAY"
            if recipient.isascii():  # others would need RFC 6533
                notify += b" ORCPT=rfc822;" + _xtext(to[1:-1])
        return b"MAIL FROM:%b%b\r\n" % (_path(sender), options), b"RCPT TO:%b%b\r\n" % (to, notify), b"DATA\r\n"

    def send(self, *pieces: bytes) -> None:
        """Write; whatever goes wrong shows at the next `answer`."""
        if self.is_open:
            self._transport.write(b"".join(pieces))

    async def answer(self, seconds: float) -> Reply:
        """The next answer, in its order.

        Raises `BrokenConnectionError` if there is none in ``seconds``; then the connection is closed.
        """
        if not self._answers:
            await self._wait(seconds)
        code, lines = self._answers.popleft()
        if code == 421:  # it closes the channel, whatever we do (RFC 5321 3.8)
            self.close()
        return parse_reply(code, b"\n".join(line[4:] for line in lines).decode("utf-8", "replace"))

    async def command(self, line: bytes, seconds: float | None = None) -> Reply:
        """One command and its answer."""
        self.send(line)
        return await self.answer(seconds or self.timeouts.command)

    async def reset(self) -> None:
        """Drop a half-made envelope; closes the connection if that does not work."""
        try:
            if (await self.command(b"RSET\r\n")).code // 100 != 2:
                self.close()
        except BrokenConnectionError:
            self.close()

    async def quit(self) -> None:
        """Say good-bye and close; whatever the server answers."""
        if self.is_open:
            with contextlib.suppress(BrokenConnectionError):
                await self.command(b"QUIT\r\n", self.timeouts.quit)
        self.close()

    def close(self, words: str = "the connection was closed") -> None:
        """Close at once, without a word: what an accepted RCPT needs when the mail must not go."""
        self._end(words)
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes from the server."""
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            line = line.rstrip(b"\r")
            self._lines.append(line)
            if not line[:3].isdigit() or not b"200" <= line[:3] <= b"599" or line[3:4] not in (b" ", b"-", b""):
                self.close(f"the server's answer is no SMTP reply: {clean_text(line[:100].decode('utf-8', 'replace'))}")
                return
            if line[3:4] != b"-":
                self._answers.append((int(line[:3]), self._lines))
                self._lines = []
        if sum(map(len, self._lines)) + len(self._unread) > _ANSWER_LIMIT:
            self.close("the server's answer has no end")
        else:
            self._wake()

    def eof_received(self) -> bool:
        """The server sends no more; what it said before still counts."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The transport is gone."""
        self._end(f"the connection was lost: {clean_text(str(error))}" if error else "the server closed the connection")

    async def _wait(self, seconds: float) -> None:
        if self._ended is not None:
            raise BrokenConnectionError(self._ended)
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        timer = loop.call_later(seconds, self.close, f"the server did not answer in {seconds:g} seconds")
        try:
            await self._waiting
        finally:
            timer.cancel()
            self._waiting = None

    def _end(self, words: str) -> None:
        if self._ended is None:
            self._ended = words
            self._wake()

    def _wake(self) -> None:
        """There is an answer, or none will come; one that came right before the end is still read."""
        if self._waiting is None or self._waiting.done():
            return
        if self._answers:
            self._waiting.set_result(None)
        elif self._ended is not None:
            self._waiting.set_exception(BrokenConnectionError(self._ended))


def _path(address: str) -> bytes:
    """An address in angle brackets; nothing in it can end the command (RFC 5321 4.1.2)."""
    if _UNSAFE_IN_PATH.search(address) or "@" not in address:
        raise PathError("the address holds characters that cannot stand in an SMTP command")
    return b"<" + address.encode() + b">"


def _xtext(text: bytes) -> bytes:
    """Printable ASCII as the value of a DSN parameter (RFC 3461 4)."""
    return text.replace(b"+", b"+2B").replace(b"=", b"+3D")


def wire_body(raw: bytes) -> bytes:
    """A message as it follows 354: CRLF only, leading dots doubled, the final dot (RFC 5321 2.3.8, 4.5.2)."""
    if raw.count(b"\n") == raw.count(b"\r") and not _BARE_LINE_FEED.search(raw):
        lines = raw
    else:
        lines = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    if not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    stuffed = _LEADING_DOT.sub(b"\n..", lines)
    return b"%b%b.\r\n" % (b"." if stuffed.startswith(b".") else b"", stuffed)
