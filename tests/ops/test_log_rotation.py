"""The logs of a service that runs for long: they are rotated while their processes write."""

import os
import sys
import time
from pathlib import Path

import pytest

from ops import log_rotation, process
from ops.instance_lock import DataDirLock
from ops.log_rotation import rotate_if_large
from ops.process import ManagedProcess
from tests.support.waiting import wait_until

MAX_BYTES = 20_000
TALKATIVE = """
import os, sys, time
for n in range(10**9):
    os.write(1 + n % 2, b"line %d\\n" % n)
    time.sleep(0.0002)
"""


def test_a_log_that_grows_while_its_process_runs_is_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LOG_CHECK_SECONDS", 0.02)
    with DataDirLock(tmp_path) as lock:
        talkative = ManagedProcess("talker", [sys.executable, "-c", TALKATIVE], lock=lock, log_bytes=MAX_BYTES)
        talkative.start()
        rotations = 0
        sizes = []
        try:

            def has_rotated_often() -> bool:
                nonlocal rotations
                before = talkative.log_path.stat().st_size
                talkative.rotate_log()
                after = talkative.log_path.stat().st_size
                rotations += after < before
                sizes.append(sum(path.stat().st_size for path in talkative.log_path.parent.iterdir()))
                return rotations >= 3

            wait_until(has_rotated_often, seconds=60)
            talkative.rotate_log()
            assert talkative.failures == 0
        finally:
            talkative.terminate()
            talkative.wait_or_kill(time.monotonic() + 10)
        names = sorted(path.name for path in talkative.log_path.parent.iterdir())
        assert names == ["talker.log", "talker.log.1"]
        older, newer = talkative.log_path.with_name("talker.log.1").read_bytes(), talkative.log_path.read_bytes()
        assert len(older) <= MAX_BYTES + 4096  # what was written during the copy
        assert b"\0" not in newer + older  # the process appends; it does not go on at its old position
        numbers = [int(line.split()[1]) for line in older.splitlines()[1:-1]]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert max(sizes) < 10 * MAX_BYTES


def test_only_the_end_of_a_huge_log_stays(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_bytes(b"old" * 100_000 + b"the end")
    assert rotate_if_large(log, max_bytes=1000)
    assert log.stat().st_size == 0
    older = (tmp_path / "api.log.1").read_bytes()
    assert len(older) == 1000
    assert older.endswith(b"the end")
    assert not rotate_if_large(log, max_bytes=1000)
    assert not rotate_if_large(tmp_path / "missing.log", max_bytes=1000)


def test_on_a_full_disk_the_log_is_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    log = tmp_path / "api.log"
    log.write_bytes(b"x" * 5000)
    monkeypatch.setattr(log_rotation.shutil, "copyfileobj", fail)
    assert rotate_if_large(log, max_bytes=1000)
    assert log.stat().st_size == 0
    assert [path.name for path in tmp_path.iterdir()] == ["api.log"]
