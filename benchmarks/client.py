"""Finished mails over kept connections, without a database: by nurture's connection, or by aiosmtplib.

``python -m benchmarks.client nurture|aiosmtplib MAILS PORT SIZE``; the answer is JSON on one line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator

import aiosmtplib

from benchmarks.outbox import CONNECTIONS
from nurture.delivery.connection import Timeouts, wire_body
from nurture.delivery.dialing import dial
from nurture.delivery.event_loop import run_async
from nurture.delivery.routes import Route
from nurture.workspace.fields import TlsMode
from nurture.workspace.settings import Pipelining

SENDER, RECIPIENT = "hello@riverbend.example", "person@partner.example"


def mail(size: int) -> bytes:
    """A mail of about ``size`` octets with lines of 76, as quoted-printable has them; some begin with a dot."""
    head = b"From: <hello@riverbend.example>\r\nSubject: News\r\nMessage-ID: <1@riverbend.example>\r\n\r\n"
    lines = [(b"." if number % 40 == 0 else b"x") + b"y" * 75 for number in range((size - len(head)) // 78)]
    return head + b"\r\n".join(lines) + b"\r\n"


async def ours(mails: int, port: int, raw: bytes) -> int:
    """The product's connection, as `delivery.line` uses it: body and next envelope in one write."""
    route = _route(port)
    left = iter(range(mails))
    return sum(await asyncio.gather(*(_line(route, left, raw) for _ in range(CONNECTIONS))))


async def _line(route: Route, left: Iterator[int], raw: bytes) -> int:
    connection = await dial(route, Timeouts())
    envelope = connection.envelope(
        SENDER, RECIPIENT, message_id="<1@riverbend.example>", size=len(raw), international=False
    )
    wire = wire_body(raw)
    taken = 0
    more = next(left, None) is not None
    if more:
        connection.send(*envelope)
    while more:
        for wanted in (250, 250, 354):
            reply = await connection.answer(60)
            if reply.code != wanted:
                raise AssertionError(f"the server says {reply.code} {reply.text}")
        more = next(left, None) is not None
        connection.send(wire, *(envelope if more else ()))
        taken += (await connection.answer(60)).code == 250
    await connection.quit()
    return taken


async def theirs(mails: int, port: int, raw: bytes) -> int:
    """aiosmtplib's ``sendmail`` of the same bytes on as many kept connections."""
    left = iter(range(mails))

    async def line() -> int:
        smtp = aiosmtplib.SMTP(hostname="127.0.0.1", port=port)
        await smtp.connect()
        taken = 0
        for _ in left:
            await smtp.sendmail(SENDER, [RECIPIENT], raw)
            taken += 1
        await smtp.quit()
        return taken

    return sum(await asyncio.gather(*(line() for _ in range(CONNECTIONS))))


def _route(port: int) -> Route:
    return Route(
        host="127.0.0.1",
        port=port,
        tls=TlsMode.NONE,
        connections=CONNECTIONS,
        pipelining=Pipelining.AUTO,
    )


def main() -> None:
    """Send and say what it cost; ``cpu`` and ``wall`` are in seconds."""
    way, mails, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    raw = mail(size)
    began, wall = time.process_time(), time.perf_counter()
    taken = run_async((ours if way == "nurture" else theirs)(mails, port, raw))
    cpu, wall = time.process_time() - began, time.perf_counter() - wall
    if taken != mails:
        raise AssertionError(f"{taken} of {mails} mails were taken")
    print(json.dumps({"sent": mails, "cpu": cpu, "wall": wall}))


if __name__ == "__main__":
    main()
