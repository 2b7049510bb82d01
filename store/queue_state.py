"""How long each queue is, and for how long its jobs have waited."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store import jobs, task_queue
from store import models as m
from store.clock import now
from store.workforce import Workforce


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """A queue at one moment.

    Attributes:
        name: one of `store.task_queue.QUEUE_NAMES`.
        waiting: jobs that a worker could claim.
        running: jobs that a worker has claimed.
        oldest_seconds: time since the oldest waiting job was requested; 0 where none waits.
        workers: live workers that take jobs of it.
    """

    name: str
    waiting: int
    running: int
    oldest_seconds: float
    workers: int


def queue_states(session: Session, workforce: Workforce) -> list[QueueState]:
    """Return the state of every queue.

    Args:
        session: reads the jobs.
        workforce: the workers that there are.
    """
    moment, states = now(session), []
    for name in task_queue.QUEUE_NAMES:
        here = task_queue.in_queue(name)
        waiting, oldest = session.execute(
            select(func.count(), func.min(m.Job.created_at)).select_from(m.Job).where(jobs.claimable(), here)
        ).one()
        running = session.scalar(select(func.count()).select_from(m.Job).where(m.Job.state == m.RUNNING, here))
        age = 0.0 if oldest is None else max(0.0, (moment - oldest).total_seconds())
        workers = len(workforce.serving(name))
        states.append(QueueState(name=name, waiting=waiting, running=running or 0, oldest_seconds=age, workers=workers))
    return states
