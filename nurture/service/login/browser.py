"""`nurture login` with a browser on this machine: RFC 8252 (loopback), RFC 7636 (PKCE).

The browser comes back to a server that listens on 127.0.0.1 only, for a bounded time, until one request carries
the state that we made up; every other request changes nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import socketserver
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlencode, urlsplit

from nurture.address import clean_text
from nurture.clock import monotonic
from nurture.delivery.oauth.endpoint import Client, Tokens, ask_tokens
from nurture.errors import SenderError
from nurture.workspace.oauth import OAuth

_LOOK = 0.1  # seconds between two looks for the answer
SECONDS = 300.0  # for somebody to say yes in the browser
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>nurture</title>
<body style="font: 1.1em sans-serif; margin: 4em auto; max-width: 32em"><h1>{title}</h1><p>{words}</p></body></html>
"""


def ask_in_browser(
    oauth: OAuth, client: Client, *, account: str, port: int, show: Callable[[str], None], seconds: float = SECONDS
) -> Tokens:
    """Tokens for ``account``, after somebody said yes at the address that ``show`` is given.

    ``port`` of this machine, 0 for any. Raises `SenderError` where nobody said yes, `TokenError` where the
    server gave no token.
    """
    verifier = secrets.token_urlsafe(64)  # RFC 7636 4.1: 43 to 128 characters
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    state = secrets.token_urlsafe(32)
    with _Listener(port, state) as listener:
        redirect = f"http://{oauth.redirect_host}:{listener.server_address[1]}"
        asked = {
            **oauth.parameters,
            "response_type": "code",
            "client_id": client.id,
            "redirect_uri": redirect,
            "scope": oauth.scope,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "login_hint": account,
        }
        show(f"{oauth.authorize_url}?{urlencode(asked)}")
        code = listener.wait(seconds)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
    return ask_tokens(oauth.token_url, client, form)


class _Listener(socketserver.ThreadingTCPServer):
    """Waits for the browser. Not `http.server.HTTPServer`, which asks the DNS for its own name.

    A thread for each connection, which nobody waits for: browsers open some that they do not use.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, state: str) -> None:
        self.state = state
        self.code: str | None = None
        self.refusal: str | None = None
        try:
            super().__init__(("127.0.0.1", port), _Callback)
        except OSError as error:
            raise SenderError(f"port {port} of this machine cannot be used ({error.strerror}); say --port") from error

    def wait(self, seconds: float) -> str:
        """The code; raises `SenderError` if the answer was no, or none came."""
        until = monotonic() + seconds
        while self.code is None and self.refusal is None:
            self.timeout = _LOOK
            if monotonic() >= until:
                raise SenderError(f"nobody said yes in the browser within {seconds / 60:g} minutes; nothing is changed")
            self.handle_request()
        if self.code is None:
            raise SenderError(f"the login was refused in the browser: {self.refusal}; nothing is changed")
        return self.code

    def handle_error(self, request: object, client_address: object) -> None:
        """A broken connection of a browser is nobody's business."""


class _Callback(BaseHTTPRequestHandler):
    """One request. What it asks for holds a secret, so nothing of it is logged."""

    timeout = 5  # seconds without a byte
    server: _Listener

    def do_GET(self) -> None:
        """Take the answer, if it carries our state (RFC 6749 10.12)."""
        address = urlsplit(self.path)
        try:
            fields = parse_qs(address.query, max_num_fields=20)
        except ValueError:
            fields = {}
        state = fields.get("state", [""])[-1]
        if address.path != "/" or not hmac.compare_digest(state.encode(), self.server.state.encode()):
            self._say(400, "Nothing to do", "This is no answer to nurture login.")
            return
        codes = fields.get("code", [])
        if len(codes) == 1:
            self._say(200, "Done", "nurture has the answer. You can close this window and look at the terminal.")
            self.server.code = codes[0]
        else:
            self._say(200, "Not done", "The login was refused. You can close this window.")
            self.server.refusal = clean_text(fields.get("error", ["no reason"])[0])[:100]

    def _say(self, status: int, title: str, words: str) -> None:
        body = _PAGE.format(title=title, words=words).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""
