"""Rows of pieces: parts of a running job that other workers compute while they have no job of their own.

The worker that runs the job publishes them, and takes those off that it computes itself. A helper claims one, and marks
it as done once its result is among the job's checkpoints (`store.piece_leases`). So nothing depends on a message
between the two.
`session` is the caller's transaction in every function: nothing here commits.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from store import leased_rows, leases
from store import models as m
from store.clock import now
from store.database import changed_one_row
from store.leases import Claim, LeaseStatus
from store.task_queue import JobMessage


def publish(session: Session, owner: Claim, names: Sequence[str], *, queue: str, needs: str) -> bool:
    """Offer pieces of a running job. Those that are there already stay as they are, with the work of their helpers.

    Args:
        session: the caller's transaction.
        owner: the claim of the job.
        names: helpers begin with the last one.
        queue: whose workers may compute them.
        needs: on what kind of device, and with which versions. A piece that needed something else begins anew.

    Returns:
        False, with nothing changed, where the claim is lost.
    """
    if leases.lease_status(session, owner) is LeaseStatus.LOST:
        return False
    last = session.scalar(select(func.max(m.Piece.place)).where(m.Piece.job_id == owner.job_id))
    first = 0 if last is None else last + 1
    insert: Any = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    for place, name in enumerate(names, first):
        row = {"job_id": owner.job_id, "name": name, "place": place, "queue": queue, "needs": needs}
        new = insert(m.Piece).values(**row, state=m.QUEUED, attempt=0)
        again = leased_rows.freed() | {"needs": needs, "queue": queue}
        statement = new.on_conflict_do_update(
            index_elements=["job_id", "name"], set_=again, where=m.Piece.needs != needs
        )
        session.execute(statement)
    return True


def take(session: Session, job_id: str, name: str) -> bool:
    """Take a piece off, so that the owner computes it, or finds its result.

    Args:
        session: the caller's transaction.
        job_id: the job.
        name: the piece, whether there is a row of it or not.

    Returns:
        False, with nothing changed, while a helper computes it.
    """
    key = key_of(job_id, name)
    session.execute(delete(m.Piece).where(key, m.Piece.state != m.RUNNING))
    return not session.scalar(select(exists().where(key)))


def withdraw(session: Session, job_id: str, names: Sequence[str]) -> None:
    """Delete pieces whose result nobody needs; their helpers lose their claim.

    Args:
        session: the caller's transaction.
        job_id: the job.
        names: the pieces.
    """
    session.execute(delete(m.Piece).where(m.Piece.job_id == job_id, m.Piece.name.in_(names)))


def are_waiting(session: Session, queues: Sequence[str]) -> bool:
    """Return whether a helper of these queues may find a piece, on whatever device.

    Args:
        session: the caller's transaction.
        queues: of `store.task_queue.QUEUE_NAMES`.
    """
    waiting = select(m.Piece.name).join(m.Job, m.Job.id == m.Piece.job_id)
    return session.scalar(waiting.where(is_claimable(), m.Piece.queue.in_(queues)).limit(1)) is not None


def mark_lost(session: Session, *, job_id: str, worker: str) -> bool:
    """Note that the process which computed a piece has ended, so that recovery need not wait for the end of its lease.

    Args:
        session: the caller's transaction.
        job_id: the job.
        worker: the name under which the process claimed the piece.

    Returns:
        False, with nothing changed, where it computes none.
    """
    claimed = and_(m.Piece.job_id == job_id, m.Piece.state == m.RUNNING, m.Piece.worker == worker)
    return update_piece(session, claimed, {"lease_until": None})


def recover(session: Session, *, expired_are_lost: bool) -> list[tuple[str, str]]:
    """Put the pieces of lost helpers back, and delete those of jobs that are over.

    Args:
        session: the caller's transaction.
        expired_are_lost: as for `store.job_recovery.recover_jobs`.

    Returns:
        The job and the name of each piece that was put back.
    """
    ended = select(m.Job.id).where(m.Job.state.in_(m.FINAL), m.Job.id.in_(select(m.Piece.job_id)))
    session.execute(delete(m.Piece).where(m.Piece.job_id.in_(ended)).execution_options(synchronize_session=False))
    lost = leased_rows.lost(m.Piece, now(session), expired_are_lost=expired_are_lost)
    rows = session.execute(select(m.Piece.job_id, m.Piece.name, m.Piece.attempt).where(lost)).all()
    return [
        (job_id, name)
        for job_id, name, attempt in rows
        if update_piece(session, and_(key_of(job_id, name), m.Piece.attempt == attempt, lost), leased_rows.freed())
    ]


def jobs_to_help(session: Session, *, enqueue_seconds: float) -> list[JobMessage]:
    """Return the messages of the jobs whose pieces wait, and whose last message is too old.

    Args:
        session: the caller's transaction.
        enqueue_seconds: how old a message gets before another is due.
    """
    before = now(session) - timedelta(seconds=enqueue_seconds)
    due = or_(m.Job.enqueued_at.is_(None), m.Job.enqueued_at < before)
    found = select(m.Job.id, m.Job.kind, m.Piece.queue).join(m.Piece, m.Piece.job_id == m.Job.id).distinct()
    return [JobMessage(id_, kind, queue) for id_, kind, queue in session.execute(found.where(is_claimable(), due))]


def key_of(job_id: str, name: str) -> ColumnElement[bool]:
    """Return the condition for the row of a piece."""
    return and_(m.Piece.job_id == job_id, m.Piece.name == name)


def is_claimable() -> ColumnElement[bool]:
    """The condition for pieces beside their job's row. Nobody helps a job that has no worker of its own."""
    return and_(m.Piece.state == m.QUEUED, m.Job.state == m.RUNNING, m.Job.cancel_requested.is_(False))


def update_piece(session: Session, condition: ColumnElement[bool], values: dict[str, Any]) -> bool:
    """Change a row. Returns False where none meets the condition."""
    statement = update(m.Piece).where(condition).values(values).execution_options(synchronize_session=False)
    return changed_one_row(session.execute(statement))
