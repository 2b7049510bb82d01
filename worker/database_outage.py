"""A database that does not answer delays a job instead of failing it: the job goes back into its queue, uncounted."""

import time

import structlog
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from store import leases
from store.database import is_disconnected
from store.leases import Claim
from worker.context import WorkerContext
from worker.counting import count_attempt
from worker.lease_keeper import is_stopping

POLL_SECONDS = 1.0

log = structlog.get_logger()


def release_after_database_outage(context: WorkerContext, claim: Claim, error: SQLAlchemyError | None = None) -> None:
    """Put a job back into the queue once the database answers again: an outage of it costs the job no attempt.

    Does nothing where another worker has the job by then. An error that is no outage counts as a lost attempt, because
    it would come again: the lease then expires.

    Args:
        context: the services of this process.
        claim: the attempt's claim.
        error: what the database answered, if it did; None where it was silent for as long as a lease.
    """
    is_outage = error is None or is_disconnected(error)
    while not is_stopping():
        try:
            with context.database.write.begin() as session:
                if is_outage and leases.release(session, claim):
                    count_attempt(claim, "released")
                    log.info("job.released")
            return
        except OperationalError as still:
            is_outage = True
            log.warning("job.waits_for_database", error=str(still).splitlines()[0])
            time.sleep(POLL_SECONDS)
