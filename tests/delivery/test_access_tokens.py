"""Access tokens: obtained once for all who ask, renewed in time, and what servers do instead of giving one."""

import asyncio
import gzip
import os
import stat
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nurture.delivery.oauth import access
from nurture.delivery.oauth.endpoint import Client, TokenError, ask_tokens
from nurture.delivery.oauth.keeping import keep, locked, permission_of
from nurture.errors import SecretError
from tests.delivery.conftest import logged_in
from tests.servers.token_server import CLIENT_ID, CLIENT_SECRET, Answer, TokenServer, refusal

ADDRESS = "hello@riverbend.example"
CLIENT = Client(CLIENT_ID, CLIENT_SECRET)


async def test_a_token_is_renewed_before_its_end(tokens: TokenServer, tmp_path: Path) -> None:
    mine = logged_in(tmp_path, tokens)
    tokens.lifetime = "0.4"  # as text, as some servers write it
    first = await mine.get()
    assert await mine.get() == first
    await asyncio.sleep(0.25)
    assert await mine.get() != first


async def test_a_token_goes_on_while_its_server_is_away(tokens: TokenServer, tmp_path: Path) -> None:
    mine = logged_in(tmp_path, tokens)
    tokens.lifetime = 2
    first = await mine.get()
    await asyncio.sleep(1.1)
    tokens.answers.append(Answer(502, b""))
    assert await mine.get() == first


@pytest.mark.parametrize("lifetime", [float("nan"), "soon", None])
async def test_a_lifetime_that_is_no_number_ends_all_the_same(
    tokens: TokenServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lifetime: object
) -> None:
    """RFC 6749 5.1: without one, an hour at most is believed. Nothing compares with NaN: it never ended."""
    tokens.lifetime = lifetime
    mine = logged_in(tmp_path, tokens)
    first, now = await mine.get(), time.monotonic()
    monkeypatch.setattr(access, "monotonic", lambda: now + 3500)
    assert await mine.get() != first


async def test_a_login_is_believed_at_once(tokens: TokenServer, tmp_path: Path) -> None:
    """A failure answers all who ask in the next seconds; not those who ask with a new permission."""
    mine = logged_in(tmp_path, tokens)
    tokens.answers.append(refusal("invalid_grant"))
    for _ in range(3):
        with pytest.raises(TokenError, match="invalid_grant"):
            await mine.get()
    assert len(tokens.forms) == 1
    logged_in(tmp_path, tokens)
    assert await mine.get() in tokens.accepted


async def test_a_hanging_server_holds_nobody_up(
    tokens: TokenServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many lines ask at once: the event loop goes on, and all have their answer after one bounded wait."""
    monkeypatch.setattr(access, "ask_tokens", lambda *rest: ask_tokens(*rest, seconds=0.5))
    mine = logged_in(tmp_path, tokens)
    hang = threading.Event()
    tokens.answers.extend(Answer(wait=hang) for _ in range(10))
    asking = [asyncio.create_task(mine.get()) for _ in range(10)]
    began, ticks = time.monotonic(), 0
    while not all(task.done() for task in asking):
        await asyncio.sleep(0.01)
        ticks += 1
    hang.set()
    errors = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(error, TokenError) and error.code == "" for error in errors)
    assert time.monotonic() - began < 4
    assert ticks >= 10
    assert len(tokens.forms) == 1


async def test_a_rotated_refresh_token_is_on_the_disk_first(tokens: TokenServer, tmp_path: Path) -> None:
    tokens.rotates = True
    mine = logged_in(tmp_path, tokens)
    await mine.get()
    path = tmp_path / permission_of("clinic").name
    assert path.read_text() == "canary-refresh-1\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.glob("*.new")] == []


def test_many_workers_renew_at_once(tokens: TokenServer, tmp_path: Path) -> None:
    """Each has its own memory, as processes have; the server voids each refresh token at its first use."""
    tokens.rotates = True
    workers = [logged_in(tmp_path, tokens) for _ in range(6)]
    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(lambda each: asyncio.run(each.get()), workers))
    assert len(set(found)) == 6
    assert set(found) <= tokens.accepted
    assert (tmp_path / permission_of("clinic").name).read_text().strip() == tokens.refresh


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
async def test_a_refresh_token_that_the_disk_does_not_take_is_not_lost(
    tokens: TokenServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "_ECHO", 0.0)
    tokens.rotates = True
    mine = logged_in(tmp_path, tokens)
    blocked = tmp_path / f"{permission_of('clinic').name}.new"
    blocked.mkdir()
    with pytest.raises(SecretError, match="cannot be written"):
        await mine.get()
    blocked.rmdir()
    assert await mine.get() in tokens.accepted
    assert (tmp_path / permission_of("clinic").name).read_text().strip() == tokens.refresh


async def test_a_new_login_wins_over_a_refresh_token_that_is_still_to_be_written(
    tokens: TokenServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "_ECHO", 0.0)
    tokens.rotates = True
    mine = logged_in(tmp_path, tokens)
    blocked = tmp_path / f"{permission_of('clinic').name}.new"
    blocked.mkdir()
    with pytest.raises(SecretError):
        await mine.get()
    blocked.rmdir()
    tokens.refresh = "canary-refresh-anew"
    with locked(tmp_path, "clinic"):
        keep(tmp_path, "clinic", tokens.refresh)
    assert await mine.get() in tokens.accepted
    assert tokens.forms[-1]["refresh_token"] == "canary-refresh-anew"


async def test_a_permission_that_others_can_read_is_not_used(tokens: TokenServer, tmp_path: Path) -> None:
    mine = logged_in(tmp_path, tokens)
    (tmp_path / permission_of("clinic").name).chmod(0o644)
    with pytest.raises(SecretError, match="chmod 600"):
        await mine.get()
    assert tokens.forms == []


def test_a_lock_is_not_waited_for_without_end(tmp_path: Path) -> None:
    second = locked(tmp_path, "clinic", patience=0.1)
    with locked(tmp_path, "clinic"), pytest.raises(SecretError, match="another process"), second:
        pass


@pytest.mark.parametrize("body", [b"{" * 100_000, b"[]", b"x" * 200_000, b'{"access_token": 5}'])
def test_garbage_is_no_token(tokens: TokenServer, body: bytes) -> None:
    tokens.answers.append(Answer(200, body))
    with pytest.raises(TokenError) as caught:
        ask_tokens(tokens.oauth["token_url"], CLIENT, {"grant_type": "refresh_token", "refresh_token": "r"})
    assert caught.value.code == ""


def test_a_small_answer_that_unpacks_to_a_huge_one_is_not_read_whole(tokens: TokenServer) -> None:
    tokens.answers.append(Answer(200, gzip.compress(b" " * 50_000_000), encoding="gzip"))
    tracemalloc.start()
    try:
        with pytest.raises(TokenError, match="gives no token now"):
            ask_tokens(tokens.oauth["token_url"], CLIENT, {"grant_type": "refresh_token", "refresh_token": "r"})
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_redirect_is_not_followed(tokens: TokenServer) -> None:
    tokens.answers.append(Answer(307, b""))
    with pytest.raises(TokenError, match="answers 307"):
        ask_tokens(tokens.oauth["token_url"], CLIENT, {"grant_type": "refresh_token", "refresh_token": "r"})
    assert len(tokens.forms) == 1
