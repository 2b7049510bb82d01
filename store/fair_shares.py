"""Fair shares of the workers: the owner who had least of their time lately comes first, however many jobs wait.

Each waiting job gets the time that its owner will have had when it starts: what their jobs took lately, take now, and
are expected to take of those that wait before it. The job with the least starts next. So one person's jobs run in the
order of their requests, those of several people in turn, and a long job counts for more than a short one.
"""

from collections import defaultdict
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, case, func, or_, select
from sqlalchemy.orm import Session

from store import jobs
from store import models as m
from store.clock import now
from store.estimates import Estimate

WINDOW = timedelta(hours=6)  # what ended before is forgotten
UNKNOWN_SECONDS = 600.0  # of a job without an estimate
KNOWN_SECONDS = {m.CHECK: 10.0, m.PREVIEW: 5.0, m.TRIAL: 5.0}
BEGAN, TRIAL, OTHER = range(3)


def turn() -> SQLColumnExpression[int]:
    """Return the SQL expression that goes before fairness: jobs that began before, then trials, then the others.

    A job whose worker was lost, or released it, so goes on where it was, and does not wait behind everybody again. A
    trial takes seconds, and its owner waits for it on the page.
    """
    return case((m.Job.attempt > 0, BEGAN), (m.Job.kind == m.TRIAL, TRIAL), else_=OTHER)


def waiting_in_order(session: Session, here: ColumnElement[bool], *, of_each_owner: int | None = None) -> list[Any]:
    """Return the jobs that a worker could claim, in the order in which they start.

    Args:
        session: reads the jobs.
        here: the condition for the jobs of the queues that the same workers serve.
        of_each_owner: how many jobs of one owner are enough; None for all.

    Returns:
        Rows with id, kind, queue, owner_id and estimate.
    """
    used = _used_seconds(session, here)
    place = func.row_number().over(partition_by=m.Job.owner_id, order_by=(turn(), m.Job.created_at, m.Job.id))
    columns = (m.Job.id, m.Job.kind, m.Job.queue, m.Job.owner_id, m.Job.estimate, m.Job.created_at)
    waiting = select(*columns, turn().label("turn"), place.label("place")).where(jobs.claimable(), here).subquery()
    statement = select(waiting).order_by(waiting.c.turn, waiting.c.created_at, waiting.c.id)
    if of_each_owner is not None:
        statement = statement.where(waiting.c.place <= of_each_owner)
    rows = session.execute(statement).all()
    keys = []
    for number, row in enumerate(rows):
        keys.append((row.turn, used[row.owner_id], number))
        used[row.owner_id] += expected_seconds(row.kind, row.estimate)
    return [row for _, row in sorted(zip(keys, rows, strict=True), key=lambda pair: pair[0])]


def expected_seconds(kind: str, estimate: Any) -> float:
    """Return how long a job takes, for its owner's share.

    Args:
        kind: its kind.
        estimate: the column of its row.
    """
    expected = Estimate.of(estimate)
    return KNOWN_SECONDS.get(kind, UNKNOWN_SECONDS) if expected is None else expected.total


def _used_seconds(session: Session, here: ColumnElement[bool]) -> dict[str, float]:
    """How long the workers have run, or will have run, the jobs of each owner that run or ended lately."""
    since = now(session) - WINDOW
    lately = or_(m.Job.state.in_(jobs.OPEN), and_(m.Job.state.in_(m.FINAL), m.Job.finished_at > since))
    columns = (m.Job.owner_id, m.Job.state, m.Job.kind, m.Job.estimate, m.Job.ran_seconds)
    began = or_(m.Job.attempt > 0, m.Job.ran_seconds > 0)
    used: dict[str, float] = defaultdict(float)
    for job in session.execute(select(*columns).where(lately, began, here)):
        seconds = min(job.ran_seconds, WINDOW.total_seconds())
        if job.state == m.RUNNING:
            seconds = max(seconds, expected_seconds(job.kind, job.estimate))
        used[job.owner_id] += seconds
    return used
