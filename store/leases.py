"""What a worker writes to the job that it runs, fenced by its claim.

A claim is the pair (job, attempt). Every statement has it as a condition, so a worker whose lease expired changes
nothing: another worker may run the job. `session` is the caller's transaction in every function: nothing here commits.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, case, func, select, text, update
from sqlalchemy.orm import Session

from store import leased_rows, maintenance_mode
from store import models as m
from store.clock import now
from store.database import changed_one_row
from store.jobs import claimable, failure_text


class LeaseStatus(Enum):
    """Whether a worker may continue its job."""

    HELD = "held"  # yes
    CANCEL = "cancel"  # the worker still holds the lease, but the job is to be canceled
    LOST = "lost"  # no: it must write nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A worker's right to write to a job, for as long as this attempt is the running one."""

    job_id: str
    attempt: int  # from 1
    worker: str
    kind: str
    owner_id: str
    dataset_id: str | None
    target_job_id: str | None
    spec: Mapping[str, Any]
    request_id: str | None
    ran_seconds: float = 0.0  # in earlier attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """How far a job is: `done` of `total` units of a stage, and the seconds that are left where they are known."""

    stage: str
    done: int
    total: int
    eta_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """The keys of a job's result files, and the size of its archive in bytes. Verify jobs make no archive."""

    archive_key: str | None = None
    archive_bytes: int | None = None
    archive_common_bytes: int | None = None  # the first bytes that it shares with the archive offered before, if any
    report_key: str
    page_key: str
    measured: dict[str, Any] | None = None  # how long it took, as `store.estimates.Estimate.to_dict`


