"""Dialing: connect, protect, greet, log in. All of it is aiosmtplib's work; then `SmtpConnection` takes over."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Awaitable
from typing import cast

import aiosmtplib

from nurture.address import clean_text
from nurture.delivery.connection import SmtpConnection, Timeouts
from nurture.delivery.oauth.access import Grant, access_tokens, may_pass
from nurture.delivery.oauth.endpoint import TokenError
from nurture.delivery.replies import Reply, parse_reply
from nurture.delivery.routes import Route, is_loopback
from nurture.errors import NurtureError, SecretError
from nurture.workspace.fields import TlsMode


class DialError(Exception):
    """No session came about. ``reply`` is the server's answer, if it gave one.

    ``refused`` tells a refusal (login, certificate, no TLS) from an outage that may pass.
    """

    def __init__(self, words: str, *, reply: Reply | None = None, refused: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.reply = reply
        self.refused = refused


class LoginRefusedError(DialError):
    """The server does not take our access token; its words say what to do."""


async def dial(route: Route, timeouts: Timeouts) -> SmtpConnection:
    """Connect, protect, greet and log in.

    The password is read now and stands in no error. An access token that the server refuses is renewed,
    once. Raises `DialError`.
    """
    if route.grant is None or not route.username:
        return await _open(route, timeouts)
    token = await _access_token(route.grant)
    try:
        return await _open(route, timeouts, token=token)
    except LoginRefusedError:
        token = await _access_token(route.grant, refused=token)
        return await _open(route, timeouts, token=token)


async def _access_token(grant: Grant, *, refused: str | None = None) -> str:
    try:
        return await access_tokens(grant).get(refused=refused)
    except SecretError as error:
        raise DialError(str(error), refused=not may_pass(error)) from error
    except TokenError as error:
        if may_pass(error):
            raise DialError(f"`{grant.sender}` cannot log in: {error.words}") from None
        if error.code in ("invalid_client", "unauthorized_client"):
            mend = f"check client_id and client_secret under senders.{grant.sender}.smtp.oauth"
        else:
            mend = f"run: nurture login {grant.sender}"
        raise DialError(f"`{grant.sender}` may not send: {error.words}; {mend}", refused=True) from None


async def _open(route: Route, timeouts: Timeouts, *, token: str | None = None) -> SmtpConnection:
    """A session; ``token`` logs in in the place of the password."""
    try:
        context = None if route.tls is TlsMode.NONE else await asyncio.to_thread(route.tls_context)
        secret = token or route.read_password()
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
            await _log_in(smtp, route, secret, timeouts)
    except BaseException:
        smtp.close()
        raise
    transport = smtp.transport
    if not smtp.is_connected or transport is None:
        raise DialError(f"{route.server} closed the session at once")
    # uvloop's transports only look like asyncio's
    return SmtpConnection(cast("asyncio.Transport", transport), smtp.esmtp_extensions, timeouts)


async def _within(seconds: float, asked: Awaitable[object]) -> None:
    """Await it for so long. aiosmtplib's own timeouts now and then swallow a cancellation (CPython issue 86296)."""
    try:
        async with asyncio.timeout(seconds):
            await asked
    except TimeoutError:
        raise TimeoutError(f"it did not answer within {seconds:g} seconds") from None


async def _connect(smtp: aiosmtplib.SMTP, route: Route, timeouts: Timeouts) -> None:
    try:
        await _within(timeouts.greeting, smtp.connect(timeout=None))
    except aiosmtplib.SMTPResponseException as error:
        raise _refusal(f"{route.server} refuses connections", error.code, error.message) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise _dial_error(route, error) from error


async def _greet(smtp: aiosmtplib.SMTP, route: Route, timeouts: Timeouts) -> None:
    # the address literal of RFC 5321 4.1.3: no DNS, and the machine's name stays at home
    own = smtp.get_transport_info("sockname")[0] if smtp.is_connected else "127.0.0.1"
    smtp.local_hostname = f"[IPv6:{own}]" if ":" in own else f"[{own}]"
    try:
        await _within(timeouts.command, smtp.ehlo(timeout=None))
        if route.tls is TlsMode.STARTTLS:
            if not smtp.supports_extension("starttls"):
                raise DialError(
                    f"{route.server} offers no TLS (STARTTLS), so nothing was sent; check host and port, "
                    "or use `tls: implicit` with port 465",
                    refused=True,
                )
            await _within(timeouts.command, smtp.starttls(timeout=None))
            await _within(
                timeouts.command, smtp.ehlo(timeout=None)
            )  # RFC 3207 4.2: what was said before TLS does not count
    except aiosmtplib.SMTPResponseException as error:
        raise _refusal(f"{route.server} refuses the session", error.code, error.message) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise _dial_error(route, error) from error


async def _log_in(smtp: aiosmtplib.SMTP, route: Route, secret: str, timeouts: Timeouts) -> None:
    if route.tls is TlsMode.NONE and not is_loopback(route.host):
        raise DialError("a password never goes over a connection without TLS (RFC 4954 4)", refused=True)
    username = route.username or ""
    wanted = ("xoauth2",) if route.grant else ("plain", "login")
    offered = smtp.server_auth_methods
    method = next((name for name in wanted if name in offered), None)
    if method is None:
        methods = ", ".join(offered).upper() or "none"
        names = " or ".join(wanted).upper()
        raise DialError(f"{route.server} offers no login by {names} (it offers: {methods})", refused=True)
    log_in = {"xoauth2": smtp.auth_xoauth2, "plain": smtp.auth_plain, "login": smtp.auth_login}[method]
    try:
        await _within(timeouts.command, log_in(username, secret, timeout=None))
    except aiosmtplib.SMTPResponseException as error:
        said = without_secrets(error.message, username, secret)
        refusal = _refusal(f"{route.server} refuses the login of {username}", error.code, said)
        # 334 instead of a no: the server waits for more, and there is none
        if route.grant is not None and (refusal.refused or error.code == 334):
            words = f"{refusal.words}; if that goes on, run: nurture login {route.grant.sender}"
            raise LoginRefusedError(words, reply=refusal.reply, refused=True) from None
        raise refusal from None
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
            return DialError(
                f"{route.server} cannot agree on TLS 1.2 or newer: {cause.reason or cause}; "
                "`tls: implicit` goes with port 465, `starttls` with 587",
                refused=True,
            )
        cause = cause.__cause__
    return DialError(f"{route.server} cannot be reached: {_words(error)}")


def without_secrets(said: str, username: str, password: str) -> str:
    """A server's words with every form of the password or token that AUTH used taken out."""
    user, word = username.encode(), password.encode()
    forms = [word, b"\0" + user + b"\0" + word, b"user=" + user + b"\x01auth=Bearer " + word + b"\x01\x01"]
    secrets = [password, *(base64.b64encode(form).decode() for form in forms)]
    for secret in filter(None, secrets):
        said = said.replace(secret, "***")
    return said


def _words(error: BaseException) -> str:
    return clean_text(str(error)) or type(error).__name__
