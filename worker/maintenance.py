"""The sweep: a thread in each worker's parent that finds what broke off and rings for what was forgotten."""

import threading

import structlog
from sqlalchemy.exc import SQLAlchemyError

from store import job_events, task_queue
from store.job_recovery import RecoveryReport, count_claimable, recover_jobs
from store.object_keys import job_prefix
from worker.context import WorkerContext
from worker.garbage_collector import collect_garbage
from worker.job_files import purge, tidy_datasets, tidy_scratch

TIDY_EVERY = 60  # sweeps between two rounds of tidying up files

log = structlog.get_logger()


class MaintenanceThread:
    """Sweeps every `recovery_seconds` until stopped."""

    def __init__(self, service: WorkerContext) -> None:
        self._service = service
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begin, with a sweep at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the sweep that runs."""
        self._over.set()

    def _run(self) -> None:
        rounds = 0
        while not self._over.is_set():
            try:
                sweep_once(self._service)
                if rounds % TIDY_EVERY == 0:
                    tidy(self._service)
            except (SQLAlchemyError, OSError) as error:
                log.warning("sweep.failed", error=str(error).splitlines()[0])
            rounds += 1
            self._over.wait(self._service.settings.recovery_seconds)


def sweep_once(service: WorkerContext) -> RecoveryReport:
    """One sweep, with everything that follows from it."""
    settings = service.settings
    with service.database.write.begin() as session:
        swept = recover_jobs(session, max_attempts=settings.max_attempts, enqueue_seconds=settings.enqueue_seconds)
        wanted = dict.fromkeys(task_queue.QUEUE_NAMES, 0)
        for kind, queue in task_queue.QUEUE_OF_KIND.items():
            wanted[queue] += count_claimable(session, kind)
    for outcome in ("requeued", "failed", "canceled"):
        for job_id in getattr(swept, outcome):
            log.warning(f"sweep.{outcome}", job=job_id)
            job_events.publish(settings, job_id)
            if outcome != "requeued":
                purge(service, job_prefix(job_id))
    for queue in task_queue.QUEUE_NAMES:
        ring(
            [job for job in swept.to_enqueue if task_queue.QUEUE_OF_KIND[job[1]] == queue],
            service,
            wanted=wanted[queue],
        )
    return swept


def ring(jobs: list[tuple[str, str]], service: WorkerContext, *, wanted: int) -> None:
    """Ring for these (id, kind) of one queue, unless it holds a message for every job that waits: workers are busy."""
    if not jobs:
        return
    lying = task_queue.queue_length(service.settings, jobs[0][1])
    if lying is None:
        log.warning("sweep.no_broker", waiting=wanted)
        return
    for job_id, kind in jobs[: max(0, wanted - lying)]:
        task_queue.enqueue(service.settings, job_id=job_id, kind=kind)


def tidy(service: WorkerContext) -> None:
    """Remove files that nobody needs any more."""
    for name in tidy_scratch(service):
        log.info("scratch.removed", folder=name)
    for dataset_id in tidy_datasets(service):
        log.info("dataset.expired", dataset=dataset_id)
    for key in collect_garbage(service):
        log.info("orphan.removed", key=key)
