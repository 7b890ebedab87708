"""One SMTP connection, lock-step: each command's answer is read before the next one goes out.

aiosmtplib dials, does TLS and speaks the commands. The DATA step is our own,
because its `data()` and `sendmail()` cannot tell "lost before 354" from "lost
after the body", and only the first one may be tried again.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import ssl
from dataclasses import dataclass

import aiosmtplib

from nurture.address import clean_text
from nurture.delivery.replies import Reply, parse_reply
from nurture.delivery.routes import Route, is_loopback
from nurture.errors import NurtureError
from nurture.workspace.settings import TlsMode

_UNSAFE_IN_PATH = re.compile(r"[\x00-\x20\x7f-\x9f<>\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for each answer (RFC 5321 4.5.3.2); a dripping server gets no more."""

    greeting: float = 300  # from the first packet to the 220
    command: float = 300  # EHLO, STARTTLS, AUTH, MAIL, RCPT, RSET
    data: float = 120
    body: float = 600
    quit: float = 5


class DialError(Exception):
    """No session came about. ``reply`` is the server's answer, if it gave one.

    ``refused`` tells a refusal (login, certificate, no TLS) from an outage that may pass.
    """

    def __init__(self, words: str, *, reply: Reply | None = None, refused: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.reply = reply
        self.refused = refused


class BrokenConnectionError(Exception):
    """The connection ended, fell silent or spoke garbage where an answer was due."""


class PathError(Exception):
    """An address cannot go on the wire of this connection."""


class SmtpConnection:
    """An open session; made by `dial`. ``carried`` counts the mails it took."""

    def __init__(self, smtp: aiosmtplib.SMTP, timeouts: Timeouts) -> None:
        self._smtp = smtp
        self._timeouts = timeouts
        self.carried = 0

    @property
    def is_open(self) -> bool:
        """False once either side closed it."""
        return self._smtp.is_connected

    @property
    def size_limit(self) -> int | None:
        """The biggest message the server takes, in octets (RFC 1870 4); None: it names none."""
        text = self._smtp.esmtp_extensions.get("size", "").strip()
        return int(text) if text.isdecimal() and int(text) > 0 else None

    async def mail(self, sender: str, *, size: int, utf8: bool) -> Reply:
        """MAIL FROM with SIZE (RFC 1870) and SMTPUTF8 (RFC 6531) where the server offers them.

        Raises `PathError` if ``utf8`` is needed and not offered.
        """
        options = []
        if self._smtp.supports_extension("size"):
            options.append(b"SIZE=%d" % size)
        if utf8:
            if not self._smtp.supports_extension("smtputf8"):
                raise PathError("the mail server cannot take addresses with letters outside ASCII (no SMTPUTF8)")
            options.append(b"SMTPUTF8")
        return await self._command(b"MAIL", b"FROM:" + _path(sender), *options)

    async def rcpt(self, recipient: str) -> Reply:
        """RCPT TO."""
        return await self._command(b"RCPT", b"TO:" + _path(recipient))

    async def data(self) -> Reply:
        """DATA; 354 means that the body may go now."""
        return await self._command(b"DATA", timeout=self._timeouts.data)

    async def body(self, wire: bytes) -> Reply:
        """Send the body (`wire_body`) and read the answer to its dot.

        Raises `BrokenConnectionError`: the mail may have arrived or not.
        """
        protocol = self._smtp.protocol
        if protocol is None:
            raise BrokenConnectionError("the connection was lost")
        try:
            protocol.write(wire)
            answer = await protocol.read_response(timeout=self._timeouts.body)
        except (aiosmtplib.SMTPException, OSError) as error:
            self.close()
            raise BrokenConnectionError(_words(error)) from error
        reply = self._checked(answer)
        if reply.code == 421:
            self.close()
        if reply.code // 100 == 2:
            self.carried += 1
        return reply

    async def reset(self) -> None:
        """Drop a half-made envelope; closes the connection if that does not work."""
        try:
            if (await self._command(b"RSET")).code // 100 != 2:
                self.close()
        except BrokenConnectionError:
            self.close()

    async def quit(self) -> None:
        """Say good-bye and close; whatever the server answers."""
        if self.is_open:
            with contextlib.suppress(BrokenConnectionError):
                await self._command(b"QUIT", timeout=self._timeouts.quit)
        self.close()

    def close(self) -> None:
        """Close at once, without a word: what an accepted RCPT needs when the mail must not go."""
        self._smtp.close()

    async def _command(self, *words: bytes, timeout: float | None = None) -> Reply:  # noqa: ASYNC109 (RFC's own term)
        try:
            answer = await self._smtp.execute_command(*words, timeout=timeout or self._timeouts.command)
        except (aiosmtplib.SMTPException, OSError) as error:
            self.close()
            raise BrokenConnectionError(_words(error)) from error
        return self._checked(answer)

    def _checked(self, answer: aiosmtplib.SMTPResponse) -> Reply:
        if not 200 <= answer.code <= 599:
            self.close()
            raise BrokenConnectionError(f"the server's answer is no SMTP reply: {answer.message[:100]!r}")
        return parse_reply(answer.code, answer.message)


async def dial(route: Route, timeouts: Timeouts) -> SmtpConnection:
    """Connect, protect, greet and log in.

    The password is read now and stands in no error. Raises `DialError`.
    """
    try:
        context = None if route.tls is TlsMode.NONE else await asyncio.to_thread(route.tls_context)
        password = route.read_password()
    except NurtureError as error:
        raise DialError(str(error), refused=True) from error
    smtp = aiosmtplib.SMTP(
        hostname=route.host,
        port=route.port,
        timeout=timeouts.command,
        use_tls=route.tls is TlsMode.IMPLICIT,
        start_tls=False,
        tls_context=context,
        local_hostname="localhost",  # replaced below; a default would ask the DNS
    )
    try:
        await _connect(smtp, route, timeouts)
        await _greet(smtp, route, timeouts)
        if route.username:
            await _log_in(smtp, route, password, timeouts)
    except BaseException:
        smtp.close()
        raise
    return SmtpConnection(smtp, timeouts)


async def _connect(smtp: aiosmtplib.SMTP, route: Route, timeouts: Timeouts) -> None:
    try:
        await smtp.connect(timeout=timeouts.greeting)
    except aiosmtplib.SMTPResponseException as error:
        raise _refusal(f"{route.server} refuses connections", error.code, error.message) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise _dial_error(route, error) from error


async def _greet(smtp: aiosmtplib.SMTP, route: Route, timeouts: Timeouts) -> None:
    # the address literal of RFC 5321 4.1.3: no DNS, and the machine's name stays at home
    own = smtp.get_transport_info("sockname")[0] if smtp.is_connected else "127.0.0.1"
    smtp.local_hostname = f"[IPv6:{own}]" if ":" in own else f"[{own}]"
    try:
        await smtp.ehlo(timeout=timeouts.command)
        if route.tls is TlsMode.STARTTLS:
            if not smtp.supports_extension("starttls"):
                raise DialError(
                    f"{route.server} offers no TLS (STARTTLS), so nothing was sent; check host and port, "
                    "or use `tls: implicit` with port 465",
                    refused=True,
                )
            await smtp.starttls(timeout=timeouts.command)
            await smtp.ehlo(timeout=timeouts.command)  # RFC 3207 4.2: what was said before TLS does not count
    except aiosmtplib.SMTPResponseException as error:
        raise _refusal(f"{route.server} refuses the session", error.code, error.message) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise _dial_error(route, error) from error


async def _log_in(smtp: aiosmtplib.SMTP, route: Route, password: str, timeouts: Timeouts) -> None:
    if route.tls is TlsMode.NONE and not is_loopback(route.host):
        raise DialError("a password never goes over a connection without TLS (RFC 4954 4)", refused=True)
    username = route.username or ""
    offered = smtp.server_auth_methods
    try:
        if "plain" in offered:
            await smtp.auth_plain(username, password, timeout=timeouts.command)
        elif "login" in offered:
            await smtp.auth_login(username, password, timeout=timeouts.command)
        else:
            methods = ", ".join(offered).upper() or "none"
            raise DialError(f"{route.server} offers no login by PLAIN or LOGIN (it offers: {methods})", refused=True)
    except aiosmtplib.SMTPResponseException as error:
        said = _without_secrets(error.message, username, password)
        raise _refusal(f"{route.server} refuses the login of {username}", error.code, said) from None
    except (aiosmtplib.SMTPException, OSError) as error:
        raise _dial_error(route, error) from None


def _refusal(words: str, code: int, said: str) -> DialError:
    if not 200 <= code <= 599:
        return DialError(f"{words}: its answer is no SMTP reply")
    reply = parse_reply(code, said)
    return DialError(f"{words}: {code} {clean_text(said)}", reply=reply, refused=code >= 500)


def _dial_error(route: Route, error: Exception) -> DialError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return DialError(
                f"the certificate of {route.server} does not hold ({cause.verify_message}), so nothing was sent; "
                "check the host name, or give the authority's file as `ca_file`",
                refused=True,
            )
        if isinstance(cause, ssl.SSLError):
            return DialError(f"{route.server} cannot agree on TLS 1.2 or newer: {cause.reason or cause}", refused=True)
        cause = cause.__cause__
    return DialError(f"{route.server} cannot be reached: {_words(error)}")


def _without_secrets(said: str, username: str, password: str) -> str:
    """A server's words with every form of the password that AUTH used taken out."""
    forms = [password.encode(), b"\0" + username.encode() + b"\0" + password.encode()]
    secrets = [password, *(base64.b64encode(form).decode() for form in forms)]
    for secret in filter(None, secrets):
        said = said.replace(secret, "***")
    return said


def _words(error: BaseException) -> str:
    return clean_text(str(error)) or type(error).__name__


def _path(address: str) -> bytes:
    """An address in angle brackets; nothing in it can end the command (RFC 5321 4.1.2)."""
    if _UNSAFE_IN_PATH.search(address) or "@" not in address:
        raise PathError("the address holds characters that cannot stand in an SMTP command")
    return b"<" + address.encode() + b">"


def wire_body(raw: bytes) -> bytes:
    """A message as it follows 354: CRLF only, leading dots doubled, the final dot (RFC 5321 2.3.8, 4.5.2)."""
    # plain replaces: a regular expression takes four times as long over a mail with images
    lines = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    if not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    return (b"\r\n" + lines).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


def needs_utf8(*addresses: str) -> bool:
    """Whether an envelope needs SMTPUTF8."""
    return not all(address.isascii() for address in addresses)
