"""A benchmark that is interrupted while it freezes processes wakes them: frozen processes would not end."""

import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from benchmarks.reliability.background import in_background
from benchmarks.reliability.chaos import Chaos
from benchmarks.reliability.disturbances import Disturber


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def freezing(kind: str, process: subprocess.Popen[bytes]) -> Any:
    """The function of a benchmark that freezes this process for a while."""
    if kind == "S3":
        service: Any = SimpleNamespace(s3=process)
        return Chaos(service, random.Random(1))._freeze
    service = SimpleNamespace(process=process)
    database: Any = None
    return Disturber(service, database, None, random.Random(1))._suspend


@pytest.mark.parametrize("kind", ["S3", "everything"])
def test_what_is_frozen_wakes_when_the_benchmark_is_interrupted(
    kind: str, process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> NoReturn:
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        raise KeyboardInterrupt

    freeze = freezing(kind, process)
    with monkeypatch.context() as patched:
        patched.setattr(time, "sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            freeze()
    process.terminate()
    process.wait(10)


def test_work_beside_a_block_ends_with_the_block_however_it_ends() -> None:
    ended = threading.Event()

    def work(over: threading.Event) -> None:
        over.wait()
        ended.set()

    with pytest.raises(KeyboardInterrupt), in_background(work):
        raise KeyboardInterrupt
    assert ended.is_set()
