"""The watchdog: a thread in each worker's parent process that ends a child which hangs, and notices one that has ended.

A child that is stopped, or in a call that never returns, cannot end itself, and the worker would wait for it forever.
Its lease is lost by then: the thread that renews the lease does not run either. A pause of everything is no hang,
because the watchdog counts only the time in which it could run itself.
"""

import os
import signal
import threading
from contextlib import suppress
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.runtime.awake_clock import awake_seconds
from worker.child_status import has_ended, status_folder, status_name
from worker.context import WorkerContext
from worker.health_file import HealthFile
from worker.recovery import recover_ended_children

ROUND_SECONDS = 0.5
STOP_SECONDS = 2.0  # a round that waits for a database that is away is not waited for

log = structlog.get_logger()


class ChildWatchdog:
    """Watches the children of this process until it is stopped, and says in the health file that one lives.

    Args:
        context: the services of this process.
        health: the health file of this process.
    """

    def __init__(self, context: WorkerContext, health: HealthFile) -> None:
        self._context = context
        self._health = health
        self._stopped = threading.Event()
        self._signs: dict[Path, tuple[int, float]] = {}  # file -> its last sign of life, and when that was noticed
        self._thread = threading.Thread(target=self._run, name="child-watchdog", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end after its current round."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)
        self._health.remove()

    def _run(self) -> None:
        while not self._stopped.wait(ROUND_SECONDS):
            try:
                if self._end_silent_children():
                    self._health.touch()
                recover_ended_children(self._context)
            except (SQLAlchemyError, OSError) as error:
                log.warning("watchdog.failed", error=str(error).splitlines()[0])

    def _end_silent_children(self) -> bool:
        """Return whether a child gives signs of life."""
        moment, seen, lives = awake_seconds(), {}, False
        for path in status_folder(self._context.settings).glob(status_name(os.getpid(), 0).removesuffix("0") + "*"):
            try:
                sign = path.stat().st_mtime_ns
            except FileNotFoundError:
                continue
            last, since = self._signs.get(path, (0, 0.0))
            seen[path] = (sign, moment) if sign != last else (last, since)
            silent = moment - seen[path][1]
            if silent > self._context.settings.lease_seconds:
                self._kill(path, silent)
            else:
                lives = True
        self._signs = seen
        return lives

    def _kill(self, path: Path, silent: float) -> None:
        """Kill a silent child, whose id is in the name of its file. The lock tells that it is this process still."""
        if has_ended(path):
            return
        child = int(path.name.rpartition(".")[2])
        log.warning("worker.child_hangs", child=child, silent_seconds=round(silent, 1))
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
