"""Reading a large object of a server in several requests at a time: one connection to a far server is slow.

A stream reads ahead by as many parts as it needs so that its reader does not wait. All streams of a process together
hold at most `AHEAD_BYTES`, besides the part that each of them waits for.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

PART_BYTES = 4 * 2**20  # of one request
MIN_AHEAD, MAX_AHEAD = 4, 16  # parts of one stream
AHEAD_BYTES = 256 * 2**20
FILE_PART_BYTES = 8 * 2**20
FILE_READERS = 16  # requests at the same time while a file is fetched

ReadRange = Callable[[int, int], Sequence[bytes]]  # the bytes from a first one to one before a last one, in chunks

_ahead = threading.BoundedSemaphore(AHEAD_BYTES // PART_BYTES)


def read_in_order(read: ReadRange, start: int, stop: int) -> Iterator[bytes]:
    """Yield a range in order, in the chunks of its parts, while the next parts are read.

    Args:
        read: reads a part; called in threads.
        start: the first byte.
        stop: the byte after the last one.
    """
    if stop - start <= PART_BYTES:
        if start < stop:
            yield from read(start, stop)
        return
    waiting: deque[Future[Sequence[bytes]]] = deque()
    threads = ThreadPoolExecutor(MAX_AHEAD, thread_name_prefix="read-ahead")
    wanted = MIN_AHEAD
    try:
        while waiting or start < stop:
            while start < stop and len(waiting) < wanted and (not waiting or _ahead.acquire(blocking=False)):
                end = min(stop, start + PART_BYTES)
                waiting.append(threads.submit(read, start, end))
                start = end
            wanted = max(MIN_AHEAD, wanted - 1) if waiting[0].done() else min(MAX_AHEAD, 2 * wanted)
            chunks = waiting[0].result()
            waiting.popleft()
            if waiting:
                _ahead.release()  # the next one is waited for now
            yield from chunks
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for _ in range(len(waiting) - 1):
            _ahead.release()


def read_to_file(read: ReadRange, size: int, path: Path) -> None:
    """Write an object to a file; parts of it are read at the same time.

    Args:
        read: reads a part; called in threads.
        size: the size of the object, in bytes.
        path: the file. An incomplete one may stay after an error.
    """

    def copy(start: int) -> None:
        for chunk in read(start, min(size, start + FILE_PART_BYTES)):
            data = memoryview(chunk)
            while data:
                written = os.pwrite(file, data, start)
                start += written
                data = data[written:]

    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    threads = ThreadPoolExecutor(FILE_READERS, thread_name_prefix="fetch")
    try:
        for copied in [threads.submit(copy, start) for start in range(0, size, FILE_PART_BYTES)]:
            copied.result()
    finally:
        threads.shutdown(wait=True, cancel_futures=True)
        os.close(file)
