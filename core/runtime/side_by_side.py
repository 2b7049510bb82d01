"""Computations side by side, each in a thread of its own. If one fails, the others stop."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextvars import copy_context
from typing import TypeVar

from core.errors import Cancelled
from core.runtime.device import computing_threads

Result = TypeVar("Result")


class SideBySide:
    """Runs computations at the same time, which share the cores of one `core.runtime.device.Device`.

    While one of them does what only one core can do, the cores compute for the others. Each has the context variables
    of the thread that calls `run`, so that what it logs names the same job.
    """

    def __init__(self) -> None:
        self._stop = threading.Event()

    def check(self) -> None:
        """Stop the computation that calls this, if another one has failed.

        Raises:
            Cancelled: It has.
        """
        if self._stop.is_set():
            raise Cancelled

    def run(self, computations: Sequence[Callable[[], Result]]) -> list[Result]:
        """Run computations, and raise what the first one raises that fails. A single one runs in this thread.

        Args:
            computations: Each calls `check` again and again.

        Returns:
            Their results, in their order.
        """
        if len(computations) == 1:
            return [computations[0]()]
        failures: list[BaseException] = []

        def note_failure(future: Future[Result]) -> None:
            failure = future.exception()
            if failure is not None:
                failures.append(failure)
                self._stop.set()

        with computing_threads(len(computations), name="side-by-side") as threads:
            try:
                futures = [threads.submit(copy_context().run, one) for one in computations]
                for future in futures:
                    future.add_done_callback(note_failure)
                wait(futures)
            finally:
                self._stop.set()  # a signal may have ended the wait
        if failures:
            raise failures[0]
        return [future.result() for future in futures]
