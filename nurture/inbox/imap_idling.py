"""IDLE (RFC 2177): the server speaks up when something arrives."""

from __future__ import annotations

import re
import socket

from nurture.clock import monotonic
from nurture.inbox.imap_client import IDLE, BoundedImap

_NEWS = re.compile(rb"\* (?:[0-9]+ (?:EXISTS|RECENT)|BYE)", re.IGNORECASE)


def idle(client: BoundedImap, seconds: float, waker: socket.socket) -> None:
    """Wait in the folder that was just opened until something arrives, the time is over or ``waker`` can be read.

    A server that does not know IDLE, or refuses it, is left alone for just as long.
    """
    end = monotonic() + seconds
    tag = _begin(client) if IDLE in client.capabilities else None
    if tag is not None and len(client.untagged_responses.get("EXISTS", ())) > 1:
        end = monotonic()  # it told of a mail before it said that it was ready
    while (remaining := end - monotonic()) > 0:
        if not client.await_octets(remaining, waker) or _NEWS.match(client.idle_line()):
            break
    if tag is not None:
        client.send(b"DONE\r\n")
        while client.tagged_commands[tag] is None:
            client._get_response()  # noqa: SLF001
        del client.tagged_commands[tag]


def _begin(client: BoundedImap) -> bytes | None:
    """The tag of the command; None if it is refused."""
    tag: bytes = client._command(IDLE)  # noqa: SLF001 - only imaplib of Python 3.14 offers it
    while client.tagged_commands[tag] is None:
        if client._get_response() is None:  # noqa: SLF001 - the continuation
            return tag
    del client.tagged_commands[tag]
    return None
