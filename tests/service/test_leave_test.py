"""The way out is proven by a POST that arrives here, or by a person who saw STOP arrive."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from nurture.clock import DrivenClock
from nurture.composing.link_keys import read_link_keys
from nurture.errors import InputError, SecretError
from nurture.planning.occurrences import Occurrence
from nurture.service.house import FRESH, House, open_house
from nurture.service.leave_test import probe_page, stop_arrived, ways_out
from nurture.service.link_keys import rotate_link_keys
from nurture.service.pages import pages_served
from nurture.store import meta, way_out
from nurture.vocabulary import Mode
from nurture.workspace.scaffold import Answers, init_workspace
from tests.delivery.outbox import NOW
from tests.servers.ready import free_port


def way_out_proven(house: House) -> bool:
    return all(way.seen_at is not None for way in ways_out(house))


@contextmanager
def clinic(root: Path, *, public_url: str | None, port: int = 0) -> Iterator[House]:
    if not root.exists():
        init_workspace(root, Answers(), now=NOW)
    settings = root / "nurture.yaml"
    lines = [line for line in settings.read_text().splitlines() if not line.startswith(("public_url", "web:"))]
    if public_url:
        lines += [f"public_url: {public_url}", f"web: {{port: {port}}}"]
    settings.write_text("\n".join(lines) + "\n")
    with open_house(root, clock=DrivenClock(NOW), create=True) as house:
        yield house


@contextmanager
def stranger(answer: bytes) -> Iterator[int]:
    """A web server that is not ours."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(10)


def test_a_post_that_arrives_proves_the_page_at_this_address_only(tmp_path: Path) -> None:
    port = free_port()
    with clinic(tmp_path / "c", public_url=f"http://127.0.0.1:{port}", port=port) as house:
        assert not way_out_proven(house)
        with pages_served(house):
            assert probe_page(house) is None
        assert way_out_proven(house)
        assert ways_out(house)[0].seen_at == NOW
        assert house.links_arrive()
    with clinic(tmp_path / "c", public_url=f"http://localhost:{port}/mail", port=port) as house:
        assert not way_out_proven(house)
        assert not house.links_arrive()
        with pages_served(house):
            assert probe_page(house) is None
        assert way_out_proven(house)


def test_a_page_that_is_not_served_is_told(tmp_path: Path) -> None:
    port = free_port()
    with clinic(tmp_path / "c", public_url=f"http://127.0.0.1:{port}", port=port) as house:
        problem = probe_page(house) or ""
        assert "cannot be reached" in problem
        assert "`nurture run` must be at work" in problem
        assert not way_out_proven(house)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "answers 200, but not to us"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answers 404, but refuses the POST"),
        (
            b"HTTP/1.1 301 Moved\r\nLocation: https://x.example/\r\nContent-Length: 0\r\n\r\n",
            "sends to another address",
        ),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "cannot do anything now"),
        (b"no http\r\n\r\n", "cannot be reached"),
    ],
)
def test_a_strangers_page_proves_nothing(tmp_path: Path, answer: bytes, words: str) -> None:
    with stranger(answer) as port, clinic(tmp_path / "c", public_url=f"http://127.0.0.1:{port}", port=9) as house:
        assert words in (probe_page(house) or "")
        assert not way_out_proven(house)


def test_without_a_page_somebody_must_see_the_mail_arrive(tmp_path: Path) -> None:
    with clinic(tmp_path / "c", public_url=None) as house:
        (way,) = ways_out(house)
        assert way.seen_at is None
        with pytest.raises(InputError, match="has no public_url"):
            probe_page(house)
        with pytest.raises(InputError, match=f"answered to {way.where}"):
            stop_arrived(house, "somebody@else.example")
        stop_arrived(house, way.where.upper())
        assert way_out_proven(house)


def test_an_edition_keeps_its_page_and_key(tmp_path: Path) -> None:
    occurrence = Occurrence("2026-12-01T09:30", NOW)
    with clinic(tmp_path / "c", public_url="https://mail.clinic.example", port=8123) as house:
        kept = [house.snapshot("partner-news", (), occurrence)["shared"]["pages"] for _ in range(2)]  # type: ignore[index]
        key = read_link_keys(house.data).newest
        rules = {"partners": True, "patients": "none", "country": "US"}
        here = {
            "url": "http://127.0.0.1:8123",
            "key": key.id,
            "verp": False,
            "tracking": rules,
        }  # in the sandbox: this machine
        assert kept == [here] * 2
        with house.store.write() as connection:
            meta.set_mode(connection, Mode.LIVE, NOW)
        rotate_link_keys(house.store, house.data, now=NOW)
        live = house.snapshot("partner-news", (), occurrence)["shared"]["pages"]  # type: ignore[index]
        newest = read_link_keys(house.data).newest.id
        assert live == {"url": "https://mail.clinic.example", "key": newest, "verp": False}
        assert live["key"] != key.id
        with house.store.write() as connection:
            way_out.record_links(connection, "https://mail.clinic.example", NOW)
        assert house.snapshot("partner-news", (), occurrence)["shared"]["pages"] == {**live, "tracking": rules}  # type: ignore[index]
        house.clock.advance(FRESH + timedelta(seconds=1))  # type: ignore[attr-defined]
        assert house.snapshot("partner-news", (), occurrence)["shared"]["pages"] == live  # type: ignore[index]
        (house.data / "link.keys").unlink()
        with pytest.raises(SecretError, match="are missing"):  # not made anew: mails that left need the old ones
            house.snapshot("partner-news", (), occurrence)
    with clinic(tmp_path / "d", public_url=None) as house:
        signed = house.snapshot("partner-news", (), occurrence)["shared"]["pages"]  # type: ignore[index]
        assert signed == {"url": None, "key": read_link_keys(house.data).newest.id, "verp": False}