def claim(session: Session, job_id: str, *, worker: str, lease_seconds: float) -> Claim | None:
    """Claim a job; of many workers that try at once exactly one succeeds.

    Args:
        session: the caller's transaction.
        job_id: the job.
        worker: a name for this worker process, unique among all.
        lease_seconds: how long the claim lasts unless it is renewed.

    Returns:
        The claim, or None where the job cannot be claimed, and during maintenance.
    """
    moment = now(session)
    row = session.execute(
        update(m.Job)
        .where(m.Job.id == job_id, claimable(), ~maintenance_mode.refuses_claims(moment))
        .values(
            **leased_rows.claimed(m.Job, moment, worker=worker, lease_seconds=lease_seconds),
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
            m.Job.ran_seconds,
        )
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if row is None:
        return None
    return Claim(job_id=job_id, worker=worker, **row._mapping)


def lease_status(session: Session, claim: Claim) -> LeaseStatus:
    """Return whether the claim still holds; changes nothing."""
    return _status(session.execute(select(m.Job.cancel_requested).where(_fence(claim))).scalar_one_or_none())


def renew(session: Session, claim: Claim, *, lease_seconds: float, ran_seconds: float | None = None) -> LeaseStatus:
    """Extend the lease.

    Args:
        session: the caller's transaction.
        claim: the worker's claim.
        lease_seconds: how long the lease lasts from now on.
        ran_seconds: how long the job has run in all attempts; None for no news.
    """
    return _extend(session, claim, lease_seconds, _ran(ran_seconds))


def record_progress(
    session: Session, claim: Claim, progress: JobProgress, *, lease_seconds: float, ran_seconds: float | None = None
) -> LeaseStatus:
    """Write the progress of a job, and extend the lease.

    Args:
        session: the caller's transaction.
        claim: the worker's claim.
        progress: how far the job is.
        lease_seconds: how long the lease lasts from now on.
        ran_seconds: how long the job has run in all attempts; None for no news.
    """
    if session.get_bind().dialect.name == "postgresql":
        # A crash may lose this row change: the work that it describes is lost as well.
        session.execute(text("SET LOCAL synchronous_commit = off"))
    return _extend(session, claim, lease_seconds, {**asdict(progress), **_ran(ran_seconds), "seq": m.Job.seq + 1})


def record_archive(session: Session, claim: Claim, *, key: str, size: int) -> bool:
    """Offer the archive of a running job for download, before its evidence is measured.

    Args:
        session: the caller's transaction.
        claim: the worker's claim.
        key: the stored archive.
        size: its bytes.

    Returns:
        False, with nothing changed, where the claim is lost.
    """
    values = {
        "archive_key": key,
        "archive_bytes": size,
        "archive_ready_at": func.coalesce(m.Job.archive_ready_at, now(session)),
        "archive_common_bytes": case((m.Job.archive_key.is_(None), None), else_=0),
        "seq": m.Job.seq + 1,
    }
    return changed_one_row(session.execute(update(m.Job).where(_fence(claim)).values(values)))


def succeed(session: Session, claim: Claim, result: JobResult | None = None) -> bool:
    """End a job whose result files are stored. Returns False, and changes nothing, where the claim is lost.

    Args:
        session: the caller's transaction.
        claim: the worker's claim.
        result: the keys of its files; None for jobs whose result is another row.
    """
    files: dict[str, Any] = {} if result is None else asdict(result)
    if result is not None and result.archive_key is not None:
        files["archive_ready_at"] = func.coalesce(m.Job.archive_ready_at, now(session))
    return _end(session, claim, m.SUCCEEDED, {"eta_seconds": None, "error": None, "cancel_requested": False, **files})


def fail(session: Session, claim: Claim, reason: str) -> bool:
    """End a job that cannot be done. Returns False, and changes nothing, where the claim is lost.

    Args:
        session: the caller's transaction.
        claim: the worker's claim.
        reason: what the user reads; where the archive is offered already, the text says so first.
    """
    archive_key = session.scalar(select(m.Job.archive_key).where(_fence(claim)))
    return _end(session, claim, m.FAILED, {"error": failure_text(reason, archive_key), "eta_seconds": None})


def cancel(session: Session, claim: Claim) -> bool:
    """End a canceled job whose work has stopped. Returns False, and changes nothing, where the claim is lost."""
    return _end(session, claim, m.CANCELED, {"eta_seconds": None})


def release(session: Session, claim: Claim) -> bool:
    """Put the job back into the queue because the worker stops; this attempt does not count against the job.

    Recovery ends a job that was canceled in the same moment. Returns False where the claim is lost.
    """
    values = {"released": m.Job.released + 1, **requeue_values()}
    return changed_one_row(session.execute(update(m.Job).where(_fence(claim)).values(values)))


def requeue(session: Session, claim: Claim) -> bool:
    """Put the job back into the queue after an attempt that counts. Returns False where the claim is lost."""
    return changed_one_row(session.execute(update(m.Job).where(_fence(claim)).values(requeue_values())))


def requeue_values() -> dict[str, Any]:
    """Return the column values that put a running job back into the queue."""
    return {**leased_rows.freed(), "enqueued_at": None, "seq": m.Job.seq + 1}


def _ran(seconds: float | None) -> dict[str, Any]:
    return {} if seconds is None else {"ran_seconds": seconds}


def _fence(claim: Claim) -> ColumnElement[bool]:
    return leased_rows.fence(m.Job, m.Job.id == claim.job_id, worker=claim.worker, attempt=claim.attempt)


def _extend(session: Session, claim: Claim, lease_seconds: float, values: dict[str, Any]) -> LeaseStatus:
    lease_until = now(session) + timedelta(seconds=lease_seconds)
    statement = update(m.Job).where(_fence(claim)).values(lease_until=lease_until, **values)
    cancel_requested = session.execute(
        statement.returning(m.Job.cancel_requested).execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    return _status(cancel_requested)


def _status(cancel_requested: bool | None) -> LeaseStatus:
    if cancel_requested is None:  # no row matched the fence
        return LeaseStatus.LOST
    return LeaseStatus.CANCEL if cancel_requested else LeaseStatus.HELD


def _end(session: Session, claim: Claim, state: str, values: dict[str, Any]) -> bool:
    final = {"state": state, "worker": None, "lease_until": None, "finished_at": now(session), "seq": m.Job.seq + 1}
    return changed_one_row(session.execute(update(m.Job).where(_fence(claim)).values(final | values)))
