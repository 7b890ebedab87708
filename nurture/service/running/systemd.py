"""What systemd is told of `nurture run` (sd_notify(3)): that it works, that it still works, that it stops.

Without ``NOTIFY_SOCKET`` in the environment nobody is told anything.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Mapping
from typing import Final

from nurture.clock import monotonic

log = logging.getLogger("nurture")

# A round of planning takes seconds, minutes where a feed's server is slow; whoever needs longer hangs.
STUCK: Final = 900.0  # seconds


class Systemd:
    """The one that started us, if it wants to be told."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # "@" begins a name without a file (unix(7)); anything else that is no path cannot be meant
        self._address = "\0" + address[1:] if address.startswith("@") else address if address.startswith("/") else ""
        wanted = environment.get("WATCHDOG_USEC", "")
        self._pause = int(wanted) / 2_000_000 if wanted.isdecimal() and int(wanted) > 0 else None
        self._worked_at = monotonic()

    def worked(self) -> None:
        """A round of work has come to its end."""
        self._worked_at = monotonic()

    async def tell_until(self, stop: asyncio.Event) -> None:
        """That it is ready; as often as the watchdog wants that it works, unless it hangs; at ``stop`` that it ends."""
        if not self._address:
            return
        self._send("READY=1")
        while not await _is_set(stop, self._pause):
            if monotonic() - self._worked_at < STUCK:
                self._send("WATCHDOG=1")
        self._send("STOPPING=1")

    def _send(self, words: str) -> None:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.sendto(words.encode("ascii"), self._address)
        except OSError as error:
            log.warning("systemd cannot be told %s: %s", words, error.strerror or error)


async def _is_set(stop: asyncio.Event, seconds: float | None) -> bool:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True
