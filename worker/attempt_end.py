"""How an attempt of a job ends that did not succeed: what its row says, which files stay, and what is counted."""

import structlog

from core.errors import Cancelled
from store import leases
from store import models as m
from store.leases import Claim, LeaseStatus
from store.store_errors import StoreUnavailable
from worker.context import WorkerContext
from worker.counting import count_attempt
from worker.database_outage import release_after_database_outage
from worker.disk_space import is_disk_full
from worker.failed_rows import mark_failed
from worker.failures import describe_failure
from worker.job_files import clean_up
from worker.stop_reasons import LeaseLost, TimeLimitReached, WorkerStopping, WorkStalled
from worker.store_outage import release_after_store_outage
from worker.time_limit import fail_over_limit

log = structlog.get_logger()


def end_stopped(context: WorkerContext, claim: Claim, stop_reason: Cancelled) -> None:
    """End an attempt whose work was told to stop.

    Args:
        context: the services of this process.
        claim: the attempt's claim.
        stop_reason: LeaseLost, WorkerStopping, TimeLimitReached, or plain Cancelled for a canceled job.
    """
    if isinstance(stop_reason, LeaseLost):
        log.warning("job.lease_lost")
        clean_up(context, claim, keep_checkpoints=True)
        if not isinstance(stop_reason, WorkStalled):
            release_after_database_outage(context, claim)
    elif isinstance(stop_reason, WorkerStopping):
        clean_up(context, claim, keep_checkpoints=True)
        with context.database.write.begin() as session:
            released = leases.release(session, claim)
        if released:
            count_attempt(claim, "released")
        log.info("job.released")
    elif isinstance(stop_reason, TimeLimitReached):
        failed = fail_over_limit(context, claim)
        clean_up(context, claim, keep_checkpoints=not failed)
        if failed:
            count_attempt(claim, "failed")
        log.warning("job.time_limit_reached", limit_seconds=context.settings.max_run_seconds)
    else:
        with context.database.write.begin() as session:
            canceled = leases.cancel(session, claim)
        clean_up(context, claim, keep_checkpoints=not canceled)
        if canceled:
            count_attempt(claim, "canceled")
        log.info("job.canceled")


def end_with_error(context: WorkerContext, claim: Claim, error: Exception) -> None:
    """Mark a job as failed, and its dataset as rejected where the job was its check.

    An error may only be the consequence of a stop: where the lease is lost, for one, the job's files may be deleted.

    Args:
        context: the services of this process.
        claim: the attempt's claim.
        error: what the handler raised.

    Raises:
        Exception: `error` itself where it is a fault of the service.
    """
    stop_reason = _stop_reason_of(context, claim)
    if stop_reason is not None:
        end_stopped(context, claim, stop_reason)
        return
    if is_disk_full(error) and requeue_lost(context, claim):
        return
    if isinstance(error, StoreUnavailable) and release_after_store_outage(context, claim):
        return
    failure = describe_failure(error)
    if failure.is_service_fault:
        log.error("job.failed", reason=failure.reason, exc_info=error)
    else:
        log.info("job.failed", reason=failure.reason)
    marked = mark_failed(context, claim, failure.reason)
    clean_up(context, claim, keep_checkpoints=not marked)
    if marked:
        count_attempt(claim, "failed")
    if failure.is_service_fault:
        raise error


def requeue_lost(context: WorkerContext, claim: Claim) -> bool:
    """Let the job run again; the attempt counts as lost.

    Args:
        context: the services of this process.
        claim: the attempt's claim.

    Returns:
        False, with nothing changed, after the last attempt that the settings allow.
    """
    with context.database.write.begin() as session:
        job = session.get_one(m.Job, claim.job_id)
        if claim.attempt - job.released >= context.settings.max_attempts:
            return False
        leases.requeue(session, claim)
    count_attempt(claim, "lost")
    log.warning("job.requeued_after_full_disk")
    return True


def _stop_reason_of(context: WorkerContext, claim: Claim) -> Cancelled | None:
    with context.database.read() as session:
        status = leases.lease_status(session, claim)
    return {LeaseStatus.LOST: LeaseLost(), LeaseStatus.CANCEL: Cancelled(), LeaseStatus.HELD: None}[status]
