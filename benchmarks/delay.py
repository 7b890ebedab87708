"""A way to a port of this machine that takes time: each piece is handed on so many milliseconds later.

``python -m benchmarks.delay PORT TARGET MILLISECONDS``; it ends when it is killed.
"""

from __future__ import annotations

import asyncio
import sys

from nurture.delivery.event_loop import run_async


class _Half(asyncio.Protocol):
    """One side; what it hears goes to the other side, later."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.other: asyncio.Future[asyncio.Transport] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        asyncio.get_running_loop().call_later(self.seconds, self._hand_on, data)

    def connection_lost(self, error: Exception | None) -> None:
        asyncio.get_running_loop().call_later(self.seconds, self._hand_on, b"")

    def _hand_on(self, data: bytes) -> None:
        self.other.add_done_callback(lambda other: other.result().write(data) if data else other.result().close())


async def _serve(port: int, target: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    dials: set[asyncio.Task[None]] = set()

    async def dial(near: _Half) -> None:
        await asyncio.sleep(seconds)
        transport, far = await loop.create_connection(lambda: _Half(seconds), "127.0.0.1", target)
        near.other.set_result(transport)
        far.other.set_result(near.transport)  # type: ignore[arg-type]

    def accept() -> _Half:
        near = _Half(seconds)
        task = loop.create_task(dial(near))
        dials.add(task)
        task.add_done_callback(dials.discard)
        return near

    server = await loop.create_server(accept, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    run_async(_serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000))
