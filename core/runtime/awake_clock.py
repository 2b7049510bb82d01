"""A clock that stands still while this process, or the whole machine, is paused.

A pause does not use up time limits on it: after a machine has slept, or after SIGSTOP and SIGCONT, the work still has
the time that it had before. A thread looks at the monotonic clock four times a second. More than MAX_STEP_SECONDS
between two looks can only be a pause, of which MAX_STEP_SECONDS count.
"""

import os
import threading
import time

TICK_SECONDS = 0.25
MAX_STEP_SECONDS = 1.0


class AwakeClock:
    """Counts the seconds in which its process could run, from its first use on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds = 0.0
        self._looked_at = time.monotonic()
        self._thread: threading.Thread | None = None

    def seconds(self) -> float:
        """Return the seconds so far. Only differences have a meaning."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._tick, name="awake-clock", daemon=True)
                self._thread.start()
            moment = time.monotonic()
            self._seconds += min(moment - self._looked_at, MAX_STEP_SECONDS)
            self._looked_at = moment
            return self._seconds

    def _tick(self) -> None:
        while True:
            time.sleep(TICK_SECONDS)
            self.seconds()


_clock = AwakeClock()


def awake_seconds() -> float:
    """Return the seconds in which this process could run; only differences have a meaning."""
    return _clock.seconds()


def _restart_clock() -> None:
    """Give a forked child a clock of its own: threads do not survive a fork."""
    global _clock
    _clock = AwakeClock()


os.register_at_fork(after_in_child=_restart_clock)
