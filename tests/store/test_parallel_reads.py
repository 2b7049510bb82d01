"""Large objects are read in several requests at a time, in order, with bounded memory."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from store import parallel_reads
from store.parallel_reads import MAX_AHEAD, MIN_AHEAD, read_in_order, read_to_file
from tests.support.waiting import wait_until

DATA = bytes(range(256)) * 40
PART = 100


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel_reads, "PART_BYTES", PART)
    monkeypatch.setattr(parallel_reads, "FILE_PART_BYTES", PART)
    monkeypatch.setattr(parallel_reads, "_ahead", threading.BoundedSemaphore(24))


class Source:
    """Reads parts of `DATA`, and notes how many at a time."""

    def __init__(self, *, seconds: float = 0.005, fails_at: int | None = None) -> None:
        self._seconds, self._fails_at, self._lock = seconds, fails_at, threading.Lock()
        self.begun = self.running = self.most = 0

    def __call__(self, start: int, stop: int) -> list[bytes]:
        with self._lock:
            self.begun += 1
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            time.sleep(self._seconds)
            if self._fails_at is not None and start >= self._fails_at:
                raise OSError("away")
            return [DATA[start:stop]]
        finally:
            with self._lock:
                self.running -= 1


@pytest.mark.parametrize(("start", "stop"), [(0, len(DATA)), (33, 34), (33, 133), (33, 134), (5, 5), (250, 4321)])
def test_any_range_comes_in_order(start: int, stop: int) -> None:
    assert b"".join(read_in_order(Source(seconds=0), start, stop)) == DATA[start:stop]


def test_parts_are_read_at_the_same_time_while_the_reader_waits() -> None:
    source = Source()
    assert b"".join(read_in_order(source, 0, len(DATA))) == DATA
    assert MIN_AHEAD < source.most <= MAX_AHEAD


def test_a_slow_reader_holds_few_parts() -> None:
    source = Source(seconds=0)
    parts = read_in_order(source, 0, len(DATA))
    for _ in range(10):
        next(parts)
        wait_until(lambda: source.running == 0)
        time.sleep(0.01)
    assert source.begun <= 10 + 2 * MIN_AHEAD
    parts.close()  # type: ignore[attr-defined]


def permits() -> int:
    count = 0
    while parallel_reads._ahead.acquire(blocking=False):
        count += 1
    for _ in range(count):
        parallel_reads._ahead.release()
    return count


@pytest.mark.parametrize("stop_after", [0, 1, 7, None])
def test_what_is_read_ahead_is_bounded_and_given_back(stop_after: int | None) -> None:
    source = Source()
    parts = read_in_order(source, 0, len(DATA))
    for _ in range(len(DATA) if stop_after is None else stop_after):
        if next(parts, None) is None:
            break
    parts.close()  # type: ignore[attr-defined]
    assert permits() == 24


def test_many_streams_share_the_bound() -> None:
    source = Source(seconds=0.02)
    streams = [read_in_order(source, 0, len(DATA)) for _ in range(6)]
    threads = [threading.Thread(target=lambda s=s: b"".join(s)) for s in streams]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert source.most <= 24 + len(streams)
    assert permits() == 24


def to_list(read: Source, path: Path) -> object:
    return list(read_in_order(read, 0, len(DATA)))


def to_file(read: Source, path: Path) -> object:
    return read_to_file(read, len(DATA), path)


@pytest.mark.parametrize("reading", [to_list, to_file])
def test_an_error_ends_the_reading(reading: Callable[[Source, Path], object], tmp_path: Path) -> None:
    source = Source(fails_at=500)
    with pytest.raises(OSError, match="away"):
        reading(source, tmp_path / "file")
    assert source.begun < len(DATA) // PART
    assert permits() == 24


def test_a_file_gets_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"longer than the object" * 1000)
    source = Source()
    read_to_file(source, len(DATA), path)
    assert path.read_bytes() == DATA
    assert source.most > 4
    read_to_file(source, 0, path)
    assert path.read_bytes() == b""
