"""One question to an OAuth server: a form goes out, JSON comes back (RFC 6749 4.1.3, 5; RFC 8628 3.1).

No word of an error holds a secret that went out, whatever the server repeats.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nurture import __version__
from nurture.address import clean_text
from nurture.workspace.secrets import SecretReference

SECONDS = 20.0  # for one question in all, against servers that hang or drip
_LARGEST = 65_536  # octets of an answer
_LIFETIME = 3600  # seconds, where the server does not say (RFC 6749 5.1)
_CODE = re.compile(r"[a-z_]{1,50}")
_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")  # RFC 6749 A.12; no blank or control can end it on the SMTP line
_BUSY = (408, 429)  # RFC 9110 15.5.9, RFC 6585 4: whatever code stands beside it
_PASSING = ("temporarily_unavailable", "server_error")  # RFC 6749 4.1.2.1
_SECRETS = ("client_secret", "refresh_token", "code", "code_verifier", "device_code")


class TokenError(Exception):
    """The server gave none. ``code`` is its reason (RFC 6749 5.2, RFC 8628 3.5); "" for an outage that may pass."""

    def __init__(self, words: str, *, code: str = "") -> None:
        super().__init__(words)
        self.words = words
        self.code = code


@dataclass(frozen=True, slots=True)
class Client:
    """The application that the clinic registered. Kept out of every representation."""

    id: str = field(repr=False)
    secret: str | None = field(repr=False)

    @classmethod
    def read(cls, client_id: SecretReference, client_secret: SecretReference | None, *, root: Path) -> Client:
        """Read now, never kept; raises `SecretError`."""
        return cls(client_id.read(root), client_secret.read(root) if client_secret else None)

    @property
    def fields(self) -> dict[str, str]:
        """As they stand in a form."""
        return {"client_id": self.id} | ({"client_secret": self.secret} if self.secret else {})


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the server gave. ``access`` holds for ``seconds``; ``refresh`` is None where the old one goes on."""

    access: str = field(repr=False)
    refresh: str | None = field(repr=False)
    seconds: float


def ask_tokens(url: str, client: Client, form: Mapping[str, str], *, seconds: float = SECONDS) -> Tokens:
    """Exchange what is in ``form`` for tokens; raises `TokenError`."""
    answer = ask(url, {**client.fields, **form}, seconds=seconds)
    access, refresh = answer.get("access_token"), answer.get("refresh_token")
    kind, lifetime = answer.get("token_type", "Bearer"), answer.get("expires_in", _LIFETIME)
    usable = isinstance(access, str) and _TOKEN.fullmatch(access) and str(kind).lower() == "bearer"
    if refresh is not None and not (isinstance(refresh, str) and _TOKEN.fullmatch(refresh)):
        usable = None
    if not usable:
        raise TokenError(f"{_host(url)} answers, but with no token")
    assert isinstance(access, str)
    return Tokens(access, refresh, seconds_in(lifetime, _LIFETIME))


def seconds_in(value: object, default: float) -> float:
    """A server's seconds, a day at most; some write them as text. ``default`` where it is no number."""
    try:
        number = float(str(value))
    except ValueError:
        return default
    return default if math.isnan(number) else min(max(number, 0.0), 86_400.0)


def ask(url: str, form: Mapping[str, str], *, seconds: float = SECONDS) -> dict[str, Any]:
    """POST ``form``; the JSON object of a 200. Blocks this thread; raises `TokenError` for everything else."""
    import httpx2  # lazy: start-up time

    host = _host(url)
    try:
        status, body = asyncio.run(_post(url, form, seconds))
    except TimeoutError as error:
        raise TokenError(f"{host} gave no answer within {seconds:g} seconds") from error
    except httpx2.HTTPError as error:
        words = _without_secrets(str(error), form) or type(error).__name__
        raise TokenError(f"{host} cannot be asked for a token: {words}") from None
    answer = _json(body)
    if status == 200 and answer is not None:
        return answer
    code = answer.get("error") if answer else None
    passes = status >= 500 or status in _BUSY or code in _PASSING
    if passes or not isinstance(code, str) or not _CODE.fullmatch(code):
        raise TokenError(f"{host} gives no token now: it answers {status}")
    assert answer is not None
    description = _without_secrets(str(answer.get("error_description", "")), form)[:200]
    raise TokenError(f"{host} refuses: {code}{f' ({description})' if description else ''}", code=code)


async def _post(url: str, form: Mapping[str, str], seconds: float) -> tuple[int, bytes]:
    import httpx2

    headers = {"Accept": "application/json", "User-Agent": f"nurture/{__version__}"}
    # httpx2's own timeouts begin anew with each byte; a redirect would carry the secrets elsewhere
    async with (
        asyncio.timeout(seconds),
        httpx2.AsyncClient(timeout=seconds, follow_redirects=False, trust_env=False) as client,
        client.stream("POST", url, data=dict(form), headers=headers) as response,
    ):
        body = b""
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > _LARGEST:
                return response.status_code, b""
        return response.status_code, body


def _json(body: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _without_secrets(words: str, form: Mapping[str, str]) -> str:
    for name in _SECRETS:
        if form.get(name):
            words = words.replace(form[name], "***")
    return clean_text(words)


def _host(url: str) -> str:
    return urlsplit(url).netloc
