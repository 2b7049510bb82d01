"""Received bytes are written in order and at once, whatever the sender and the disk do."""

import asyncio
import errno
import threading
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.problems import Problem
from api.uploads.streaming import MAX_PENDING_BYTES, stream_to_disk


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
        await asyncio.sleep(0)


@given(st.lists(st.binary(max_size=50)))
@settings(max_examples=50, deadline=None)
def test_all_bytes_are_written_in_order(chunks: list[bytes]) -> None:
    written = bytearray()
    assert asyncio.run(stream_to_disk(stream(*chunks), written.extend)) == len(written)
    assert bytes(written) == b"".join(chunks)


def test_received_bytes_are_written_while_the_sender_pauses() -> None:
    async def run() -> None:
        written, slow, resume = bytearray(), threading.Event(), asyncio.Event()

        def write(data: bytes) -> None:
            slow.wait(10)
            written.extend(data)

        async def pausing() -> AsyncIterator[bytes]:
            yield b"one"
            await asyncio.sleep(0.01)  # the first write is in progress now
            yield b"two"
            slow.set()
            await resume.wait()
            yield b"three"

        pouring = asyncio.create_task(stream_to_disk(pausing(), write))
        async with asyncio.timeout(10):
            while written != b"onetwo":
                await asyncio.sleep(0.001)
        resume.set()
        assert await pouring == 11
        assert written == b"onetwothree"

    asyncio.run(run())


def test_received_bytes_are_written_when_the_sender_fails() -> None:
    written = bytearray()

    async def failing() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        asyncio.run(stream_to_disk(failing(), written.extend))
    assert written == b"onetwo"


def test_a_fast_sender_waits_for_the_disk() -> None:
    async def run() -> None:
        resume, sent = threading.Event(), 0

        async def fast() -> AsyncIterator[bytes]:
            nonlocal sent
            for _ in range(64):
                sent += 2**20
                yield b"\0" * 2**20

        pouring = asyncio.create_task(stream_to_disk(fast(), lambda data: resume.wait(10) and None))
        async with asyncio.timeout(10):
            while sent < MAX_PENDING_BYTES:
                await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert sent <= 3 * MAX_PENDING_BYTES
        resume.set()
        assert await pouring == 64 * 2**20

    asyncio.run(run())


def test_a_full_disk_answers_507() -> None:
    def full(data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(Problem) as caught:
        asyncio.run(stream_to_disk(stream(b"x", b"y", b"z"), full))
    assert caught.value.status == 507
