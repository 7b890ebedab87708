"""``nurture login``: in a browser (RFC 8252, RFC 7636) and with a code (RFC 8628), against a real token server."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from nurture.delivery.oauth.endpoint import Client, TokenError
from nurture.errors import InputError, SenderError
from nurture.service.login import device as login_device
from nurture.service.login import granting as logins
from nurture.service.login.browser import ask_in_browser
from nurture.service.login.device import DeviceCode, ask_by_device
from nurture.service.login.granting import LoggedIn, log_in
from nurture.store import create_store, open_store, senders
from nurture.vocabulary import Mode
from nurture.workspace.oauth import OAuth
from tests.delivery.outbox import NOW
from tests.servers.scripted_smtp import ScriptedSmtp
from tests.servers.token_server import CLIENT_ID, CLIENT_SECRET, Answer, TokenServer, refusal

SETTINGS = """\
clinic:
  name: Clinic
  phone: 555-0100
  address: {{street: 1 Main Street, city: Salem, region: OR, postal_code: "97301"}}
  site: https://clinic.example
  time_zone: America/Los_Angeles
senders:
  plain: {{name: Clinic, address: plain@clinic.example}}
  main:
    name: Clinic
    address: hello@clinic.example
    smtp: {{host: 127.0.0.1, port: {port}, tls: none, username: hello@clinic.example, oauth: {oauth}}}
