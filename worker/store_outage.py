"""An object store that does not answer delays a job instead of failing it: the attempt ends and does not count."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import structlog
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from core.runtime.awake_clock import awake_seconds
from store import leases
from store import models as m
from store.clock import now
from store.leases import Claim
from store.store_errors import StoreError, StoreRefused
from worker.context import WorkerContext
from worker.counting import count_attempt
from worker.lease_keeper import LeaseKeeper

POLL_SECONDS = 0.5  # between two looks at whether the job must stop
PROBE_SECONDS = 5.0  # between two trials of the store

log = structlog.get_logger()


def wait_for_store(context: WorkerContext, claim: Claim, lease: LeaseKeeper, *, worked_seconds: float) -> None:
    """Keep the lease until the object store works again, at most `store_outage_seconds` since the outage began.

    Args:
        context: the services of this process.
        claim: the attempt's claim.
        lease: the lease of the job. Raises what it raises.
        worked_seconds: how long the attempt worked before the store failed. One that worked longer than an outage may
            last has met a new outage.
    """
    limit = context.settings.store_outage_seconds
    age = _outage_age(context, claim, is_new=worked_seconds > limit)
    log.warning("job.waits_for_store", since_seconds=round(age, 1))
    began, probed = awake_seconds(), 0.0
    with _not_counted(context, claim):
        while age + awake_seconds() - began < limit:
            lease.check()
            if awake_seconds() - probed >= PROBE_SECONDS:
                if _works(context):
                    return
                probed = awake_seconds()
            time.sleep(min(POLL_SECONDS, limit))


def release_after_store_outage(context: WorkerContext, claim: Claim) -> bool:
    """Put a job back into its queue, without counting the attempt.

    Args:
        context: the services of this process.
        claim: the attempt's claim.

    Returns:
        False, with nothing changed, where the outage has lasted longer than the settings allow.
    """
    if _outage_age(context, claim, is_new=False) >= context.settings.store_outage_seconds:
        return False
    with context.database.write.begin() as session:
        leases.release(session, claim)
    count_attempt(claim, "released")
    log.warning("job.released_after_store_outage")
    return True


def _outage_age(context: WorkerContext, claim: Claim, *, is_new: bool) -> float:
    """The seconds since the outage began that this job meets; it is noted in the row."""
    with context.database.write.begin() as session:
        moment = now(session)
        job = session.get_one(m.Job, claim.job_id)
        began = None if is_new else job.outage_since
        if began is None:
            fence = (m.Job.id == claim.job_id, m.Job.attempt == claim.attempt)
            session.execute(update(m.Job).where(*fence).values(outage_since=moment))
        return (moment - (began or moment)) / timedelta(seconds=1)


@contextmanager
def _not_counted(context: WorkerContext, claim: Claim) -> Iterator[None]:
    """Within the block a worker that is killed costs no attempt: a job that waits cannot be what ended it."""
    _add_released(context, claim, 1)
    try:
        yield
    finally:
        with suppress(SQLAlchemyError):  # the job then has one attempt more
            _add_released(context, claim, -1)


def _add_released(context: WorkerContext, claim: Claim, number: int) -> None:
    fence = (m.Job.id == claim.job_id, m.Job.attempt == claim.attempt, m.Job.worker == claim.worker)
    with context.database.write.begin() as session:
        session.execute(update(m.Job).where(*fence).values(released=m.Job.released + number))


def _works(context: WorkerContext) -> bool:
    try:
        context.files.probe()
    except StoreRefused:
        return True  # it answers: the next attempt says in plain words what it refuses
    except (StoreError, FileNotFoundError):
        return False
    return True
