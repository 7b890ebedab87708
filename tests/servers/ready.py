"""Ports that are free, servers that answer, and waiting until something holds."""

import socket
import time
from collections.abc import Callable


def free_port() -> int:
    """A port on loopback that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def greets(port: int, words: bytes) -> bool:
    """Whether a server there begins with these words."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            return connection.recv(len(words)) == words
    except OSError:
        return False


def wait_until(true: Callable[[], object], words: str, *, seconds: float = 60) -> None:
    """Until ``true`` says so, else an `AssertionError` with ``words``."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, words
        time.sleep(0.05)
