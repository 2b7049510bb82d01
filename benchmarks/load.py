"""How the service behaves under load: many reads at once, many readers and followers, overload, and slow clients.

    .venv/bin/python -m benchmarks.load --out build/load [--before CHECKOUT] [--rate 500] [--streams 300] [--seconds 20]

Starts the whole service with a folder of its own, lets a job compute and an upload run, and measures from one client
process on the same machine. `--before` names a checkout of another version (`git worktree add ../before REVISION`). It
is measured first in the same run. Prints the figures, and writes them to OUT/load.json.
"""

import argparse
import asyncio
import base64
import json
import random
import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.http_load import Client, Measured, Target, at_once, at_rate, watch_health, without_pause
from benchmarks.load_service import Service, running

BURST = 60
OVERLOAD_CLIENTS = 600
OVERLOAD_SECONDS = 8.0
SLOW_CLIENTS = 660
SLOW_SECONDS = 40.0
UPLOAD_BYTES = 1 << 30
UPLOAD_CHUNK = 1 << 20
UPLOAD_PAUSE_SECONDS = 0.1  # between two chunks: 10 MiB a second
FIRST_EVENT_SECONDS = 60.0


@asynccontextmanager
async def upload_running(target: Target) -> AsyncIterator[None]:
    """An upload that sends 10 MiB a second."""

    async def send() -> None:
        name = base64.b64encode(b"large.zip").decode()
        tus = f"Tus-Resumable: 1.0.0\r\nUpload-Length: {UPLOAD_BYTES}\r\nUpload-Metadata: filename {name}\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        writer.write(target.request("/v1/uploads", method="POST", headers=tus))
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        location = next((line.split()[1] for line in head.split("\r\n") if line.lower().startswith("location:")), "")
        if not location:
            return  # refused; the reads are measured without it
        body = "Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nTus-Resumable: 1.0.0\r\n"
        length = f"Content-Length: {UPLOAD_BYTES}\r\n"
        writer.write(target.request(location, method="PATCH", headers=body + length))
        chunk = random.Random(1).randbytes(UPLOAD_CHUNK)
        while True:
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(UPLOAD_PAUSE_SECONDS)

    task = asyncio.create_task(send())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, OSError, asyncio.IncompleteReadError):
            await task


@asynccontextmanager
async def following(service: Service, streams: int) -> AsyncIterator[dict[str, int]]:
    """Event streams of the service's jobs; the value counts those that are open and all events."""
    counts = {"open": 0, "events": 0}

    async def follow(job: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.target.port)
        try:
            writer.write(service.target.request(f"/v1/jobs/{job}/events"))
            status = int((await reader.readuntil(b"\r\n\r\n"))[9:12])
            counts["open"] += status == 200
            while line := await reader.readline():
                counts["events"] += line.startswith(b"data:")
        finally:
            writer.close()

    tasks = [asyncio.create_task(follow(service.jobs[n % len(service.jobs)])) for n in range(streams)]
    end = time.monotonic() + FIRST_EVENT_SECONDS
    while counts["events"] < streams and time.monotonic() < end:
        await asyncio.sleep(0.1)
    try:
        yield counts
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _figures(measured: Measured, health: Measured) -> dict[str, Any]:
    return {
        "statuses": {str(status): count for status, count in sorted(measured.statuses.items())},
        "p50_ms": _milliseconds(measured.quantile(0.5, 200)),
        "p99_ms": _milliseconds(measured.quantile(0.99)),
        "max_ms": _milliseconds(measured.quantile(1)),
        "refused_p99_ms": _milliseconds(measured.quantile(0.99, 503)),
        "health_ok": health.statuses[200] / max(1, health.statuses.total()),
        "health_max_ms": _milliseconds(health.quantile(1)),
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)


async def measure(service: Service, arguments: argparse.Namespace) -> dict[str, Any]:
    """All stages, one after the other."""
    target, found = service.target, {}
    listing = target.request("/v1/jobs?limit=1")
    paths = ["/v1/jobs?limit=1", f"/v1/datasets/{service.dataset}", *(f"/v1/jobs/{job}" for job in service.jobs[:2])]
    reads = [target.request(path) for path in paths]

    async def stage(name: str, work: Any) -> None:
        health = Measured()
        watch = asyncio.create_task(watch_health(target, health))
        measured = await work
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        found[name] = _figures(measured, health)
        print(f"  {name}: {found[name]}", flush=True)

    await at_once(target, [listing] * 4)
    await stage("burst", at_once(target, [listing] * BURST))
    async with upload_running(target), following(service, arguments.streams) as counts:
        before = counts["events"]
        await stage("reads", at_rate(target, reads, rate=arguments.rate, seconds=arguments.seconds))
        found["reads"] |= {"streams": counts["open"], "events": counts["events"] - before}
    await stage("overload", without_pause(target, listing, clients=OVERLOAD_CLIENTS, seconds=OVERLOAD_SECONDS))
    found["slow"] = await _slow_clients(target)
    return found


async def _slow_clients(target: Target) -> dict[str, Any]:
    """Open requests that are never finished, half of them in the header and half in the body."""
    body = target.request("/v1/jobs", method="POST", headers="Content-Type: application/json\r\nContent-Length: 9\r\n")
    streams = []
    for n in range(SLOW_CLIENTS):
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
            writer.write(body + b"{" if n % 2 else body[:40])
            streams.append((reader, writer))
    await asyncio.sleep(SLOW_SECONDS)
    measured = Measured()
    client = Client(target)
    await client.send(target.request("/healthz"), measured)
    client.close()
    ended = await asyncio.gather(*(_is_at_end(reader) for reader, _ in streams))
    for _, writer in streams:
        writer.close()
    return {"sent": len(streams), "open_after_40_s": ended.count(False), "health_ok": measured.statuses[200]}


async def _is_at_end(reader: asyncio.StreamReader) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            await reader.read()
        return True
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--before", type=Path, help="checkout of the version to compare with")
    parser.add_argument("--rate", type=float, default=500, help="reads a second")
    parser.add_argument("--streams", type=int, default=300, help="open event streams")
    parser.add_argument("--seconds", type=float, default=20, help="of reads")
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192) if hard > 0 else 8192, hard))
    versions = {"after": Path(__file__).parents[1]}
    if arguments.before is not None:
        versions = {"before": arguments.before.absolute()} | versions
    found = {}
    for name, checkout in versions.items():
        print(name, checkout, flush=True)
        with running(checkout) as service:
            found[name] = asyncio.run(measure(service, arguments))
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "load.json").write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
