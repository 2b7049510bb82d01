"""Rows of jobs: create, look up, cancel and delete. What a worker writes to the job that it runs is in `store.leases`.

A job goes queued -> running -> succeeded | failed | canceled, and from running back to queued when its worker stops or
disappears. Every change is one conditional UPDATE, and the number of rows that it matched tells whether it took effect.
`session` is the caller's transaction in every function: nothing here commits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, or_, select, update
from sqlalchemy import delete as delete_rows
from sqlalchemy.orm import Session

from store import models as m
from store.clock import now
from store.database import changed_one_row

OPEN = (m.QUEUED, m.RUNNING)
MAX_VERIFICATIONS = 50  # how many verify jobs of one protection are listed


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What a job is created from."""

    owner_id: str
    kind: str  # models.PROTECT, TRAIN, VERIFY or one of INTERNAL
    dataset_id: str
    target_job_id: str | None = None  # the protect job whose archive a verify job measures
    spec: Mapping[str, Any] = field(default_factory=dict)  # the validated request, as JSON values
    request_id: str | None = None  # of the HTTP request, for the logs
    keep_days: int | None = None  # after its end; None for ever


def create(session: Session, new: NewJob) -> m.Job:
    """Insert a queued job. Commit, then enqueue it.

    Args:
        session: the caller's transaction.
        new: what the job does, and for whom.
    """
    job = m.Job(
        id=m.new_id(),
        owner_id=new.owner_id,
        kind=new.kind,
        dataset_id=new.dataset_id,
        target_job_id=new.target_job_id,
        spec=dict(new.spec),
        request_id=new.request_id,
        keep_days=new.keep_days,
    )
    session.add(job)
    session.flush()
    return job


def claimable() -> ColumnElement[bool]:
    """Return the SQL condition under which a worker may claim a job: queued, not canceled, and its dataset is ready."""
    ready = exists().where(m.Dataset.id == m.Job.dataset_id, m.Dataset.state == m.READY)
    return and_(m.Job.state == m.QUEUED, m.Job.cancel_requested.is_(False), or_(m.Job.kind == m.CHECK, ready))


def request_cancel(session: Session, job_id: str) -> bool:
    """Cancel a queued job at once; ask the worker of a running job to stop. Returns False where the job is over.

    This must be one statement: between two, a job could go back from running to queued and be missed by both.
    """
    queued = m.Job.state == m.QUEUED
    values = {
        "state": case((queued, m.CANCELED), else_=m.Job.state),
        "finished_at": case((queued, now(session)), else_=m.Job.finished_at),
        "cancel_requested": True,
        "seq": m.Job.seq + 1,
    }
    return changed_one_row(
        session.execute(update(m.Job).where(m.Job.id == job_id, m.Job.state.in_(OPEN)).values(values))
    )


def failure_text(reason: str, archive_key: str | None) -> str:
    """Return why a job failed, for its user.

    Args:
        reason: what went wrong.
        archive_key: the archive that the job offers all the same; None where it has none.
    """
    if archive_key is None:
        return reason
    return f"The images are protected and the archive is complete, but its protection could not be measured. {reason}"


def result_folders(job: m.Job) -> tuple[str, ...]:
    """Return the prefixes, with a slash at the end, of the results that a job's row names."""
    keys = [key for key in (job.archive_key, job.report_key, job.page_key) if key]
    return tuple(f"{PurePosixPath(key).parent}/" for key in keys)


def verifications(session: Session, target: m.Job) -> list[m.Job]:
    """Return the verify jobs of a protect job, newest first, at most `MAX_VERIFICATIONS`."""
    condition = (m.Job.target_job_id == target.id, m.Job.owner_id == target.owner_id)
    newest_first = select(m.Job).where(*condition).order_by(m.Job.created_at.desc())
    return list(session.scalars(newest_first.limit(MAX_VERIFICATIONS)))


def is_being_verified(session: Session, job_id: str) -> bool:
    """Return whether a verify job of this protect job is queued or running."""
    return session.scalar(select(exists().where(m.Job.target_job_id == job_id, m.Job.state.in_(OPEN)))) or False


def delete(session: Session, job: m.Job) -> None:
    """Delete the row of a job that is over. Its verify jobs stay, without a target."""
    session.execute(update(m.Job).where(m.Job.target_job_id == job.id).values(target_job_id=None))
    session.delete(job)


def expired_ids(session: Session) -> list[str]:
    """Return the ids of the jobs whose results have been kept long enough, and which nobody verifies now."""
    moment = now(session)
    expired: list[str] = []
    for days in session.scalars(select(m.Job.keep_days).where(m.Job.keep_days.is_not(None)).distinct()).all():
        before = moment - timedelta(days=days or 0)
        ended = (m.Job.keep_days == days, m.Job.state.in_(m.FINAL), m.Job.finished_at < before)
        expired += session.scalars(select(m.Job.id).where(*ended)).all()
    return [id_ for id_ in expired if not is_being_verified(session, id_)]


def delete_ended(session: Session, kinds: Sequence[str], *, older_than: timedelta) -> list[str]:
    """Delete the rows of jobs that ended some time ago.

    Args:
        session: the caller's transaction.
        kinds: the kinds of job.
        older_than: how long ago they must have ended.

    Returns:
        The ids of the deleted jobs.
    """
    ended = (m.Job.kind.in_(kinds), m.Job.finished_at < now(session) - older_than)
    return list(session.scalars(delete_rows(m.Job).where(*ended).returning(m.Job.id)))


def mark_enqueued(session: Session, job_id: str) -> None:
    """Note that a message for this job was sent now, so that recovery does not send another one at once."""
    session.execute(update(m.Job).where(m.Job.id == job_id).values(enqueued_at=now(session)))
