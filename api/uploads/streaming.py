"""Streaming a request body to disk: a thread writes while more arrives, and memory stays bounded."""

import asyncio
import errno
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from api.problems import Problem

MAX_PENDING_BYTES = 4 * 2**20  # held in memory for one sender while the disk is busy
IDLE_TIMEOUT_SECONDS = 60.0  # without a byte, after which the sender counts as gone


async def stream_to_disk(stream: AsyncIterator[bytes], write: Callable[[bytes], None]) -> int:
    """Write a whole stream, in order.

    Bytes that arrived are written as soon as the write before them is done, also while the sender pauses and when it
    disconnects.

    Args:
        stream: The body of a request, in chunks.
        write: Writes bytes; called in a thread, one call at a time.

    Returns:
        The number of bytes.

    Raises:
        ClientDisconnect: The sender disconnected.
        Problem: 408 if the sender is silent for `IDLE_TIMEOUT_SECONDS`; 507 if the disk is full; and whatever `write`
            raises.
    """
    pending = bytearray()
    has_data, has_room = asyncio.Event(), asyncio.Event()
    ended = False
    total = 0

    async def drain() -> None:
        try:
            while pending or not ended:
                await has_data.wait()
                has_data.clear()
                data = bytes(pending)
                pending.clear()
                has_room.set()
                await _write_in_thread(write, data)
        finally:
            has_room.set()

    writer = asyncio.create_task(drain())
    try:
        async for chunk in _with_idle_timeout(stream):
            if writer.done():
                break  # it failed; awaiting it below raises its error
            total += len(chunk)
            pending += chunk
            has_data.set()
            if len(pending) >= MAX_PENDING_BYTES:
                has_room.clear()
                await has_room.wait()
    finally:
        ended = True
        has_data.set()
        await writer
    return total


async def _with_idle_timeout(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(IDLE_TIMEOUT_SECONDS):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Problem(408, f"Nothing arrived for {IDLE_TIMEOUT_SECONDS:.0f} seconds.", kind="silent") from None
        yield chunk


async def _write_in_thread(write: Callable[[bytes], None], data: bytes) -> None:
    with full_disk_as_problem():
        await asyncio.to_thread(write, data)


@contextmanager
def full_disk_as_problem() -> Iterator[None]:
    """Turn the OSError of a full disk, or of an exhausted quota, into a Problem 507."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise no_room() from error
        raise


def no_room() -> Problem:
    """A 507: the disk has no room for an upload."""
    detail = "The service has no room left for this upload. Delete datasets or jobs that are no longer needed."
    return Problem(507, detail, kind="no-space")
