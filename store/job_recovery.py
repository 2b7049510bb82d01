"""Recovery: jobs whose worker disappeared run again, jobs that cannot run end, and lost messages are sent again.

Any number of workers may recover at the same time, because every change is a conditional UPDATE.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from store import jobs, leased_rows, leases, pieces, task_queue
from store import models as m
from store.clock import now
from store.database import changed_one_row
from store.fair_shares import turn
from store.tally import tally
from store.task_queue import JobMessage

MAX_ENQUEUED_PER_QUEUE = 100  # messages for one queue from one call of `recover_jobs`


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryReport:
    """What recovery has changed, and the messages that are due.

    Attributes:
        requeued: the ids of the jobs that wait again.
        failed: of those that failed.
        canceled: of those that were canceled.
        to_enqueue: the messages of waiting jobs whose last one is too old.
        pieces: the job and the name of each piece whose helper was lost.
    """

    requeued: tuple[str, ...]
    failed: tuple[str, ...]
    canceled: tuple[str, ...]
    to_enqueue: tuple[JobMessage, ...]
    pieces: tuple[tuple[str, str], ...] = ()


def recover_jobs(
    session: Session, *, max_attempts: int, enqueue_seconds: float, expired_are_lost: bool = True
) -> RecoveryReport:
    """Find the jobs that need help, and change their rows. Commit, then enqueue the jobs of the report.

    Args:
        session: the caller's transaction.
        max_attempts: a job fails once its worker was lost this many times.
        enqueue_seconds: a queued job is enqueued again when its last message is older than this.
        expired_are_lost: whether an expired lease means a lost worker, as `store.recovery_watch` decides. What
            `mark_lost` has marked is lost in any case.
    """
    requeued, failed, canceled = _recover_lost(session, max_attempts, expired_are_lost=expired_are_lost)
    canceled += _end_released_after_cancel(session)
    failed += _fail_without_dataset(session)
    return RecoveryReport(
        requeued=tuple(requeued),
        failed=tuple(failed),
        canceled=tuple(canceled),
        to_enqueue=tuple(_mark_due(session, enqueue_seconds)),
        pieces=tuple(pieces.recover(session, expired_are_lost=expired_are_lost)),
    )


def count_claimable(session: Session, queue: str) -> int:
    """Return how many jobs of a queue a worker could claim now."""
    count = select(func.count()).select_from(m.Job)
    return session.scalar(count.where(jobs.claimable(), task_queue.in_queue(queue))) or 0


def mark_lost(session: Session, *, job_id: str, worker: str) -> bool:
    """Note that the process which ran a job, or a piece of it, has ended: recovery need not wait for its lease.

    Args:
        session: the caller's transaction.
        job_id: the job.
        worker: the name under which the process claimed it.

    Returns:
        False, with nothing changed, where it is over or another worker runs it.
    """
    claimed = and_(m.Job.id == job_id, m.Job.state == m.RUNNING, m.Job.worker == worker)
    if _update(session, claimed, {"lease_until": None}):
        return True
    return pieces.mark_lost(session, job_id=job_id, worker=worker)


def _recover_lost(
    session: Session, max_attempts: int, *, expired_are_lost: bool
) -> tuple[list[str], list[str], list[str]]:
    """Requeue, fail or cancel the jobs whose process has ended, or whose lease has expired."""
    moment = now(session)
    lost = leased_rows.lost(m.Job, moment, expired_are_lost=expired_are_lost)
    rows = session.scalars(select(m.Job).where(lost)).all()
    requeued: list[str] = []
    failed: list[str] = []
    canceled: list[str] = []
    for job in rows:
        final = {"worker": None, "lease_until": None, **_finished(moment)}
        lost_attempts = job.attempt - job.released
        if job.cancel_requested:
            values, outcome = final | {"state": m.CANCELED}, canceled
        elif lost_attempts >= max_attempts:
            values, outcome = final | {"state": m.FAILED, "error": _lost_worker_error(job, lost_attempts)}, failed
        else:
            values, outcome = leases.requeue_values(), requeued
        unchanged = and_(
            m.Job.id == job.id,
            m.Job.attempt == job.attempt,
            m.Job.cancel_requested.is_(job.cancel_requested),
            lost,
        )
        if _update(session, unchanged, values):
            outcome.append(job.id)
            tally.add("attempts", job.kind, "canceled" if outcome is canceled else "lost")
            if outcome is failed and job.kind == m.CHECK:
                _reject_dataset(session, job.dataset_id, str(values["error"]))
    return requeued, failed, canceled


def _lost_worker_error(job: m.Job, lost_attempts: int) -> str:
    where = f"in stage “{job.stage}”" if job.stage else "before its first stage"
    reason = (
        f"The worker stopped responding {where}, {lost_attempts} times in a row. It may have run out of memory: "
        "try fewer or smaller images, or ask the operator of this service."
    )
    return jobs.failure_text(reason, job.archive_key)


def _end_released_after_cancel(session: Session) -> list[str]:
    """Cancel the queued jobs whose worker released them before it noticed the request to cancel."""
    condition = and_(m.Job.state == m.QUEUED, m.Job.cancel_requested.is_(True))
    values = {"state": m.CANCELED, **_finished(now(session))}
    ids = session.scalars(select(m.Job.id).where(condition)).all()
    return [id_ for id_ in ids if _update(session, and_(m.Job.id == id_, condition), values)]


def _fail_without_dataset(session: Session) -> list[str]:
    """Fail the queued jobs whose dataset was rejected or deleted: they can never run."""
    queued = select(m.Job.id, m.Job.archive_key, m.Dataset.id, m.Dataset.error)
    queued = queued.outerjoin(m.Dataset, m.Dataset.id == m.Job.dataset_id)
    rows = session.execute(
        queued.where(m.Job.state == m.QUEUED, or_(m.Dataset.id.is_(None), m.Dataset.state == m.REJECTED))
    ).all()
    failed = []
    for job_id, archive_key, dataset_id, error in rows:
        reason = f"The dataset was rejected: {error}" if dataset_id else "The dataset was deleted before the job began."
        values = {"state": m.FAILED, "error": jobs.failure_text(reason, archive_key), **_finished(now(session))}
        if _update(session, and_(m.Job.id == job_id, m.Job.state == m.QUEUED), values):
            failed.append(job_id)
    return failed


def _mark_due(session: Session, enqueue_seconds: float) -> list[JobMessage]:
    """Mark the claimable jobs whose last message is too old as enqueued; return their messages, queue by queue."""
    before = now(session) - timedelta(seconds=enqueue_seconds)
    due = and_(jobs.claimable(), or_(m.Job.enqueued_at.is_(None), m.Job.enqueued_at < before))
    first = select(m.Job.id, m.Job.kind).order_by(turn(), m.Job.created_at, m.Job.id).limit(MAX_ENQUEUED_PER_QUEUE)
    messages = [
        JobMessage(id_, kind, queue)
        for queue in task_queue.QUEUE_NAMES  # one query each: a long queue must not use up the limit of another
        for id_, kind in session.execute(first.where(due, task_queue.in_queue(queue)))
    ]
    moment = now(session)
    return [one for one in messages if _update(session, and_(m.Job.id == one.job_id, due), {"enqueued_at": moment})]


def _reject_dataset(session: Session, dataset_id: str | None, reason: str) -> None:
    session.execute(
        update(m.Dataset)
        .where(m.Dataset.id == dataset_id, m.Dataset.state == m.CHECKING)
        .values(state=m.REJECTED, error=f"The upload could not be checked. {reason}")
    )


def _finished(moment: datetime) -> dict[str, Any]:
    return {"finished_at": moment, "seq": m.Job.seq + 1}


def _update(session: Session, condition: Any, values: dict[str, Any]) -> bool:
    statement = update(m.Job).where(condition).values(values).execution_options(synchronize_session=False)
    return changed_one_row(session.execute(statement))
