"""The place of waiting jobs in their queue, and when each will start, from the estimates of the jobs before it."""

import heapq
from collections import defaultdict
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

from sqlalchemy import SQLColumnExpression, case, select
from sqlalchemy.orm import Session

from store import jobs, task_queue
from store import models as m
from store.clock import now
from store.estimates import Estimate

MIN_REMAINING_SECONDS = 5.0  # of a running job that takes longer than was estimated


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlace:
    """Where a job waits.

    Attributes:
        position: 1 for the job that starts next.
        starts_in_seconds: the time until then; None where a job before it has no estimate.
    """

    position: int
    starts_in_seconds: float | None


def queue_order() -> tuple[SQLColumnExpression[Any], ...]:
    """Return the order in which the jobs of a queue run: first those that began before, then the oldest.

    A job whose worker was lost, or released it, so goes on where it was, and does not wait behind everybody again.
    """
    began_before = case((m.Job.attempt > 0, 0), else_=1)
    return began_before, m.Job.created_at, m.Job.id


def first_claimable(session: Session, queue: str, *, limit: int) -> list[str]:
    """Return the ids of the jobs of a queue that are next.

    Args:
        session: reads the jobs.
        queue: one of `store.task_queue.QUEUE_NAMES`.
        limit: how many.
    """
    waiting = select(m.Job.id).where(jobs.claimable(), task_queue.in_queue(queue))
    return list(session.scalars(waiting.order_by(*queue_order()).limit(limit)))


def queue_places(session: Session) -> dict[str, QueuePlace]:
    """Return the place of every job that a worker could claim now, by its id.

    As many workers serve a queue as jobs of it are running; where none is, one.
    """
    free_at: dict[str, list[float]] = defaultdict(list)
    moment = now(session)
    columns = (
        m.Job.id,
        m.Job.kind,
        m.Job.queue,
        m.Job.estimate,
        m.Job.started_at,
    )  # whole rows cost far more
    for job in session.execute(select(*columns).where(m.Job.state == m.RUNNING)):
        expected = Estimate.of(job.estimate)
        elapsed = (moment - (job.started_at or moment)).total_seconds()
        remaining = inf if expected is None else max(MIN_REMAINING_SECONDS, expected.total - elapsed)
        free_at[job.queue or task_queue.QUEUE_OF_KIND[job.kind]].append(remaining)
    places: dict[str, QueuePlace] = {}
    counts: dict[str, int] = defaultdict(int)
    for job in session.execute(select(*columns).where(jobs.claimable()).order_by(*queue_order())):
        queue = job.queue or task_queue.QUEUE_OF_KIND[job.kind]
        workers = free_at[queue] or [0.0]
        free_at[queue] = workers
        heapq.heapify(workers)
        start = heapq.heappop(workers)
        expected = Estimate.of(job.estimate)
        heapq.heappush(workers, start + (inf if expected is None else expected.total))
        counts[queue] += 1
        places[job.id] = QueuePlace(position=counts[queue], starts_in_seconds=start if isfinite(start) else None)
    return places


def queue_place(session: Session, job: m.Job) -> QueuePlace | None:
    """Return the place of one job; None where it does not wait for a worker.

    Args:
        session: reads the other jobs.
        job: the job.
    """
    return queue_places(session).get(job.id) if job.state == m.QUEUED else None
