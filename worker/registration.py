"""A thread in each worker that keeps the worker's row: it says that the worker lives, and deletes it at the end."""

import os
import threading
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.runtime.awake_clock import awake_seconds
from store import workers
from store.workers import WorkerCard
from worker.context import WorkerContext
from worker.counting import write_counts

POLL_SECONDS = 0.25
WRITES_PER_LEASE = 3
STOP_SECONDS = 2.0  # a database that is away is not waited for
WORKER_ID_VARIABLE = "_UNTEACHABLE_WORKER_ID"  # in the environment of the process that runs jobs

log = structlog.get_logger()


def own_worker_id() -> str:
    """Return the id of the row of this process's worker; empty for a process without one."""
    return os.environ.get(WORKER_ID_VARIABLE, "")


class WorkerRegistration:
    """Keeps the row of this worker until it is stopped.

    Args:
        context: the services of this process.
        card: what the worker says about itself.
        works: tells whether the worker works; while it does not, its row gets old.
    """

    def __init__(self, context: WorkerContext, card: WorkerCard, *, works: Callable[[], bool]) -> None:
        self._context = context
        self._card = card
        self._works = works
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="registration", daemon=True)
        os.environ[WORKER_ID_VARIABLE] = card.id

    def start(self) -> None:
        """Start the thread; it writes the row as soon as the worker works."""
        self._thread.start()

    def stop(self) -> None:
        """Delete the row."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        interval, written_at = self._context.settings.lease_seconds / WRITES_PER_LEASE, None
        while not self._stopped.wait(POLL_SECONDS):
            is_due = written_at is None or awake_seconds() - written_at >= interval
            if is_due and self._works() and self._write():
                written_at = awake_seconds()
        try:
            with self._context.database.write.begin() as session:
                workers.remove(session, self._card.id)
        except SQLAlchemyError as error:
            log.warning("worker.row_not_removed", error=str(error).splitlines()[0])

    def _write(self) -> bool:
        try:
            with self._context.database.write.begin() as session:
                workers.write(session, self._card)
            write_counts(self._context.database)  # of this process; that which runs jobs writes its own
        except SQLAlchemyError as error:
            log.warning("worker.row_not_written", error=str(error).splitlines()[0])
            return False
        return True
