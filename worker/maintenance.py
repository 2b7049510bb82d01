"""Maintenance: a thread in each worker's parent process that recovers lost jobs and removes files without a use."""

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import structlog
from sqlalchemy.exc import SQLAlchemyError

from store import job_events, jobs, maintenance_mode, pieces, task_queue, workers
from store.clock import now
from store.deletions import carry_out_open
from store.idle_workers import idle_workers
from store.job_recovery import RecoveryReport, count_claimable, mark_lost, recover_jobs
from store.recovery_watch import RecoveryWatch
from store.workforce import read_workforce
from worker.child_status import StillRuns, status_folder, status_of_ended
from worker.context import WorkerContext
from worker.garbage_collector import collect_garbage
from worker.job_files import (
    delete_expired_datasets,
    delete_expired_jobs,
    delete_old_internal_jobs,
    purge_ended_job,
    remove_stale_scratch,
)

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


def new_watch(context: WorkerContext) -> RecoveryWatch:
    """Return a watch that begins now: for a while it takes no expired lease for a lost worker."""
    settings = context.settings
    return RecoveryWatch(lease_seconds=settings.lease_seconds, recovery_seconds=settings.recovery_seconds)


def recover_ended_children(context: WorkerContext) -> None:
    """Put the jobs of this machine back into their queue whose process has ended, without waiting for their lease.

    Args:
        context: the services of this process.
    """
    lost = False
    for path in status_folder(context.settings).glob("*.*.*"):
        with suppress(StillRuns), status_of_ended(path) as claim:
            if claim is not None:
                with context.database.write.begin() as session:
                    lost |= mark_lost(session, job_id=claim.job_id, worker=claim.worker)
    if lost:
        recover(context, new_watch(context))


def recover(context: WorkerContext, watch: RecoveryWatch | None = None) -> RecoveryReport:
    """Recover jobs once: change their rows, publish and log the changes, delete files, enqueue what is due.

    Args:
        context: the services of this process.
        watch: tells whether expired leases mean lost workers; None for yes.
    """
    settings = context.settings
    with context.database.write.begin() as session:
        report = recover_jobs(
            session,
            max_attempts=settings.max_attempts,
            enqueue_seconds=settings.enqueue_seconds,
            expired_are_lost=watch is None or watch.observe(now(session)),
        )
        workforce = read_workforce(session, settings)
        woken_by = workforce.message_queue
        helped = [
            (job_id, kind, queue)
            for job_id, kind, queue in pieces.jobs_to_help(session, enqueue_seconds=settings.enqueue_seconds)
            if idle_workers(session, workforce, queue)
        ]
        for job_id, *_ in helped:
            jobs.mark_enqueued(session, job_id)
        claimable: Counter[str] = Counter()
        for queue in task_queue.QUEUE_NAMES:
            claimable[woken_by(queue)] += count_claimable(session, queue)
    for outcome, ids in (("requeued", report.requeued), ("failed", report.failed), ("canceled", report.canceled)):
        for job_id in ids:
            log.warning(f"recovery.job_{outcome}", job=job_id)
            job_events.publish(settings, job_id)
            if outcome != "requeued":
                purge_ended_job(context, job_id)
    for job_id, name in report.pieces:
        log.warning("recovery.piece_requeued", job=job_id, piece=name)
    for job_id, kind, queue in helped:
        if task_queue.queue_length(settings, woken_by(queue)) == 0:  # else a message wakes the idle worker already
            task_queue.enqueue(settings, job_id=job_id, kind=kind, queue=woken_by(queue))
    for queue in claimable:
        due = [(job_id, kind) for job_id, kind, of_job in report.to_enqueue if woken_by(of_job) == queue]
        _enqueue_missing(context, due, queue, claimable=claimable[queue])
    return report


def _enqueue_missing(context: WorkerContext, due: list[tuple[str, str]], queue: str, *, claimable: int) -> None:
    """Enqueue the (id, kind) of one queue, unless the workers are busy and each claimable job has its message."""
    if not due:
        return
    queued = task_queue.queue_length(context.settings, queue)
    if queued is None:
        log.warning("recovery.broker_unavailable", claimable=claimable)
        return
    for job_id, kind in due[: max(0, claimable - queued)]:
        task_queue.enqueue(context.settings, job_id=job_id, kind=kind, queue=queue)


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
