"""An OAuth server on a real socket: authorization with PKCE, device codes, refresh tokens, and whatever a test scripts.

Friendly by default and strict about what it is asked: a used or foreign code, verifier or refresh token gets
`invalid_grant`. ``answers`` are given first, one for each POST to /token.
"""

import base64
import contextlib
import hashlib
import json
import threading
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlencode, urlsplit

CLIENT_ID, CLIENT_SECRET = "client-of-the-clinic", "canary-client-secret"


@dataclass
class Answer:
    """What to say to one question; with ``wait`` only after that. ``encoding`` is what the body is packed with."""

    status: int = 200
    body: bytes | dict = b""
    encoding: str | None = None
    wait: threading.Event | None = None

    @property
    def raw(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def refusal(code: str, **more: str) -> Answer:
    return Answer(400, {"error": code, **more})


class TokenServer:
    """Use it as a context manager. ``forms`` is all that was posted; ``accepted`` the access tokens that hold."""

    def __init__(self, *, rotates: bool = False, lifetime: object = 3600) -> None:
        self.rotates = rotates
        self.lifetime = lifetime
        self.refresh = "canary-refresh-0"
        self.accepted: set[str] = set()
        self.answers: deque[Answer] = deque()
        self.forms: list[dict[str, str]] = []
        self.asked: dict[str, str] = {}  # what the browser brought
        self.interval: object = 1
        self.device_answers: deque[Answer] = deque()  # first, one for each POST to /device
        self._codes: dict[str, str] = {}  # code -> challenge
        self._count = 0
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"tokens": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.oauth = {
            "client_id": "env:TEST_CLIENT_ID",
            "client_secret": "env:TEST_CLIENT_SECRET",
            "authorize_url": f"{self.url}/authorize",
            "token_url": f"{self.url}/token",
            "device_url": f"{self.url}/device",
            "scope": "mail",
        }

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for answer in self.answers:
            if answer.wait:
                answer.wait.set()
        self._server.shutdown()
        self._server.server_close()

    def token(self, form: dict[str, str]) -> Answer:
        with self._lock:
            self.forms.append(form)
            scripted = self.answers.popleft() if self.answers else None
        if scripted is not None:
            if scripted.wait:
                scripted.wait.wait(60)
            return scripted
        if form.get("client_id") != CLIENT_ID or form.get("client_secret") != CLIENT_SECRET:
            return refusal("invalid_client")
        with self._lock:
            return self._issued(form) if self._may(form) else refusal("invalid_grant")

    def _may(self, form: dict[str, str]) -> bool:
        match form.get("grant_type"):
            case "refresh_token":
                return form["refresh_token"] == self.refresh
            case "authorization_code":
                challenge = self._codes.pop(form["code"], None)
                digest = hashlib.sha256(form["code_verifier"].encode()).digest()
                right = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge
                return right and form["redirect_uri"] == self.asked["redirect_uri"]
            case "urn:ietf:params:oauth:grant-type:device_code":
                return form["device_code"] == "canary-device-code"
        return False

    def _issued(self, form: dict[str, str]) -> Answer:
        self._count += 1
        access = f"canary-access-{self._count}"
        self.accepted.add(access)
        body: dict[str, object] = {"access_token": access, "token_type": "Bearer", "expires_in": self.lifetime}
        if form["grant_type"] != "refresh_token" or self.rotates:
            self.refresh = f"canary-refresh-{self._count}"
            body["refresh_token"] = self.refresh
        return Answer(200, body)

    def authorize(self, asked: dict[str, str]) -> str:
        """Say yes at once; where the browser goes next."""
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        self.asked = asked
        self._codes["canary-code"] = asked["code_challenge"]
        return f"{asked['redirect_uri']}/?{urlencode({'code': 'canary-code', 'state': asked['state']})}"

    def device(self) -> Answer:
        if self.device_answers:
            return self.device_answers.popleft()
        body: dict[str, object] = {"device_code": "canary-device-code", "user_code": "WDJB-MJHT", "expires_in": 600}
        return Answer(200, {**body, "verification_uri": f"{self.url}/type-it", "interval": self.interval})

    def introspect(self, token: str) -> Answer:
        """What Dovecot asks (RFC 7662)."""
        active = token in self.accepted
        return Answer(200, {"active": active, "username": "hello@riverbend.example"} if active else {"active": False})


class _Handler(BaseHTTPRequestHandler):
    tokens: TokenServer

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(text).items()}
        if self.path == "/token":
            self._say(self.tokens.token(form))
        elif self.path == "/device":
            self._say(self.tokens.device())
        else:
            self._say(self.tokens.introspect(form.get("token", "")))

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        self.send_response(302)
        self.send_header("Location", self.tokens.authorize(asked))
        self.end_headers()

    def _say(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        if answer.encoding:
            self.send_header("Content-Encoding", answer.encoding)
        self.send_header("Content-Length", str(len(answer.raw)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # who asked did not wait, or had read enough
            self.wfile.write(answer.raw)

    def log_message(self, *_: object) -> None:
        pass
