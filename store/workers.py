"""Rows of workers: each worker writes its own a few times per lease, and deletes it when it ends.

A row says that a worker was there, not what it runs: that is in the rows of jobs, whose `worker` names it. So a row
that is out of date never holds a job. `session` is the caller's transaction in every function: nothing here commits.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select, union_all, update
from sqlalchemy.orm import Session

from store import models as m
from store.clock import now
from store.database import changed_one_row

SILENT_TTL = timedelta(days=1)  # how long the row of a worker stays that ended without a word
MAX_CLAIM_NAME = 200  # characters in the column of a job


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerCard:
    """What a worker says about itself.

    Attributes:
        id: its own, anew at each start.
        host: the name of its machine.
        name: one of `store.task_queue.WORKER_NAMES`.
        queues: from which it takes jobs, of `store.task_queue.QUEUE_NAMES`.
        device: where it computes, in words.
        version: of this program.
    """

    id: str
    host: str
    name: str
    queues: tuple[str, ...]
    device: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedWorker:
    """A worker as admins see it.

    Attributes:
        row: what it said last.
        is_live: whether it was seen within a lease.
        job_id: the job that it runs, or helps with; None for none.
        job_kind: the kind of that job.
    """

    row: m.Worker
    is_live: bool
    job_id: str | None
    job_kind: str | None


def claim_name(*, host: str, pid: int, token: str, worker_id: str) -> str:
    """Return the name under which a process claims a job.

    Args:
        host: the name of its machine.
        pid: its process id.
        token: random, so that no two claims share a name.
        worker_id: the id of the worker's row; empty for a process without one.
    """
    return f"{host[:100]}:{pid}:{token}:{worker_id}"[:MAX_CLAIM_NAME]


def worker_id_of(claim: str | None) -> str | None:
    """Return the id of the worker's row from the name of a claim; None where it has none."""
    parts = (claim or "").split(":")
    return parts[-1] if len(parts) == 4 and parts[-1] else None


def write(session: Session, card: WorkerCard) -> None:
    """Say that a worker lives; its row is inserted where there is none.

    Args:
        session: the caller's transaction.
        card: what it says about itself.
    """
    moment = now(session)
    if not changed_one_row(session.execute(update(m.Worker).where(m.Worker.id == card.id).values(seen_at=moment))):
        row = m.Worker(
            id=card.id,
            host=card.host[:200],
            name=card.name,
            queues=list(card.queues),
            device=card.device[:200],
            version=card.version[:64],
            seen_at=moment,
        )
        session.add(row)


def remove(session: Session, worker_id: str) -> None:
    """Delete the row of a worker that ends."""
    session.execute(delete(m.Worker).where(m.Worker.id == worker_id))


def remove_silent(session: Session) -> list[str]:
    """Delete the rows of workers that ended without a word longer than `SILENT_TTL` ago; return their ids."""
    silent = delete(m.Worker).where(m.Worker.seen_at < now(session) - SILENT_TTL)
    return list(session.scalars(silent.returning(m.Worker.id)))


def listed(session: Session, *, lease_seconds: float) -> list[ListedWorker]:
    """Return every worker that has a row, with the job that it runs, by machine and name.

    Args:
        session: reads the rows.
        lease_seconds: one that was silent for longer does not live.
    """
    running = select(m.Job.worker, m.Job.id, m.Job.kind).where(m.Job.state == m.RUNNING)
    helping = select(m.Piece.worker, m.Job.id, m.Job.kind).join(m.Job, m.Job.id == m.Piece.job_id)
    both = union_all(running, helping.where(m.Piece.state == m.RUNNING))
    job_of = {worker_id_of(worker): (id_, kind) for worker, id_, kind in session.execute(both)}
    alive_since = now(session) - timedelta(seconds=lease_seconds)
    rows = session.scalars(select(m.Worker).order_by(m.Worker.host, m.Worker.name, m.Worker.created_at))
    found = []
    for row in rows:
        job_id, kind = job_of.get(row.id, (None, None))
        found.append(ListedWorker(row=row, is_live=row.seen_at >= alive_since, job_id=job_id, job_kind=kind))
    return found
