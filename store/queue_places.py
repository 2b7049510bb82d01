"""The place of waiting jobs in their queue, and when each will start, from the estimates of the jobs before it."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf, isfinite
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from store import fair_shares, task_queue
from store import models as m
from store.clock import now
from store.estimates import Estimate
from store.settings import Settings
from store.workers import worker_id_of
from store.workforce import Workforce, read_workforce

TRIAL_SECONDS = 5.0
MIN_REMAINING_SECONDS = 5.0  # of a running job that takes longer than was estimated


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlace:
    """Where a job waits.

    Attributes:
        position: 1 for the job that starts next.
        starts_in_seconds: the time until then; None where a job before it has no estimate, or where no worker runs.
        queue: one of `store.task_queue.QUEUE_NAMES`.
        workers: how many workers take jobs of this queue now.
    """

    position: int
    starts_in_seconds: float | None
    queue: str = task_queue.CPU
    workers: int = 1

    @property
    def notice(self) -> str | None:
        """Why no worker takes the job, as a sentence; None where one does."""
        if self.workers:
            return None
        if self.queue == task_queue.GPU:
            return "No worker with a GPU is running, and this job waits for one"
        return "No worker is running that takes this job"


def first_claimable(session: Session, queues: Sequence[str], *, limit: int) -> list[str]:
    """Return the ids of the jobs that are next, by `store.fair_shares`.

    Args:
        session: reads the jobs.
        queues: those whose jobs may run, of `store.task_queue.QUEUE_NAMES`.
        limit: how many.
    """
    here = or_(*map(task_queue.in_queue, queues))
    return [row.id for row in fair_shares.waiting_in_order(session, here, of_each_owner=limit)[:limit]]


def queue_places(session: Session, workforce: Workforce) -> dict[str, QueuePlace]:
    """Return the place of every job that a worker could claim now, by its id.

    Args:
        session: reads the jobs.
        workforce: the workers that there are.
    """
    columns = (m.Job.id, m.Job.kind, m.Job.queue, m.Job.estimate, m.Job.started_at, m.Job.worker)
    running = session.execute(select(*columns).where(m.Job.state == m.RUNNING)).all()  # whole rows cost far more
    free_at = _free_at(running, workforce, moment=now(session))
    places: dict[str, QueuePlace] = {}
    for woken, times in free_at.items():
        queues = [queue for queue in task_queue.QUEUE_NAMES if workforce.message_queue(queue) == woken]
        if not queues:
            continue
        workers = len(times)
        waiting = fair_shares.waiting_in_order(session, or_(*map(task_queue.in_queue, queues)))
        for number, job in enumerate(waiting, start=1):
            start = heapq.heappop(times) if workers else inf
            expected = Estimate.of(job.estimate)
            unknown = TRIAL_SECONDS if job.kind == m.TRIAL else inf
            heapq.heappush(times, start + (unknown if expected is None else expected.total))
            places[job.id] = QueuePlace(
                position=number,
                starts_in_seconds=start if isfinite(start) else None,
                queue=job.queue or task_queue.QUEUE_OF_KIND[job.kind],
                workers=workers,
            )
    return places


def queue_place(session: Session, job: m.Job, settings: Settings) -> QueuePlace | None:
    """Return the place of one job; None where it does not wait for a worker.

    Args:
        session: reads the other jobs, and the workers.
        job: the job.
        settings: as `store.workforce.read_workforce` needs them.
    """
    if job.state != m.QUEUED:
        return None
    return queue_places(session, read_workforce(session, settings)).get(job.id)


def _free_at(running: Sequence[Any], workforce: Workforce, *, moment: datetime) -> dict[str, list[float]]:
    """In how many seconds each worker of a queue is free, as heaps by the queue whose messages wake it."""
    remaining: dict[str | None, float] = {}
    others: list[tuple[str, float]] = []  # workers that have no row: those of an earlier version, and such that ended
    live = {worker.id for worker in workforce.live}
    for job in running:
        expected = Estimate.of(job.estimate)
        elapsed = (moment - (job.started_at or moment)).total_seconds()
        left = inf if expected is None else max(MIN_REMAINING_SECONDS, expected.total - elapsed)
        if (worker_id := worker_id_of(job.worker)) in live:
            remaining[worker_id] = left
        else:
            queue = job.queue or task_queue.QUEUE_OF_KIND[job.kind]
            others.append((workforce.message_queue(queue), left))
    free_at = {
        queue: [remaining.get(worker.id, 0.0) for worker in workforce.serving(queue)]
        + [left for other, left in others if other == queue]
        for queue in task_queue.QUEUE_NAMES
    }
    for heap in free_at.values():
        heapq.heapify(heap)
    return free_at
