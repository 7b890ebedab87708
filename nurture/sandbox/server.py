"""The mail server of the sandbox: takes all mail on loopback, keeps it in a Maildir."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from pathlib import Path
from weakref import WeakSet

from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

from nurture.errors import SandboxError
from nurture.sandbox.maildir import deliver, make_maildir

LOOPBACK = "127.0.0.1"
SIZE_LIMIT = 30_000_000  # bytes of one message
_END = b"\r\n.\r\n"
_LAST_TURNS = 10  # of the loop: a connection that is just being accepted takes some until it can be closed

log = logging.getLogger(__name__)


class SandboxServer:
    """An SMTP server in its own thread; several may share one Maildir.

    Only this machine can reach it. A message is on the disk before the client
    reads the 250.
    """

    def __init__(self, maildir: Path, *, size_limit: int = SIZE_LIMIT) -> None:
        self._maildir = maildir
        self._size_limit = size_limit
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._thread: threading.Thread | None = None
        self.port = 0

    def start(self, *, port: int = 0) -> int:
        """Listen on a loopback port, a free one by default; returns it.

        Raises `SandboxError` if the Maildir cannot be made or the port is taken.
        """
        try:
            make_maildir(self._maildir)
        except OSError as error:
            raise SandboxError(
                f"the sandbox cannot keep mail in {self._maildir}: {error.strerror}; check the folder's owner"
            ) from error
        try:
            listening = socket.create_server((LOOPBACK, port))
        except OSError as error:
            raise SandboxError(f"the sandbox cannot listen on {LOOPBACK}:{port}: {error.strerror}") from error
        self.port = listening.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        # connections wait in the socket's queue until the loop runs
        self._thread = threading.Thread(target=self._run, args=(self._loop, listening), name="sandbox", daemon=True)
        self._thread.start()
        return self.port

    def stop(self) -> None:
        """Close the port and all connections; waits for messages that are being written."""
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None

    def __enter__(self) -> SandboxServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self, loop: asyncio.AbstractEventLoop, listening: socket.socket) -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(self._serve(loop, listening))
        loop.run_until_complete(loop.shutdown_default_executor())

    async def _serve(self, loop: asyncio.AbstractEventLoop, listening: socket.socket) -> None:
        connections: WeakSet[SMTP] = WeakSet()

        def connect() -> SMTP:
            connection = _Connection(
                _Handler(self._maildir),
                hostname="sandbox.localhost",
                ident="nurture sandbox",
                data_size_limit=self._size_limit,
                enable_SMTPUTF8=True,
                loop=loop,
            )
            connections.add(connection)
            return connection

        server = await loop.create_server(connect, sock=listening)
        await self._stopping.wait()
        # a closed server drops, open, what it accepted and had no time to attach: first let these connections be made
        loop.remove_reader(listening)
        for _ in range(_LAST_TURNS):
            await asyncio.sleep(0)
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in connections:
            if isinstance(connection.transport, asyncio.WriteTransport):
                connection.transport.abort()
        await asyncio.sleep(0)


class _Connection(SMTP):
    """aiosmtpd's, but for reading a message: line by line that took most of the demo's time."""

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 aiosmtpd's name
        """Take a message up to the lone dot (RFC 5321 4.1.1.4)."""
        if await self.check_helo_needed():
            return
        if arg or self.envelope is None or not self.envelope.rcpt_tos:
            await self.push("501 Syntax: DATA" if arg else "503 Error: need RCPT command")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        data = await self._read_message()
        if data is None:
            status = "552 Error: Too much mail data"
        else:
            self.envelope.content = data
            status = await self._call_handler_hook("DATA")
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        await self.push(status)

    async def _read_message(self) -> bytes | None:
        """The message without its dots doubled; None if it is too large: then it is read and dropped."""
        limit, too_large = self.data_size_limit or SIZE_LIMIT, False
        data = bytearray(b"\r\n")  # so that an empty message ends like any other
        while True:
            known = len(data)
            piece = await self._reader.read(SIZE_LIMIT)  # all that is there
            if not piece:
                raise asyncio.CancelledError("the client went away")
            data += piece
            end = data.find(_END, max(0, known - len(_END)))
            too_large = too_large or (len(data) if end < 0 else end) - 2 > limit
            if end >= 0:
                self._reader.feed_data(bytes(data[end + len(_END) :]))  # commands that were sent ahead
                return None if too_large else bytes(data[: end + 2]).replace(b"\r\n..", b"\r\n.")[2:]
            if too_large:
                del data[: -len(_END)]


class _Handler:
    """What aiosmtpd asks: keep each message, one copy per recipient."""

    def __init__(self, maildir: Path) -> None:
        self._maildir = maildir

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 aiosmtpd's name
        """Keep the message, then say so (RFC 5321 4.2.5)."""
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        try:
            await asyncio.to_thread(
                deliver, self._maildir, content, sender=envelope.mail_from or "", recipients=envelope.rcpt_tos
            )
        except OSError as error:
            log.error("the sandbox cannot keep a message: %s", error.strerror)
            return f"452 4.3.1 the sandbox cannot keep the message: {error.strerror}"
        return "250 2.0.0 kept in the sandbox"
