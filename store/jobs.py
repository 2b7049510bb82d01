"""The state machine of a job: queued -> running -> succeeded | failed | canceled, and running -> queued.

Every change is one UPDATE with a condition, and what counts is whether it met a row. A worker writes with its `Claim`:
the pair (id, attempt) is the fence, so a worker that lost its lease changes nothing. Functions never commit: the
transaction of the caller does. What broke off is swept up in `store.job_recovery`; datasets are in `store.datasets`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, and_, case, exists, func, or_, select, text, update
from sqlalchemy.orm import Session

from store import models as m
from store.clock import now

OPEN = (m.QUEUED, m.RUNNING)


class LeaseStatus(Enum):
    """How a worker stands to the job it works on."""

    HELD = "held"
    CANCEL = "cancel"  # still its own, but someone asked for the work to stop
    LOST = "lost"  # not its own any more: it must write nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A worker's right to write to a job, for as long as this attempt is the running one."""

    job_id: str
    attempt: int
    worker: str
    kind: str
    owner_id: str
    dataset_id: str | None
    target_job_id: str | None
    spec: Mapping[str, Any]
    request_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """Where in the store a finished job's files are, and how big its archive is, in bytes; some jobs make none."""

    archive_key: str | None = None
    archive_bytes: int | None = None
    report_key: str
    page_key: str


def create(
    session: Session,
    *,
    owner_id: str,
    kind: str,
    dataset_id: str,
    target_job_id: str | None = None,
    spec: Mapping[str, Any] | None = None,
    request_id: str | None = None,
) -> m.Job:
    """A new queued job. Commit, then ring its bell. `target_job_id` is the protection that a verify job tries."""
    job = m.Job(
        id=m.new_id(),
        owner_id=owner_id,
        kind=kind,
        dataset_id=dataset_id,
        target_job_id=target_job_id,
        spec=dict(spec or {}),
        request_id=request_id,
    )
    session.add(job)
    session.flush()
    return job


def claimable() -> ColumnElement[bool]:
    """Condition: the job waits, nobody cancelled it, and what it works on is there."""
    ready = exists().where(m.Dataset.id == m.Job.dataset_id, m.Dataset.state == m.READY)
    return and_(m.Job.state == m.QUEUED, m.Job.cancel_requested.is_(False), or_(m.Job.kind == m.CHECK, ready))


