"""Choose the job that a worker runs next: a message says that its queue has work, the rows say which job is first."""

from collections.abc import Sequence

import structlog

from store import models as m
from store.queue_places import first_claimable
from store.task_queue import queue_of
from store.workforce import read_workforce
from worker.context import WorkerContext
from worker.executor import run_job
from worker.helping import PieceHelper
from worker.lease_keeper import is_stopping
from worker.recovery import recover_ended_children

MAX_CANDIDATES = 10  # other workers may claim the first ones at the same moment

log = structlog.get_logger()


def run_first_job(context: WorkerContext, job_id: str, *, queue: str) -> None:
    """Run the job that is first in a queue: one whose worker was lost goes on before those that have not begun.

    Args:
        context: the services of this process.
        job_id: the job of the message that woke this process; it runs where no other comes first.
        queue: the queue of the broker that the message came from.

    Raises:
        Exception: like `run_job`.
    """
    if is_stopping():
        log.info("job.left_queued", job=job_id)
        return
    recover_ended_children(context)
    with context.database.read() as session:
        queues = read_workforce(session, context.settings).queues_behind(queue)
        first = first_claimable(session, queues, limit=MAX_CANDIDATES)
        job = session.get(m.Job, job_id)
        if job is not None and queue_of(job) in queues:  # else a GPU worker has come since the message was sent
            first.append(job_id)
    if not _run_one(context, first):
        _help_until_a_job_waits(context, queues)


def _run_one(context: WorkerContext, candidates: Sequence[str]) -> bool:
    """Run the first of some jobs that can be claimed. Returns False where none can, and this process may go on."""
    return any(run_job(context, candidate) or is_stopping() for candidate in dict.fromkeys(candidates))


def _help_until_a_job_waits(context: WorkerContext, queues: Sequence[str]) -> None:
    """Compute pieces of running jobs, one after the other; then run the job that waits, if that is why it ended."""
    helper = PieceHelper(context, queues)
    while helper.compute_one():
        with context.database.read() as session:
            first = first_claimable(session, helper.all_queues, limit=MAX_CANDIDATES)
        if is_stopping() or _run_one(context, first):
            return


def run_any_job(context: WorkerContext, message_queues: Sequence[str]) -> bool:
    """Run one job without a message.

    Args:
        context: the services of this process.
        message_queues: the queues of the broker whose messages such a worker receives, the first one first.

    Returns:
        False where there is none.

    Raises:
        Exception: like `run_job`.
    """
    recover_ended_children(context)
    for message_queue in message_queues:
        with context.database.read() as session:
            queues = read_workforce(session, context.settings).queues_behind(message_queue)
            first = first_claimable(session, queues, limit=MAX_CANDIDATES)
        for candidate in first:
            if is_stopping():
                return False
            if run_job(context, candidate):
                return True
    return False
