"""Recovery in a worker: change the rows of lost jobs, tell their followers, and enqueue what no message wakes."""

from collections import Counter
from contextlib import suppress

import structlog
from sqlalchemy.orm import Session

from store import job_events, jobs, pieces, task_queue
from store.clock import now
from store.idle_workers import idle_workers
from store.job_recovery import RecoveryReport, count_claimable, mark_lost, recover_jobs
from store.recovery_watch import RecoveryWatch
from store.settings import Settings
from store.task_queue import JobMessage
from store.workforce import Workforce, read_workforce
from worker.child_status import StillRuns, status_folder, status_of_ended
from worker.context import WorkerContext
from worker.job_files import purge_ended_job

log = structlog.get_logger()


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

    Returns:
        What was changed.
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
        helped = _mark_helped(session, workforce, settings)
        claimable: Counter[str] = Counter()
        for queue in task_queue.QUEUE_NAMES:
            claimable[workforce.message_queue(queue)] += count_claimable(session, queue)
    _tell_of(context, report)
    for message in helped:
        queue = workforce.message_queue(message.queue)
        if task_queue.queue_length(settings, queue) == 0:  # else a message wakes the idle worker already
            task_queue.enqueue(settings, job_id=message.job_id, kind=message.kind, queue=queue)
    for queue, number in claimable.items():
        due = [message for message in report.to_enqueue if workforce.message_queue(message.queue) == queue]
        _enqueue_missing(context, due, queue, claimable=number)
    return report


def _mark_helped(session: Session, workforce: Workforce, settings: Settings) -> list[JobMessage]:
    """Mark the jobs whose pieces an idle worker could compute as enqueued, and return their messages."""
    waiting = pieces.jobs_to_help(session, enqueue_seconds=settings.enqueue_seconds)
    helped = [message for message in waiting if idle_workers(session, workforce, message.queue)]
    for message in helped:
        jobs.mark_enqueued(session, message.job_id)
    return helped


def _tell_of(context: WorkerContext, report: RecoveryReport) -> None:
    """Log and publish what was changed, and delete the files of the jobs that ended."""
    for outcome, ids in (("requeued", report.requeued), ("failed", report.failed), ("canceled", report.canceled)):
        for job_id in ids:
            log.warning(f"recovery.job_{outcome}", job=job_id)
            job_events.publish(context.settings, job_id)
            if outcome != "requeued":
                purge_ended_job(context, job_id)
    for job_id, name in report.pieces:
        log.warning("recovery.piece_requeued", job=job_id, piece=name)


def _enqueue_missing(context: WorkerContext, due: list[JobMessage], queue: str, *, claimable: int) -> None:
    """Enqueue the jobs of one queue, unless the workers are busy and each claimable job has its message."""
    if not due:
        return
    queued = task_queue.queue_length(context.settings, queue)
    if queued is None:
        log.warning("recovery.broker_unavailable", claimable=claimable)
        return
    for message in due[: max(0, claimable - queued)]:
        task_queue.enqueue(context.settings, job_id=message.job_id, kind=message.kind, queue=queue)
