"""How long work tells where it is, and how it is told to stop.

The science calls `Progress.tick()` inside its innermost loops; the callback given from outside hears of it a few times
a second at most and may raise `Cancelled`, which unwinds everything.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Where the work is: `done` of `total` units of a stage, and the seconds this stage has taken so far."""

    stage: str
    done: int
    total: int
    seconds: float

    @property
    def eta_seconds(self) -> float | None:
        """Seconds left in this stage at the pace so far; None before there is a pace."""
        return self.seconds / self.done * (self.total - self.done) if self.done else None


Callback = Callable[[Step], None]


class Progress:
    """Counts the units of one stage after another and calls back at most every `interval` seconds."""

    def __init__(self, callback: Callback | None = None, *, interval: float = 0.25) -> None:
        self._callback = callback
        self._interval = interval
        self._said = 0.0
        self._saying = threading.Lock()
        self.seconds: dict[str, float] = {}
        self._begin("unpacking", 0)

    def _begin(self, stage: str, total: int) -> None:
        self._stage, self._done, self._total, self._began = stage, 0, total, time.monotonic()

    def start(self, stage: str, total: int) -> None:
        """Begin a stage of `total` units; the stage before it is over."""
        self.finish()
        self._begin(stage, total)
        self._say()

    def finish(self) -> None:
        """Close the running stage and add up its seconds."""
        spent = time.monotonic() - self._began
        self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + spent
        self._began = time.monotonic()

    def advance(self, units: int = 1) -> None:
        """`units` more are done."""
        self._done += units
        self.tick()

    def tick(self) -> None:
        """Nothing is done yet, but the work is alive and may be stopped here."""
        if time.monotonic() - self._said >= self._interval:
            self._say()

    def _say(self) -> None:
        if self._callback is None or not self._saying.acquire(blocking=False):
            return  # another thread is saying it
        try:
            self._said = time.monotonic()
            seconds = self._said - self._began
            self._callback(Step(stage=self._stage, done=self._done, total=self._total, seconds=seconds))
        finally:
            self._saying.release()
