"""`nurture login --device`: somebody types a code into a browser elsewhere (RFC 8628)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import sleep
from typing import Any
from urllib.parse import urlsplit

from nurture.address import clean_text
from nurture.clock import monotonic
from nurture.delivery.oauth.endpoint import Client, TokenError, Tokens, ask, ask_tokens, seconds_in
from nurture.errors import SenderError
from nurture.workspace.oauth import OAuth

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
_INTERVAL = 5.0  # seconds between two questions, where the server does not say (RFC 8628 3.2)
_SLOWER = 5.0  # more, each time it says slow_down (3.5)
_LONGEST = 1800.0  # seconds that a code is waited for, whatever the server says


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """What a person needs: type ``code`` at ``page``, within ``seconds``."""

    page: str
    code: str
    seconds: float


def ask_by_device(
    oauth: OAuth, client: Client, *, show: Callable[[DeviceCode], None], pause: Callable[[float], None] = sleep
) -> Tokens:
    """Tokens, after somebody typed the code that ``show`` is given.

    Raises `SenderError` where nobody did, or the answer was no; `TokenError` for what the server says else.
    """
    assert oauth.device_url is not None
    answer = ask(oauth.device_url, {**client.fields, "scope": oauth.scope})
    device_code, shown, interval = _taken(answer)
    show(shown)
    until = monotonic() + shown.seconds
    form = {"grant_type": GRANT_TYPE, "device_code": device_code}
    while monotonic() < until:
        pause(interval)
        try:
            return ask_tokens(oauth.token_url, client, form)
        except TokenError as error:
            match error.code:
                case "authorization_pending":
                    continue
                case "slow_down":
                    interval += _SLOWER
                case "":  # an outage: ask less often (RFC 8628 3.5)
                    interval = min(interval * 2, 60)
                case "access_denied":
                    raise SenderError("the login was refused in the browser; nothing is changed") from None
                case "expired_token":
                    break
                case _:
                    raise
    raise SenderError("nobody typed the code in time; nothing is changed. Try again: each login has a new code")


def _taken(answer: dict[str, Any]) -> tuple[str, DeviceCode, float]:
    device_code, code = answer.get("device_code"), answer.get("user_code")
    page = answer.get("verification_uri")
    complete = isinstance(device_code, str) and isinstance(code, str) and isinstance(page, str)
    if not complete or not _is_page(str(page)):
        raise TokenError("the server answers, but with no code to type")
    seconds = seconds_in(answer.get("expires_in"), _LONGEST)
    interval = seconds_in(answer.get("interval"), _INTERVAL)
    shown = DeviceCode(clean_text(str(page)), clean_text(str(code)), min(seconds, _LONGEST))
    return str(device_code), shown, min(max(interval, 1.0), 60.0)


def _is_page(text: str) -> bool:
    try:
        return urlsplit(text).scheme in ("http", "https")
    except ValueError:
        return False