"""
CLIENT = Client(CLIENT_ID, CLIENT_SECRET)


@pytest.fixture(autouse=True)
def client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("TEST_CLIENT_SECRET", CLIENT_SECRET)


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with TokenServer(rotates=True) as server:
        yield server


@pytest.fixture
def smtp(tokens: TokenServer) -> Iterator[ScriptedSmtp]:
    with ScriptedSmtp(tokens=tokens.accepted) as server:
        yield server


@pytest.fixture
def root(tmp_path: Path, tokens: TokenServer, smtp: ScriptedSmtp) -> Path:
    oauth = "{" + ", ".join(f"{key}: '{value}'" for key, value in tokens.oauth.items()) + "}"
    (tmp_path / "nurture.yaml").write_text(SETTINGS.format(port=smtp.port, oauth=oauth))
    return tmp_path


def in_background(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def browser(url: str) -> None:
    """Follows the page to the token server and back, as somebody who says yes."""
    in_background(lambda: httpx2.get(url, follow_redirects=True, timeout=10))


def settings_of(tokens: TokenServer) -> OAuth:
    return OAuth.model_validate(tokens.oauth)


def callback(url: str) -> tuple[str, str]:
    """Where the browser shall come back to, and the state."""
    asked = parse_qs(urlsplit(url).query)
    return asked["redirect_uri"][0], asked["state"][0]


def test_a_login_in_the_browser(root: Path, tokens: TokenServer, smtp: ScriptedSmtp) -> None:
    with closing(create_store("sqlite:///data/nurture.db", root=root)) as store, store.write() as connection:
        senders.stop(connection, Mode.LIVE, "main", until=NOW.replace(year=2100), stops=3, reason="535")
        senders.stop(connection, Mode.LIVE, "plain", until=NOW.replace(year=2100), stops=3, reason="535")
    done = log_in(root, "main", show_page=browser)
    assert done == LoggedIn("main", "hello@clinic.example", f"127.0.0.1:{smtp.port}", done.file)
    assert done.file.read_text().strip() == tokens.refresh
    assert done.file.stat().st_mode & 0o777 == 0o600
    assert tokens.asked["login_hint"] == "hello@clinic.example"
    assert any(command.startswith("AUTH XOAUTH2") for command in smtp.commands), "it was tried"
    assert not any(command.startswith("MAIL") for command in smtp.commands)
    with closing(open_store("sqlite:///data/nurture.db", root=root)) as store, store.read() as connection:
        assert [each.sender for each in senders.stopped(connection, Mode.LIVE, NOW)] == ["plain"]


def test_only_the_answer_with_our_state_counts(tokens: TokenServer) -> None:
    """Others on this machine, and browsers that ask for an icon, neither log in nor end the wait."""
    said: list[int] = []

    def show(url: str) -> None:
        back, state = callback(url)
        idle = socket.create_connection(("127.0.0.1", urlsplit(back).port or 0))  # browsers do that

        def strangers() -> None:
            for query in ("code=evil", "code=evil&state=guess", f"code=evil&state={state}x", "state="):
                said.append(httpx2.get(f"{back}/?{query}", timeout=10).status_code)
            said.append(httpx2.get(f"{back}/favicon.ico?state={state}", timeout=10).status_code)
            said.append(httpx2.post(f"{back}/?code=evil&state={state}", timeout=10).status_code)
            said.append(httpx2.get(url, follow_redirects=True, timeout=10).status_code)
            idle.close()

        in_background(strangers)

    found = ask_in_browser(settings_of(tokens), CLIENT, account="a@clinic.example", port=0, show=show)
    assert found.access in tokens.accepted
    assert said[:6] == [400, 400, 400, 400, 400, 501]
    assert [form["code"] for form in tokens.forms] == ["canary-code"]


def test_it_listens_on_this_machine_only_and_no_longer_than_needed(tokens: TokenServer) -> None:
    seen: list[str] = []

    def show(url: str) -> None:
        port = urlsplit(callback(url)[0]).port
        own = f"0100007F:{port:04X}"  # 127.0.0.1, as the kernel writes it
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        seen.extend(row[1] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A")
        assert seen == [own]
        seen.append(callback(url)[0])
        browser(url)

    ask_in_browser(settings_of(tokens), CLIENT, account="a@clinic.example", port=0, show=show)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", urlsplit(seen[-1]).port or 0), timeout=5)


def test_a_no_in_the_browser(tokens: TokenServer) -> None:
    def show(url: str) -> None:
        back, state = callback(url)
        in_background(lambda: httpx2.get(f"{back}/?error=access_denied&state={state}", timeout=10))

    with pytest.raises(SenderError, match="refused in the browser: access_denied"):
        ask_in_browser(settings_of(tokens), CLIENT, account="a@clinic.example", port=0, show=show)
    assert tokens.forms == []


def test_nobody_comes_back(tokens: TokenServer) -> None:
    """Not even somebody who drips bytes makes it wait longer."""

    def drip(port: int) -> None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as connection:
            for _ in range(100):
                connection.sendall(b"G")
                time.sleep(0.1)

    def show(url: str) -> None:
        in_background(lambda: drip(urlsplit(callback(url)[0]).port or 0))

    began = time.monotonic()
    with pytest.raises(SenderError, match="nobody said yes"):
        ask_in_browser(settings_of(tokens), CLIENT, account="a@clinic.example", port=0, show=show, seconds=0.5)
    assert time.monotonic() - began < 5


def test_a_stolen_code_is_worth_nothing_without_the_verifier(tokens: TokenServer) -> None:
    """PKCE: the challenge went through the browser, the verifier did not."""
    urls: list[str] = []
    ask_in_browser(
        settings_of(tokens),
        CLIENT,
        account="a@clinic.example",
        port=0,
        show=lambda url: (urls.append(url), browser(url)),
    )
    verifier = tokens.forms[0]["code_verifier"]
    assert len(verifier) >= 43
    assert verifier not in urls[0]
    assert "code_challenge_method=S256" in urls[0]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refusal("invalid_grant"), "no permission for hello@clinic.example: 127.0.0.1:"),
        (Answer(200, b"<html>"), "gives no token now"),
        (Answer(200, {"access_token": "a", "token_type": "Bearer"}), "holds no refresh token"),
    ],
)
def test_no_token_changes_nothing(root: Path, tokens: TokenServer, answer: Answer, words: str) -> None:
    log_in(root, "main", show_page=browser)
    before = tokens.refresh
    tokens.answers.append(answer)
    with pytest.raises(SenderError, match=words):
        log_in(root, "main", show_page=browser)
    assert (root / "data/keys/main.refresh-token").read_text().strip() == before


def test_a_login_by_another_account_is_told_at_once(root: Path, tokens: TokenServer, smtp: ScriptedSmtp) -> None:
    smtp._tokens = set()
    with pytest.raises(SenderError, match=r"535 .* another account than hello@clinic\.example"):
        log_in(root, "main", show_page=browser)


@pytest.mark.parametrize(
    ("name", "words"),
    [("mian", "did you mean `main`"), ("plain", "no `oauth`"), ("nobody", "nurture.yaml has plain, main")],
)
def test_who_cannot_log_in(root: Path, name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        log_in(root, name, show_page=browser)


# -- with a code


def device(tokens: TokenServer) -> tuple[list[DeviceCode], list[float], Callable[[], object]]:
    shown: list[DeviceCode] = []
    pauses: list[float] = []
    return shown, pauses, lambda: ask_by_device(settings_of(tokens), CLIENT, show=shown.append, pause=pauses.append)


def test_a_login_with_a_code(root: Path, tokens: TokenServer) -> None:
    shown: list[DeviceCode] = []
    tokens.answers.append(refusal("authorization_pending"))
    log_in(root, "main", show_page=browser, show_code=shown.append)
    assert shown == [DeviceCode(f"{tokens.url}/type-it", "WDJB-MJHT", 600)]
    assert (root / "data/keys/main.refresh-token").read_text().strip() == tokens.refresh


def test_it_asks_as_often_as_the_server_likes(tokens: TokenServer) -> None:
    tokens.interval = 2
    pending, slower = refusal("authorization_pending"), refusal("slow_down")
    tokens.answers.extend([pending, slower, pending, slower, Answer(503, b"")])
    _, pauses, ask = device(tokens)
    ask()
    assert pauses == [2, 2, 7, 7, 12, 24]


@pytest.mark.parametrize(
    ("code", "words"),
    [("access_denied", "refused in the browser"), ("expired_token", "each login has a new code")],
)
def test_a_code_that_came_to_nothing(tokens: TokenServer, code: str, words: str) -> None:
    tokens.answers.extend([refusal("authorization_pending"), refusal(code)])
    with pytest.raises(SenderError, match=words):
        device(tokens)[2]()


def test_a_code_that_nobody_types(tokens: TokenServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the server goes on to say that it waits."""
    monkeypatch.setattr(login_device, "_LONGEST", 0.3)
    tokens.answers.extend([refusal("authorization_pending")] * 1000)
    shown: list[DeviceCode] = []
    with pytest.raises(SenderError, match="nobody typed the code in time"):
        ask_by_device(settings_of(tokens), CLIENT, show=shown.append, pause=lambda _: time.sleep(0.02))


