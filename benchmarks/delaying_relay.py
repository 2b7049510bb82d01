"""A TCP relay that makes a server far away: it delays both directions, and bounds what is under way on a connection.

A kernel with `tc netem` does the same; this one needs no rights and no module. Run it in a process of its own.
"""

import asyncio
import multiprocessing
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import uvloop


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """How far away the server seems.

    Attributes:
        round_trip_seconds: to it and back.
        window_bytes: the most that one connection has under way in one direction before it waits for an answer.
    """

    round_trip_seconds: float
    window_bytes: int


class _Direction:
    """One direction of a connection."""

    def __init__(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, distance: Distance) -> None:
        self._source, self._target = source, target
        self._delay, self._window = distance.round_trip_seconds / 2, distance.window_bytes
        self._under_way, self._is_over = 0, False
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._has_data, self._has_room = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        """Relay until the source ends."""
        sending = asyncio.create_task(self._send())
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError):
            while True:
                while self._under_way >= self._window:
                    self._has_room.clear()
                    await self._has_room.wait()
                data = await self._source.read(min(1 << 16, self._window - self._under_way))
                if not data:
                    break
                self._under_way += len(data)
                self._waiting.append((loop.time() + self._delay, data))
                self._has_data.set()
        self._is_over = True
        self._has_data.set()
        with suppress(ConnectionError):
            await sending

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while not self._waiting:
                if self._is_over:
                    self._target.write_eof()
                    return
                self._has_data.clear()
                await self._has_data.wait()
            moment, data = self._waiting[0]
            await asyncio.sleep(max(0.0, moment - loop.time()))
            self._waiting.popleft()
            self._target.write(data)
            await self._target.drain()
            loop.call_later(self._delay, self._acknowledge, len(data))  # the way back

    def _acknowledge(self, count: int) -> None:
        self._under_way -= count
        self._has_room.set()


async def _serve(port: int, distance: Distance, announce: "multiprocessing.Queue[int]") -> None:
    async def relay(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        await asyncio.sleep(distance.round_trip_seconds)  # in which a connection is made
        upstream_source, upstream_target = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(
                _Direction(source, upstream_target, distance).run(), _Direction(upstream_source, target, distance).run()
            )
        finally:
            target.close()
            upstream_target.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    announce.put(server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


def _run(port: int, distance: Distance, announce: "multiprocessing.Queue[int]") -> None:
    uvloop.run(_serve(port, distance, announce))


@contextmanager
def far_away(port: int, distance: Distance) -> Iterator[int]:
    """Run a relay to a port of this machine for the length of a block; yields its own port.

    Args:
        port: where the server listens.
        distance: how far away it shall seem.
    """
    context = multiprocessing.get_context("spawn")
    announce: multiprocessing.Queue[int] = context.Queue()
    process = context.Process(target=_run, args=(port, distance, announce), daemon=True)
    process.start()
    try:
        yield announce.get(timeout=60)
    finally:
        process.terminate()
        process.join()
