"""What a helper writes to the piece that it computes, fenced by its claim, as `store.leases` is for jobs.

`session` is the caller's transaction in every function: nothing here commits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, exists, select, update
from sqlalchemy.orm import Session

from store import jobs, leased_rows, maintenance_mode
from store import models as m
from store.clock import now
from store.leases import LeaseStatus
from store.pieces import is_claimable, key_of, update_piece

MAX_CANDIDATES = 10  # other helpers may claim the first ones at the same moment


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceClaim:
    """A helper's right to compute a piece, for as long as this attempt is the running one."""

    job_id: str
    name: str
    attempt: int  # from 1
    worker: str
    kind: str  # of the job
    dataset_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Helper:
    """What a helper can compute.

    Attributes:
        queues: those whose pieces it takes, of `store.task_queue.QUEUE_NAMES`.
        has: its kind of device and its versions, to be compared with what pieces need.
        max_attempts: how often a piece may be tried; then the worker that runs the job is left to compute it.
    """

    queues: Sequence[str]
    has: str
    max_attempts: int


def claim(session: Session, helper: Helper, *, worker: str, lease_seconds: float) -> PieceClaim | None:
    """Claim the last piece of the job that has run for longest; of many helpers that try at once exactly one gets it.

    Args:
        session: the caller's transaction.
        helper: what this one can compute.
        worker: a name for the claim, unique among all.
        lease_seconds: how long the claim lasts unless it is renewed.

    Returns:
        The claim, or None where there is no piece for it, and during maintenance.
    """
    moment = now(session)
    columns = (m.Piece.job_id, m.Piece.name, m.Job.kind, m.Job.dataset_id)
    fits = (m.Piece.queue.in_(helper.queues), m.Piece.needs == helper.has, m.Piece.attempt < helper.max_attempts)
    found = select(*columns).join(m.Job, m.Job.id == m.Piece.job_id).where(is_claimable(), *fits)
    found = found.order_by(m.Job.started_at, m.Job.id, m.Piece.place.desc()).limit(MAX_CANDIDATES)
    values = leased_rows.claimed(m.Piece, moment, worker=worker, lease_seconds=lease_seconds)
    for job_id, name, kind, dataset_id in session.execute(found).all():
        condition = and_(key_of(job_id, name), m.Piece.state == m.QUEUED, *fits, _job_runs())
        attempt = session.execute(
            update(m.Piece)
            .where(condition, ~maintenance_mode.refuses_claims(moment))
            .values(values)
            .returning(m.Piece.attempt)
            .execution_options(synchronize_session=False)
        ).scalar_one_or_none()
        if attempt is not None:
            return PieceClaim(
                job_id=job_id, name=name, attempt=attempt, worker=worker, kind=kind, dataset_id=dataset_id
            )
    return None


def lease_status(session: Session, claim: PieceClaim) -> LeaseStatus:
    """Return whether a helper may go on: its claim holds, and the job is still wanted. Changes nothing."""
    held = session.scalar(select(m.Piece.name).where(_fence(claim), _job_is_open()))
    return LeaseStatus.LOST if held is None else LeaseStatus.HELD


def renew(session: Session, claim: PieceClaim, *, lease_seconds: float) -> LeaseStatus:
    """Extend the lease of a piece.

    Args:
        session: the caller's transaction.
        claim: the helper's claim.
        lease_seconds: how long the lease lasts from now on.
    """
    values = {"lease_until": now(session) + timedelta(seconds=lease_seconds)}
    return LeaseStatus.HELD if update_piece(session, and_(_fence(claim), _job_is_open()), values) else LeaseStatus.LOST


def succeed(session: Session, claim: PieceClaim) -> bool:
    """Note that the result is among the checkpoints. Returns False, and changes nothing, where the claim is lost."""
    return update_piece(session, _fence(claim), leased_rows.freed() | {"state": m.SUCCEEDED})


def release(session: Session, claim: PieceClaim) -> bool:
    """Put a piece back because its helper has something else to do; this attempt does not count.

    Returns False, and changes nothing, where the claim is lost.
    """
    return update_piece(session, _fence(claim), leased_rows.freed() | {"attempt": m.Piece.attempt - 1})


def requeue(session: Session, claim: PieceClaim) -> bool:
    """Put a piece back after an attempt that counts. Returns False where the claim is lost."""
    return update_piece(session, _fence(claim), leased_rows.freed())


def _fence(claim: PieceClaim) -> ColumnElement[bool]:
    return leased_rows.fence(m.Piece, key_of(claim.job_id, claim.name), worker=claim.worker, attempt=claim.attempt)


def _job_runs() -> ColumnElement[bool]:
    return exists().where(m.Job.id == m.Piece.job_id, m.Job.state == m.RUNNING, m.Job.cancel_requested.is_(False))


def _job_is_open() -> ColumnElement[bool]:
    """A helper goes on while the job waits for its next attempt, which finds the result."""
    return exists().where(m.Job.id == m.Piece.job_id, m.Job.state.in_(jobs.OPEN), m.Job.cancel_requested.is_(False))
