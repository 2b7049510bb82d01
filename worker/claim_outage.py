"""A database that is away or busy while a worker looks for a job: one line in the log, and the job stays queued."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy.exc import SQLAlchemyError

from store.database import is_unavailable
from worker.lease_keeper import count_kept_leases

log = structlog.get_logger()


class NothingClaimed(Exception):
    """The database was unavailable before a job was claimed. The log has the reason."""


@contextmanager
def claim_outages_logged(**fields: str) -> Iterator[None]:
    """Log an outage of the database in which the block claimed no job. Recovery enqueues what waits again.

    Args:
        fields: what the line in the log says besides the error.

    Raises:
        NothingClaimed: in place of the error of the database.
    """
    before = count_kept_leases()
    try:
        yield
    except SQLAlchemyError as error:
        if count_kept_leases() != before or not is_unavailable(error):
            raise
        log.warning("job.not_claimed", **fields, error=str(error).splitlines()[0])
        raise NothingClaimed from None
