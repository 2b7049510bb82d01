"""What comes in over the wire goes to disk while more of it arrives, in a thread, without filling the memory."""

import asyncio
import errno
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from api.problems import Problem

MOST_PENDING = 4 * 2**20  # bytes held in memory for one sender while the disk is busy
PATIENCE = 60.0  # seconds without a byte after which a sender counts as gone


async def stream_to_disk(stream: AsyncIterator[bytes], write: Callable[[bytes], None]) -> int:
    """Write all of `stream`, in order, and return the number of bytes.

    Whatever has arrived is written as soon as the write before it is done, also while the sender pauses or when it
    goes away. Raises starlette's ClientDisconnect, Problem 408 for a sender that falls silent, Problem 507 where the
    disk is full, and whatever `write` raises.
    """
    pending = bytearray()
    news, room = asyncio.Event(), asyncio.Event()
    ended = False
    total = 0

    async def drain() -> None:
        try:
            while pending or not ended:
                await news.wait()
                news.clear()
                data = bytes(pending)
                pending.clear()
                room.set()
                await _write(write, data)
        finally:
            room.set()

    writer = asyncio.create_task(drain())
    try:
        async for chunk in _patiently(stream):
            if writer.done():
                break  # it failed: awaiting it below says why
            total += len(chunk)
            pending += chunk
            news.set()
            if len(pending) >= MOST_PENDING:
                room.clear()
                await room.wait()
    finally:
        ended = True
        news.set()
        await writer
    return total


async def _patiently(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(PATIENCE):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Problem(408, f"Nothing arrived for {PATIENCE:.0f} seconds.", kind="silent") from None
        yield chunk


async def _write(write: Callable[[bytes], None], data: bytes) -> None:
    with disk_errors():
        await asyncio.to_thread(write, data)


@contextmanager
def disk_errors() -> Iterator[None]:
    """A full disk becomes a Problem 507."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Problem(507, "The service has no room left for this upload.", kind="no-space") from error
        raise
