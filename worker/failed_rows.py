"""What the rows say of a job that failed."""

from store import datasets, leases
from store import models as m
from store.leases import Claim
from worker.context import WorkerContext


def mark_failed(context: WorkerContext, claim: Claim, reason: str) -> bool:
    """Mark a job as failed, and its dataset as rejected where the job was its check.

    Args:
        context: the services of this process.
        claim: the attempt's claim.
        reason: what the user reads.

    Returns:
        False, with nothing changed, where the claim is lost.
    """
    mark = datasets.mark_rejected if claim.kind == m.CHECK else leases.fail
    with context.database.write.begin() as session:
        return mark(session, claim, reason)
