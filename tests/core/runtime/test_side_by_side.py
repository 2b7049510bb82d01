"""Computations side by side run at the same time, and stop together."""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar

import pytest
import torch

from core.errors import Cancelled
from core.runtime.side_by_side import SideBySide

JOB = ContextVar[str]("job")


def test_results_come_in_the_order_of_the_computations_which_run_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=10)

    def computation(name: str) -> Callable[[], str]:
        def compute() -> str:
            both.wait()
            assert torch.get_num_threads() == 1
            return f"{name} of {JOB.get()}"

        return compute

    JOB.set("the job")
    found = SideBySide().run([computation("first"), computation("second")])
    assert found == ["first of the job", "second of the job"]


def test_a_single_computation_runs_in_the_calling_thread() -> None:
    assert SideBySide().run([threading.get_ident]) == [threading.get_ident()]


@pytest.mark.parametrize("failing", [0, 1])
def test_a_failure_stops_the_others_and_is_raised(failing: int) -> None:
    together, stopped = SideBySide(), list[BaseException]()

    def fail() -> None:
        raise LookupError("of the first that failed")

    def go_on() -> None:
        try:
            while True:
                together.check()
                time.sleep(0.01)
        except Cancelled as cancelled:
            stopped.append(cancelled)
            raise

    computations = [go_on, go_on]
    computations[failing] = fail
    with pytest.raises(LookupError, match="of the first that failed"):
        together.run(computations)
    assert len(stopped) == 1


def test_a_signal_stops_all() -> None:
    together, ended = SideBySide(), list[str]()

    def interrupt(*_: object) -> None:
        raise InterruptedError

    def go_on() -> None:
        try:
            while True:
                together.check()
                time.sleep(0.01)
        finally:
            ended.append("one")

    def send() -> None:
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGUSR1)
        go_on()

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(InterruptedError):
            together.run([go_on, send])
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert ended == ["one", "one"]