@pytest.mark.parametrize(
    "nonsense",
    [
        {"verification_uri": "http://["},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": 5},
        {"device_code": None},
        {"user_code": ["WDJB"]},
    ],
)
def test_a_server_that_gives_no_code_to_type(tokens: TokenServer, nonsense: dict[str, object]) -> None:
    good = {"device_code": "canary-device-code", "user_code": "WDJB", "verification_uri": "https://login.example"}
    tokens.device_answers.append(Answer(200, good | nonsense))
    shown, _, ask = device(tokens)
    with pytest.raises(TokenError, match="no code to type"):
        ask()
    assert shown == []


def test_no_number_of_a_server_makes_it_ask_all_the_time_or_for_ever(tokens: TokenServer) -> None:
    good = {"device_code": "canary-device-code", "user_code": "WDJB", "verification_uri": "https://login.example"}
    for number, pause, seconds in [(10**400, 60, 1800), (-1, 1, 0), (float("nan"), 5, 1800), ("7", 7, 7)]:
        tokens.device_answers.append(Answer(200, {**good, "interval": number, "expires_in": number}))
        shown, pauses, ask = device(tokens)
        with contextlib.suppress(SenderError):  # a code that has ended already
            ask()
        assert [each.seconds for each in shown] == [seconds]
        assert pauses in ([], [pause])


def test_google_gives_no_access_to_mail_by_a_code(root: Path, tokens: TokenServer) -> None:
    text = (root / "nurture.yaml").read_text().replace(f"device_url: '{tokens.url}/device', ", "")
    (root / "nurture.yaml").write_text(text)
    with pytest.raises(InputError, match="--port 8085"):
        log_in(root, "main", show_page=browser, show_code=lambda _: None)


# -- the command


def test_the_command_says_no_secret(root: Path, tokens: TokenServer) -> None:
    """As somebody sees it: the address on standard error, the result on standard output."""
    code = "import sys; from nurture.cli import main; sys.argv = ['nurture', *sys.argv[1:]]; sys.exit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "-w", str(root), "login", "main"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(logins.__file__).parents[2])},
    )
    assert process.stderr is not None
    lines = [process.stderr.readline(), process.stderr.readline()]
    browser(lines[1].strip())
    out, rest = process.communicate(timeout=60)
    assert process.returncode == 0, rest
    assert "hello@clinic.example may send" in out
    assert "canary" not in out + rest + "".join(lines)