def claim(session: Session, job_id: str, *, worker: str, lease_seconds: float) -> Claim | None:
    """Take a waiting job; None where there is nothing to take. Of many who try at once exactly one succeeds."""
    moment = now(session)
    row = session.execute(
        update(m.Job)
        .where(m.Job.id == job_id, claimable())
        .values(
            state=m.RUNNING,
            attempt=m.Job.attempt + 1,
            worker=worker,
            lease_until=moment + timedelta(seconds=lease_seconds),
            started_at=func.coalesce(m.Job.started_at, moment),
            stage=None,
            done=0,
            total=0,
            eta_seconds=None,
            error=None,
            seq=m.Job.seq + 1,
        )
        .returning(
            m.Job.attempt,
            m.Job.kind,
            m.Job.owner_id,
            m.Job.dataset_id,
            m.Job.target_job_id,
            m.Job.spec,
            m.Job.request_id,
        )
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if row is None:
        return None
    return Claim(job_id=job_id, worker=worker, **row._mapping)


def standing(session: Session, claim: Claim) -> LeaseStatus:
    """How this claim stands; changes nothing."""
    asked = session.execute(select(m.Job.cancel_requested).where(_fence(claim))).scalar_one_or_none()
    return _standing(asked)


def renew(session: Session, claim: Claim, *, lease_seconds: float) -> LeaseStatus:
    """A sign of life: the lease runs anew."""
    return _beat(session, claim, lease_seconds, {})


def note_progress(
    session: Session,
    claim: Claim,
    *,
    stage: str,
    done: int,
    total: int,
    eta_seconds: float | None,
    lease_seconds: float,
) -> LeaseStatus:
    """Where the work is; a sign of life as well."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL synchronous_commit = off"))  # may be lost in a crash, like the work it tells of
    values = {"stage": stage, "done": done, "total": total, "eta_seconds": eta_seconds, "seq": m.Job.seq + 1}
    return _beat(session, claim, lease_seconds, values)


def succeed(session: Session, claim: Claim, result: JobResult | None = None) -> bool:
    """The work is done and its files are stored. False where the claim is lost: then nothing was written."""
    files: dict[str, Any] = {}
    if result is not None:
        files = {
            "archive_key": result.archive_key,
            "archive_bytes": result.archive_bytes,
            "report_key": result.report_key,
            "page_key": result.page_key,
        }
    return _end(session, claim, m.SUCCEEDED, {"eta_seconds": None, "error": None, "cancel_requested": False, **files})


def fail(session: Session, claim: Claim, reason: str) -> bool:
    """The work cannot be done, for a reason a person can read. False where the claim is lost."""
    return _end(session, claim, m.FAILED, {"error": reason, "eta_seconds": None})


def cancel(session: Session, claim: Claim) -> bool:
    """The worker has stopped, as it was asked to. False where the claim is lost."""
    return _end(session, claim, m.CANCELED, {"eta_seconds": None})


def release(session: Session, claim: Claim) -> bool:
    """The worker is being stopped: the job waits again, and this attempt does not count against it.

    One that was cancelled in the same moment is ended by the next sweep.
    """
    values = {"handed_back": m.Job.handed_back + 1, **waiting_again()}
    return _hit(session.execute(update(m.Job).where(_fence(claim)).values(values)))


def request_cancel(session: Session, job_id: str) -> bool:
    """Stop a job: at once where it waits, by asking its worker where it runs. False where it is over already.

    One statement, for between two a job could go back from running to waiting and be met by neither.
    """
    waits = m.Job.state == m.QUEUED
    values = {
        "state": case((waits, m.CANCELED), else_=m.Job.state),
        "finished_at": case((waits, now(session)), else_=m.Job.finished_at),
        "cancel_requested": True,
        "seq": m.Job.seq + 1,
    }
    return _hit(session.execute(update(m.Job).where(m.Job.id == job_id, m.Job.state.in_(OPEN)).values(values)))


def verifications(session: Session, target: m.Job) -> list[m.Job]:
    """The verify jobs of a protection, newest first."""
    mine = (m.Job.target_job_id == target.id, m.Job.owner_id == target.owner_id)
    return list(session.scalars(select(m.Job).where(*mine).order_by(m.Job.created_at.desc()).limit(50)))


def is_being_verified(session: Session, job_id: str) -> bool:
    """Whether a verify job of this protection waits or runs."""
    return session.scalar(select(exists().where(m.Job.target_job_id == job_id, m.Job.state.in_(OPEN)))) or False


def delete(session: Session, job: m.Job) -> None:
    """Delete the row of a job that is over; its verifications stay, and name it no more."""
    session.execute(update(m.Job).where(m.Job.target_job_id == job.id).values(target_job_id=None))
    session.delete(job)


def mark_enqueued(session: Session, job_id: str) -> None:
    """The bell was rung for this job: the sweep leaves it alone for a while."""
    session.execute(update(m.Job).where(m.Job.id == job_id).values(rung_at=now(session)))


def waiting_again() -> dict[str, Any]:
    """Values that put a running job back into the queue."""
    return {"state": m.QUEUED, "worker": None, "lease_until": None, "rung_at": None, "seq": m.Job.seq + 1}


def _fence(claim: Claim) -> ColumnElement[bool]:
    return and_(
        m.Job.id == claim.job_id,
        m.Job.state == m.RUNNING,
        m.Job.attempt == claim.attempt,
        m.Job.worker == claim.worker,
    )


def _beat(session: Session, claim: Claim, lease_seconds: float, values: dict[str, Any]) -> LeaseStatus:
    lease = now(session) + timedelta(seconds=lease_seconds)
    statement = update(m.Job).where(_fence(claim)).values(lease_until=lease, **values)
    asked = session.execute(
        statement.returning(m.Job.cancel_requested).execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    return _standing(asked)


def _standing(cancel_requested: bool | None) -> LeaseStatus:
    if cancel_requested is None:
        return LeaseStatus.LOST
    return LeaseStatus.CANCEL if cancel_requested else LeaseStatus.HELD


def _end(session: Session, claim: Claim, state: str, values: dict[str, Any]) -> bool:
    over = {"state": state, "worker": None, "lease_until": None, "finished_at": now(session), "seq": m.Job.seq + 1}
    return _hit(session.execute(update(m.Job).where(_fence(claim)).values(over | values)))


def _hit(result: Any) -> bool:
    return cast("CursorResult[Any]", result).rowcount == 1
