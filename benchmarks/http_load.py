"""A small HTTP/1.1 client for load tests. It costs little, because it shares the machine with the service."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

TIMEOUT_SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Target:
    """The service, and who sends the requests.

    Attributes:
        port: Its port on 127.0.0.1.
        token: The API token.
    """

    port: int
    token: str

    def request(self, path: str, *, method: str = "GET", headers: str = "", body: bytes = b"") -> bytes:
        """The bytes of a request; `headers` are further lines, each with its line break."""
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nAuthorization: Bearer {self.token}\r\n"
        return (head + headers + length + "\r\n").encode() + body


@dataclass(slots=True)
class Measured:
    """The answers to some requests.

    Attributes:
        statuses: How many had each status; 0 for none within `TIMEOUT_SECONDS`.
        seconds: How long each took, by its status.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: dict[int, list[float]] = field(default_factory=dict)

    def add(self, status: int, seconds: float) -> None:
        """Count one answer."""
        self.statuses[status] += 1
        self.seconds.setdefault(status, []).append(seconds)

    def quantile(self, q: float, *statuses: int) -> float | None:
        """A quantile of the seconds of these statuses, of all by default; None without an answer."""
        chosen = statuses or tuple(self.seconds)
        found = sorted(second for status in chosen for second in self.seconds.get(status, []))
        return found[min(len(found) - 1, int(q * len(found)))] if found else None


class Client:
    """One keep-alive connection, which is opened again where the service closed it."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, request: bytes, measured: Measured, *, began: float | None = None) -> int:
        """Send a request and read its answer; return the status, 0 for none.

        Args:
            request: The bytes.
            measured: Receives the answer.
            began: When the request was due, as `time.perf_counter`; None for now.
        """
        began = time.perf_counter() if began is None else began
        status = 0
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                status = await self._exchange(request)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            self.close()
        measured.add(status, time.perf_counter() - began)
        return status

    async def _exchange(self, request: bytes) -> int:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._target.port)
        reader, writer = self._streams
        writer.write(request)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        _, _, rest = head.partition(b"content-length:")
        if rest:
            await reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
        if b"connection: close" in head:
            self.close()
        return int(head[9:12])

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def at_once(target: Target, requests: Iterable[bytes]) -> Measured:
    """Send requests at the same time, each on a connection of its own."""
    measured = Measured()
    clients = [(Client(target), request) for request in requests]
    await asyncio.gather(*(client.send(request, measured) for client, request in clients))
    for client, _ in clients:
        client.close()
    return measured


async def at_rate(target: Target, requests: list[bytes], *, rate: float, seconds: float) -> Measured:
    """Send so many requests a second, whatever the answers do. A late request counts from when it was due."""
    measured, idle, running = Measured(), list[Client](), set[asyncio.Task[None]]()

    async def send(request: bytes, due: float) -> None:
        client = idle.pop() if idle else Client(target)
        await client.send(request, measured, began=due)
        idle.append(client)

    began = time.perf_counter()
    for n in range(int(rate * seconds)):
        due = began + n / rate
        if due > time.perf_counter():
            await asyncio.sleep(due - time.perf_counter())
        task = asyncio.create_task(send(requests[n % len(requests)], due))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    for client in idle:
        client.close()
    return measured


async def without_pause(target: Target, request: bytes, *, clients: int, seconds: float) -> Measured:
    """Let clients send one request after the other, as fast as they are answered."""
    measured, end = Measured(), time.perf_counter() + seconds

    async def repeat() -> None:
        client = Client(target)
        while time.perf_counter() < end:
            if await client.send(request, measured) == 503:
                await asyncio.sleep(0.5)  # less than Retry-After says
        client.close()

    await asyncio.gather(*(repeat() for _ in range(clients)))
    return measured


async def watch_health(target: Target, measured: Measured) -> None:
    """Ask for the health four times a second until the task is cancelled."""
    request = target.request("/healthz")
    with suppress(asyncio.CancelledError):
        while True:
            client = Client(target)
            await client.send(request, measured)
            client.close()
            await asyncio.sleep(0.25)
