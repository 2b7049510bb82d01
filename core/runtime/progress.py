"""The progress of long work, through which it can also be stopped.

The work calls `Progress.tick()` in its innermost loops. A callback receives the progress a few times a second at most,
and stops the work by raising `Cancelled`.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from core.runtime.awake_clock import awake_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The state of the work.

    Attributes:
        stage: The name of the running stage, such as "training".
        done: The finished units of the stage.
        total: All units of the stage; 0 if their number is unknown.
        seconds: The time that the stage has taken so far.
    """

    stage: str
    done: int
    total: int
    seconds: float

    @property
    def eta_seconds(self) -> float | None:
        """The seconds left in this stage at the speed so far; None before the first unit is done."""
        return self.seconds / self.done * (self.total - self.done) if self.done else None


Callback = Callable[[Step], None]


class Progress:
    """Counts the finished units of one stage after another.

    Args:
        callback: Called with a `Step` by the thread that makes progress, never by two at once.
        interval: The least time between two calls in seconds. The start of a stage is always reported.

    Attributes:
        seconds: The time that each finished stage took.
    """

    def __init__(self, callback: Callback | None = None, *, interval: float = 0.25) -> None:
        self._callback = callback
        self._interval = interval
        self._reported_at = 0.0
        self._reporting = threading.Lock()
        self._counting = threading.Lock()
        self.seconds: dict[str, float] = {}
        self._begin("unpacking", 0)

    def _begin(self, stage: str, total: int) -> None:
        self._stage, self._done, self._total, self._started_at = stage, 0, total, awake_seconds()

    def start(self, stage: str, total: int) -> None:
        """Start a stage of `total` units, and finish the one before it.

        Args:
            stage: Its name, as users see it in the job.
            total: Its units; 0 where they are not known.
        """
        self.finish()
        self._begin(stage, total)
        self._report()

    def finish(self) -> None:
        """Finish the running stage, and add its time to `seconds`."""
        spent = awake_seconds() - self._started_at
        self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + spent
        self._started_at = awake_seconds()

    def advance(self, units: int = 1) -> None:
        """Count finished units, which several threads may do at a time, and report."""
        with self._counting:
            self._done += units
        self.tick()

    def tick(self) -> None:
        """Report at most every `interval` seconds; the work can be stopped here."""
        if time.monotonic() - self._reported_at >= self._interval:
            self._report()

    def _report(self) -> None:
        if self._callback is None or not self._reporting.acquire(blocking=False):
            return  # another thread is reporting
        try:
            self._reported_at = time.monotonic()
            seconds = awake_seconds() - self._started_at
            self._callback(Step(stage=self._stage, done=self._done, total=self._total, seconds=seconds))
        finally:
            self._reporting.release()
