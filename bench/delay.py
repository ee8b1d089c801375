"""A TCP proxy that delays, because a container has no `tc netem`: what a round trip costs, counted from outside."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Carry bytes one way, each chunk `seconds` late and in order; later chunks do not wait for earlier ones' delay."""
    loop = asyncio.get_running_loop()
    while chunk := await reader.read(65536):
        loop.call_later(seconds, writer.write, chunk)
    loop.call_later(seconds, writer.close)


async def _carry(
    goal: tuple[str, int], seconds: float, near: tuple[asyncio.StreamReader, asyncio.StreamWriter]
) -> None:
    far = await asyncio.open_connection(*goal)
    await asyncio.gather(_pump(near[0], far[1], seconds), _pump(far[0], near[1], seconds))


@contextlib.contextmanager
def delayed(address: str, port: int, round_trip: float) -> Iterator[int]:
    """Yield a port on 127.0.0.1 that leads to `address`:`port` with `round_trip` seconds added."""
    loop = asyncio.new_event_loop()
    carriers: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carriers.add(asyncio.create_task(_carry((address, port), round_trip / 2, (reader, writer))))

    async def end() -> None:
        server.close()
        for carrier in carriers:
            carrier.cancel()
        await asyncio.gather(*carriers, return_exceptions=True)
        loop.stop()

    server = loop.run_until_complete(asyncio.start_server(accept, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop)
        thread.join()
        loop.close()
