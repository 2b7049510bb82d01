"""Finding what broke off or was forgotten. Any number of workers may sweep at once: every change has its condition."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, and_, func, or_, select, update
from sqlalchemy.orm import Session

from store import jobs, task_queue
from store import models as m
from store.clock import now

RINGS = 100  # most bells of one queue that one sweep rings


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryReport:
    """What a sweep found: ids that wait again, ids that are over now, and (id, kind) of jobs whose bell should ring."""

    requeued: tuple[str, ...]
    failed: tuple[str, ...]
    canceled: tuple[str, ...]
    ring: tuple[tuple[str, str], ...]


def sweep(session: Session, *, max_attempts: int, ring_seconds: float) -> RecoveryReport:
    """Expired leases queue again, or fail after `max_attempts`; what cannot or must not run ends; the rest is rung."""
    requeued, failed, canceled = _expired(session, max_attempts)
    canceled += _unwanted(session)
    failed += _hopeless(session)
    return RecoveryReport(
        requeued=tuple(requeued),
        failed=tuple(failed),
        canceled=tuple(canceled),
        ring=tuple(_forgotten(session, ring_seconds)),
    )


def _expired(session: Session, max_attempts: int) -> tuple[list[str], list[str], list[str]]:
    moment = now(session)
    rows = session.scalars(select(m.Job).where(m.Job.state == m.RUNNING, m.Job.lease_until < moment)).all()
    requeued: list[str] = []
    failed: list[str] = []
    canceled: list[str] = []
    for job in rows:
        over = {"worker": None, "lease_until": None, "finished_at": moment, "seq": m.Job.seq + 1}
        tries = job.attempt - job.handed_back
        if job.cancel_requested:
            values, found = over | {"state": m.CANCELED}, canceled
        elif tries >= max_attempts:
            values, found = over | {"state": m.FAILED, "error": _broke_off(job, tries)}, failed
        else:
            values, found = jobs.waiting_again(), requeued
        same = and_(
            m.Job.id == job.id,
            m.Job.state == m.RUNNING,
            m.Job.attempt == job.attempt,
            m.Job.cancel_requested.is_(job.cancel_requested),
        )
        if _change(session, and_(same, m.Job.lease_until < moment), values):
            found.append(job.id)
            if found is failed and job.kind == m.CHECK:
                _reject(session, job.dataset_id, str(values["error"]))
    return requeued, failed, canceled


def _broke_off(job: m.Job, tries: int) -> str:
    where = f"in stage “{job.stage}”" if job.stage else "before its first stage"
    return (
        f"The worker broke off {where} and gave no sign of life, {tries} times in a row. "
        "It may have run out of memory: try fewer or smaller pictures, or ask whoever runs the service."
    )


def _unwanted(session: Session) -> list[str]:
    """Jobs that were cancelled while they ran, and whose worker put them back without having heard of it."""
    waits = and_(m.Job.state == m.QUEUED, m.Job.cancel_requested.is_(True))
    over = {"state": m.CANCELED, "finished_at": now(session), "seq": m.Job.seq + 1}
    ids = session.scalars(select(m.Job.id).where(waits)).all()
    return [id_ for id_ in ids if _change(session, and_(m.Job.id == id_, waits), over)]


def _hopeless(session: Session) -> list[str]:
    """Protect jobs that wait for a dataset that was rejected or deleted will never run: they fail with that reason."""
    waiting = select(m.Job.id, m.Dataset.id, m.Dataset.error).outerjoin(m.Dataset, m.Dataset.id == m.Job.dataset_id)
    rows = session.execute(
        waiting.where(m.Job.state == m.QUEUED, or_(m.Dataset.id.is_(None), m.Dataset.state == m.REJECTED))
    ).all()
    failed = []
    for job_id, dataset_id, error in rows:
        reason = f"The dataset was rejected: {error}" if dataset_id else "The dataset was deleted before the job began."
        over = {"state": m.FAILED, "error": reason, "finished_at": now(session), "seq": m.Job.seq + 1}
        if _change(session, and_(m.Job.id == job_id, m.Job.state == m.QUEUED), over):
            failed.append(job_id)
    return failed


def _forgotten(session: Session, ring_seconds: float) -> list[tuple[str, str]]:
    """Jobs that could run and whose bell was not rung for a while, the oldest of each queue; marks them as rung."""
    before = now(session) - timedelta(seconds=ring_seconds)
    quiet = and_(jobs.claimable(), or_(m.Job.rung_at.is_(None), m.Job.rung_at < before))
    oldest = select(m.Job.id, m.Job.kind).order_by(m.Job.created_at).limit(RINGS)
    rows = [
        row
        for queue in task_queue.EVERY_QUEUE  # each by itself: many that wait for one must not hide those of another
        for row in session.execute(oldest.where(quiet, m.Job.kind.in_(task_queue.kinds_of(queue))))
    ]
    return [
        (id_, kind) for id_, kind in rows if _change(session, and_(m.Job.id == id_, quiet), {"rung_at": now(session)})
    ]


def waiting(session: Session, kind: str) -> int:
    """How many jobs of a kind could run at once, were there workers enough."""
    return session.scalar(select(func.count()).select_from(m.Job).where(jobs.claimable(), m.Job.kind == kind)) or 0


def _reject(session: Session, dataset_id: str | None, reason: str) -> None:
    session.execute(
        update(m.Dataset)
        .where(m.Dataset.id == dataset_id, m.Dataset.state == m.CHECKING)
        .values(state=m.REJECTED, error=f"The upload could not be checked. {reason}")
    )


def _change(session: Session, condition: Any, values: dict[str, Any]) -> bool:
    statement = update(m.Job).where(condition).values(values).execution_options(synchronize_session=False)
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1
