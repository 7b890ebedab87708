"""Access tokens of one sender: kept in memory, renewed before they end, and when the mail server refuses one.

Renewing asks another server and waits for a lock, so it has a thread of its own: no line of this
sender waits for more than one renewal, and nobody else waits at all.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from nurture.clock import monotonic
from nurture.delivery.oauth.endpoint import Client, TokenError, Tokens, ask_tokens
from nurture.delivery.oauth.keeping import PermissionBusyError, keep, locked, permission_of, written_at
from nurture.errors import SecretError
from nurture.workspace.oauth import OAuth
from nurture.workspace.secrets import SecretReference

EARLY = 300.0  # seconds before its end at which a token is renewed, or half of its life
NO_PERMISSION = "no_permission"
_ECHO = 5.0  # seconds for which a failure answers all who ask


@dataclass(frozen=True, slots=True)
class Grant:
    """How a sender gets access tokens. Holds no secret, only where they are."""

    sender: str
    token_url: str
    client_id: SecretReference
    client_secret: SecretReference | None
    root: Path

    @classmethod
    def of(cls, sender: str, oauth: OAuth, *, root: Path) -> Grant:
        """From the settings of ``sender``."""
        return cls(sender, oauth.token_url, oauth.client_id, oauth.client_secret, root)


@dataclass(frozen=True, slots=True)
class _Held:
    token: str = field(repr=False)
    renew_at: float  # monotonic, like the next
    ends_at: float


@dataclass(frozen=True, slots=True)
class _Failure:
    error: TokenError | SecretError
    written: int  # when the permission was written with which it failed
    until: float  # monotonic


def may_pass(error: TokenError | SecretError) -> bool:
    """An outage, not a refusal: nobody has to do something."""
    return isinstance(error, PermissionBusyError) or (isinstance(error, TokenError) and not error.code)


class AccessTokens:
    """One sender's in this process; get it with `access_tokens`."""

    def __init__(self, grant: Grant) -> None:
        self._grant = grant
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="nurture-oauth")
        self._held: _Held | None = None
        self._unkept: tuple[str, str] | None = None  # a refresh token, and the new one that the disk did not take
        self._failed: _Failure | None = None

    async def get(self, *, refused: str | None = None) -> str:
        """A token; ``refused`` is one that the mail server did not take.

        Raises `TokenError` or `SecretError`; `may_pass` tells which of them end by themselves.
        """
        token = self._usable(refused)
        if token is not None:
            return token
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._renewed, refused)

    def wait_for(self, *, refused: str | None = None) -> str:
        """As `get`, for callers without an event loop."""
        return self._usable(refused) or self._thread.submit(self._renewed, refused).result()

    def _usable(self, refused: str | None) -> str | None:
        held = self._held
        if held is None or held.token == refused or monotonic() >= held.renew_at:
            return None
        return held.token

    def _renewed(self, refused: str | None) -> str:
        token = self._usable(refused)
        if token is not None:  # somebody before us in this thread's queue asked for it
            return token
        # read before the permission is: a login meanwhile makes what failed with the old one void
        written = written_at(self._grant.root, self._grant.sender)
        if self._failed is not None and self._failed.written == written and monotonic() < self._failed.until:
            raise self._failed.error
        try:
            tokens = self._renew()
        except (TokenError, SecretError) as error:
            self._failed = _Failure(error, written, monotonic() + _ECHO)
            held = self._held
            if may_pass(error) and held is not None and held.token != refused and monotonic() < held.ends_at:
                return held.token
            raise
        self._failed, now = None, monotonic()
        renew_at = now + max(tokens.seconds - EARLY, tokens.seconds / 2)
        self._held = _Held(tokens.access, renew_at, ends_at=now + tokens.seconds)
        return tokens.access

    def _renew(self) -> Tokens:
        grant = self._grant
        client = Client.read(grant.client_id, grant.client_secret, root=grant.root)
        with locked(grant.root, grant.sender):
            refresh_token = self._permission()
            form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
            tokens = ask_tokens(grant.token_url, client, form)
            if tokens.refresh is not None and tokens.refresh != refresh_token:
                # the old one may be void already: the new one must be on the disk before anything else
                self._unkept = refresh_token, tokens.refresh
                self._permission()
        return tokens

    def _permission(self) -> str:
        """What is on the disk; before, what is still to be written."""
        grant, place = self._grant, permission_of(self._grant.sender)
        if not (grant.root / place.name).exists():
            raise TokenError("there is no permission yet", code=NO_PERMISSION)
        refresh_token = place.read(grant.root)
        unkept, new = self._unkept or ("", "")
        if unkept == refresh_token:  # else somebody has logged in anew meanwhile
            keep(grant.root, grant.sender, new)
            refresh_token = new
        self._unkept = None
        return refresh_token


@cache
def access_tokens(grant: Grant) -> AccessTokens:
    """The sender's tokens in this process."""
    return AccessTokens(grant)
