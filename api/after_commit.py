"""Side effects that wait for a commit: workers must not act on rows that do not exist yet."""

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from api.context import AppContext
from store import jobs, task_queue
from store import models as m
from store.workforce import read_workforce

_KEY = "after_commit"  # in Session.info


def after_commit(session: Session, call: Callable[[], Any]) -> None:
    """Call a function after the transaction is committed, and not at all if it is rolled back.

    Args:
        session: The session of the transaction; its owner calls `run_after_commit`.
        call: A function without arguments; its result is ignored.
    """
    session.info.setdefault(_KEY, []).append(call)


def run_after_commit(session: Session) -> None:
    """Call the functions that wait for the commit of `session`. The owner of a transaction calls this after it."""
    for call in session.info.pop(_KEY, []):
        call()


def enqueue_after_commit(session: Session, context: AppContext, job: m.Job) -> None:
    """Send a job to the workers after the commit of its row.

    Args:
        session: The session of the transaction; the job is marked as enqueued in it.
        context: The application context, for its settings.
        job: The row of a job that can start now.
    """
    jobs.mark_enqueued(session, job.id)
    job_id, kind, queue = job.id, job.kind, task_queue.queue_of(job)
    if queue == task_queue.GPU:
        queue = read_workforce(session, context.settings).message_queue(queue)
    after_commit(session, lambda: task_queue.enqueue(context.settings, job_id=job_id, kind=kind, queue=queue))
