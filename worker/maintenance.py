"""Maintenance: a thread in each worker's parent process that recovers lost jobs and removes files without a use."""

import threading
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from store import maintenance_mode, workers
from store.deletions import carry_out_open
from worker.context import WorkerContext
from worker.garbage_collector import collect_garbage
from worker.job_files import (
    delete_expired_datasets,
    delete_expired_jobs,
    delete_old_internal_jobs,
    remove_stale_scratch,
)
from worker.recovery import new_watch, recover

ROUNDS_PER_CLEANUP = 60  # recovery is frequent, cleaning up files is not

log = structlog.get_logger()


class MaintenanceThread:
    """Recovers jobs every `recovery_seconds` until it is stopped.

    Args:
        context: the services of this process.
    """

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self._watch = new_watch(context)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="maintenance", daemon=True)

    def start(self) -> None:
        """Start the thread; its first round begins at once."""
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end after its current round."""
        self._stopped.set()

    def _run(self) -> None:
        rounds = 0
        while not self._stopped.is_set():
            self._attempt(lambda: recover(self._context, self._watch))
            if rounds % ROUNDS_PER_CLEANUP == 0:
                self._attempt(lambda: remove_unused_files(self._context))
            rounds += 1
            self._stopped.wait(self._context.settings.recovery_seconds)

    @staticmethod
    def _attempt(step: Callable[[], object]) -> None:
        """A step whose failure skips no other: on a full disk no row can be written until files are gone."""
        try:
            step()
        except (SQLAlchemyError, OSError) as error:
            log.warning("maintenance.failed", error=str(error).splitlines()[0])


def remove_unused_files(context: WorkerContext) -> None:
    """Remove scratch folders of ended attempts, expired datasets, and objects that no row refers to.

    During a backup only scratch folders go.
    """
    for name in remove_stale_scratch(context):
        log.info("scratch.removed", folder=name)
    if maintenance_mode.keeps_files(context.database):
        log.info("garbage.waits_for_backup")
        return
    for job_id in delete_old_internal_jobs(context):
        log.info("trial.expired", job=job_id)
    for dataset_id in delete_expired_datasets(context):
        log.info("dataset.expired", dataset=dataset_id)
    for job_id in delete_expired_jobs(context):
        log.info("job.expired", job=job_id)
    carry_out_open(context.database, context.files)
    with context.database.write.begin() as session:
        forgotten = workers.remove_silent(session)
    for worker_id in forgotten:
        log.info("worker.forgotten", worker=worker_id)
    for key in collect_garbage(context):
        log.info("garbage.removed", key=key, quarantine_days=context.settings.quarantine_days)
