"""Opening an IMAP account: connect, protect, log in. A password goes over TLS, or stays on this machine."""

from __future__ import annotations

import imaplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from imap_tools import BaseMailBox, ImapToolsError

from nurture.address import clean_text
from nurture.delivery.dialing import without_secrets
from nurture.delivery.oauth.access import Grant, access_tokens, may_pass
from nurture.delivery.oauth.endpoint import TokenError
from nurture.delivery.routes import is_loopback
from nurture.errors import LoginError, MailboxError, SecretError
from nurture.inbox.imap_client import USUAL, BoundedImap, Bounds
from nurture.workspace.fields import TlsMode
from nurture.workspace.mailbox import Imap

# What imaplib and imap_tools raise about a server; the last two where an answer is no IMAP.
FAILURES = (imaplib.IMAP4.error, ImapToolsError, OSError, ValueError, LookupError)


@dataclass(frozen=True, slots=True)
class ImapAccount:
    """An account and how to reach it; ``root`` is where relative files of the settings start."""

    settings: Imap
    root: Path
    bounds: Bounds = USUAL
    grant: Grant | None = None  # a permission in the place of the password

    @property
    def server(self) -> str:
        """``host:port``, for people."""
        return f"{self.settings.host}:{self.settings.port}"


class _MailBox(BaseMailBox):
    def __init__(self, client: BoundedImap) -> None:
        self._opened = client
        super().__init__()

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        return self._opened


def log_in(account: ImapAccount) -> BoundedImap:
    """An open connection, logged in. Raises `LoginError` if the server refuses us, else `MailboxError`."""
    settings = account.settings
    if settings.tls is TlsMode.NONE and not is_loopback(settings.host):
        raise LoginError(f"a password never goes to {settings.host} without TLS; use `tls: implicit`")
    if account.grant is None:
        assert settings.password is not None, "the settings were checked"
        return _opened(account, partial(_authenticate, password=settings.password.read(account.root)))
    token = _access_token(account.grant)
    try:
        return _opened(account, partial(_authorize, token=token))
    except TokenRefusedError:
        return _opened(account, partial(_authorize, token=_access_token(account.grant, refused=token)))


class TokenRefusedError(LoginError):
    """The server does not take our access token."""


def _opened(account: ImapAccount, authenticate: Callable[[ImapAccount, BoundedImap], None]) -> BoundedImap:
    settings = account.settings
    client = _connect(account)
    try:
        if settings.tls is TlsMode.STARTTLS:
            if "STARTTLS" not in client.capabilities:
                raise LoginError(f"{account.server} offers no STARTTLS; use `tls: implicit` with port 993")
            client.protect(_tls_context(account))
        authenticate(account, client)
    except MailboxError:
        client.shutdown()
        raise
    except FAILURES as error:
        client.shutdown()
        raise _unreachable(account, error) from error
    return client


def _connect(account: ImapAccount) -> BoundedImap:
    settings = account.settings
    tls = _tls_context(account) if settings.tls is TlsMode.IMPLICIT else None
    try:
        return BoundedImap(settings.host, settings.port, tls=tls, bounds=account.bounds)
    except FAILURES as error:
        raise _unreachable(account, error) from error


def _authenticate(account: ImapAccount, client: BoundedImap, password: str) -> None:
    settings, mailbox = account.settings, _MailBox(client)
    try:
        if "AUTH=PLAIN" in client.capabilities:
            mailbox.login_utf8(settings.username, password, initial_folder=None)
        elif "LOGINDISABLED" in client.capabilities:
            raise LoginError(f"{account.server} takes no password here; it offers {' '.join(client.capabilities)}")
        else:
            mailbox.login(settings.username, password, initial_folder=None)
    except imaplib.IMAP4.abort as error:
        raise _unreachable(account, error, secret=password) from None
    except UnicodeEncodeError:
        words = "takes no password with other letters than English ones (it lacks AUTH=PLAIN)"
        raise LoginError(f"{account.server} {words}") from None
    except (imaplib.IMAP4.error, ImapToolsError) as error:
        # RFC 5530 3: UNAVAILABLE is about the server, not about us. The cause may repeat the password.
        said = clean_text(without_secrets(str(error), settings.username, password))[:300].rstrip(" .")
        kind = MailboxError if "[UNAVAILABLE]" in said else LoginError
        words = "check user name and password; some providers want an app password, or IMAP switched on first"
        raise kind(f"{account.server} refuses the login of {settings.username}: {said}; {words}") from None
    client._get_capabilities()  # noqa: SLF001 - more is offered after a login (RFC 9051 6.1.1); imaplib asks only once


def _access_token(grant: Grant, *, refused: str | None = None) -> str:
    try:
        return access_tokens(grant).wait_for(refused=refused)
    except (TokenError, SecretError) as error:
        words = error.words if isinstance(error, TokenError) else str(error)
        if may_pass(error):
            raise MailboxError(f"the mailbox cannot be opened: {words}") from None
        raise LoginError(f"the mailbox may not be opened: {words}; run: nurture login {grant.sender}") from None


def _authorize(account: ImapAccount, client: BoundedImap, token: str) -> None:
    """XOAUTH2, as Google and Microsoft describe it; after a refusal their details want an empty answer."""
    answers = iter([f"user={account.settings.username}\x01auth=Bearer {token}\x01\x01".encode()])
    if "AUTH=XOAUTH2" not in client.capabilities:
        raise LoginError(f"{account.server} takes no permission (XOAUTH2); write a `password`")
    try:
        client.authenticate("XOAUTH2", lambda _: next(answers, b""))
    except imaplib.IMAP4.abort as error:
        raise _unreachable(account, error, secret=token) from None
    except imaplib.IMAP4.error as error:
        said = clean_text(without_secrets(str(error), account.settings.username, token))[:300].rstrip(" .")
        if "[UNAVAILABLE]" in said:
            raise MailboxError(f"{account.server} cannot log us in now: {said}") from None
        assert account.grant is not None
        words = f"check `username`, and that the permission is for mailboxes, too: nurture login {account.grant.sender}"
        raise TokenRefusedError(
            f"{account.server} refuses the login of {account.settings.username}: {said}; {words}"
        ) from None
    client._get_capabilities()  # noqa: SLF001 - as above


def _tls_context(account: ImapAccount) -> ssl.SSLContext:
    """Verifies certificate and host name, TLS 1.2 or newer (RFC 9325 3.1.1)."""
    file = account.settings.ca_file
    try:
        context = ssl.create_default_context(cafile=str(account.root / file) if file else None)
    except (OSError, ssl.SSLError) as error:
        raise MailboxError(f"the file of the authority {file} cannot be used: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _unreachable(account: ImapAccount, error: BaseException, *, secret: str = "") -> MailboxError:
    """``secret`` went out, and the server may repeat it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return LoginError(
            f"the certificate of {account.server} does not hold ({error.verify_message}), so no password was sent; "
            "check the host name, or give the authority's file as `ca_file`"
        )
    if isinstance(error, ssl.SSLError):
        return MailboxError(
            f"{account.server} cannot agree on TLS 1.2 or newer: {error.reason or error}; "
            "`tls: implicit` goes with port 993, `starttls` with 143"
        )
    words = clean_text(without_secrets(str(error), account.settings.username, secret))
    return MailboxError(f"{account.server} cannot be reached: {words or type(error).__name__}")
