"""Run one job from claim to end. Start reading at `run_job`."""

import os
import secrets
import socket
import time

import structlog
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from core.errors import Cancelled
from core.runtime.awake_clock import awake_seconds
from store import datasets, job_events, leases
from store import models as m
from store.database import is_disconnected
from store.leases import Claim, LeaseStatus
from store.store_errors import StoreUnavailable
from store.tally import tally
from store.workers import claim_name
from worker.child_status import RunningClaim, announce_claim
from worker.context import WorkerContext
from worker.counting import write_counts
from worker.disk_space import is_disk_full, wait_for_disk_space
from worker.failures import describe_failure
from worker.job_files import clean_up, scratch_folder
from worker.lease_keeper import LeaseKeeper, is_stopping
from worker.registration import own_worker_id
from worker.running_job import RunningJob
from worker.stop_reasons import LeaseLost, TimeLimitReached, WorkerStopping, WorkStalled
from worker.store_outage import release_after_store_outage, wait_for_store
from worker.time_limit import fail_over_limit

OUTAGE_POLL_SECONDS = 1.0

log = structlog.get_logger()


def run_job(context: WorkerContext, job_id: str) -> bool:
    """Claim a job, run its handler, and record how it ended.

    Args:
        context: the services of this process.
        job_id: the job.

    Returns:
        False, with nothing done, where the job cannot be claimed.

    Raises:
        Exception: a fault of the service, after the job was marked as failed, so that Celery logs it too.
    """
    if is_stopping():
        log.info("job.left_queued", job=job_id)
        return False
    claim = claim_job(context, job_id)
    if claim is None:
        log.info("job.not_claimable", job=job_id)
        return False
    try:
        run_claimed(context, claim)
    finally:
        announce_claim(None)
    return True


def run_claimed(context: WorkerContext, claim: Claim) -> None:
    """Run the handler of a claimed job, and record how it ended. Raises like `run_job`.

    Args:
        context: the services of this process.
        claim: the claim of this process.
    """
    job_id = claim.job_id
    fields = {"job": job_id, "attempt": claim.attempt, "kind": claim.kind, "request_id": claim.request_id}
    with structlog.contextvars.bound_contextvars(**fields):
        log.info("job.claimed", worker=claim.worker)
        job_events.publish(context.settings, job_id)
        try:
            with LeaseKeeper(context, claim) as lease:
                began = awake_seconds()
                try:
                    with scratch_folder(context, claim) as scratch:
                        run_handler(RunningJob(context=context, claim=claim, lease=lease, scratch=scratch))
                    count_attempt(claim, "succeeded")
                except OSError as error:
                    if is_disk_full(error):
                        clean_up(context, claim, keep_checkpoints=True)
                        wait_for_disk_space(context.settings, lease)
                    if isinstance(error, StoreUnavailable):
                        log.warning("job.store_unavailable", error=str(error))
                        wait_for_store(context, claim, lease, worked_seconds=awake_seconds() - began)
                    raise
        except Cancelled as stop_reason:
            end_stopped(context, claim, stop_reason)
        except SQLAlchemyError as error:
            log.exception("job.database_unavailable")
            release_after_outage(context, claim, error)
            raise
        except Exception as error:
            end_with_error(context, claim, error)
        finally:
            job_events.publish(context.settings, job_id)
            write_counts(context.database)


def count_attempt(claim: Claim, outcome: str) -> None:
    """Count an attempt that ended, for `/metrics`.

    Args:
        claim: the attempt's claim.
        outcome: succeeded, failed, canceled, released (the attempt does not count) or lost.
    """
    tally.add("attempts", claim.kind, outcome)


def claim_job(context: WorkerContext, job_id: str) -> Claim | None:
    """Claim a job for this process; None where it cannot be claimed.

    Args:
        context: the services of this process.
        job_id: the job.
    """
    worker = claim_name(
        host=socket.gethostname(), pid=os.getpid(), token=secrets.token_hex(4), worker_id=own_worker_id()
    )
    announce_claim(RunningClaim(job_id=job_id, worker=worker))
    with context.database.write.begin() as session:
        claim = leases.claim(session, job_id, worker=worker, lease_seconds=context.settings.lease_seconds)
    if claim is None:
        announce_claim(None)
    return claim


def run_handler(job: RunningJob) -> None:
    """Run the handler of this kind of job. It is imported here, because the check worker must not import torch."""
    if job.claim.kind == m.CHECK:
        from worker.handlers.check import run_check

        run_check(job)
    elif job.claim.kind == m.PREVIEW:
        from worker.handlers.preview import run_preview

        run_preview(job)
    elif job.claim.kind == m.TRIAL:
        from worker.handlers.trial import run_trial

        run_trial(job)
    elif job.claim.kind == m.TRAIN:
        from worker.handlers.train import run_training

        run_training(job)
    elif job.claim.kind == m.VERIFY:
        from worker.handlers.verify import run_verification

        run_verification(job)
    else:
        from worker.handlers.protect import run_protection

        run_protection(job)


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
            release_after_outage(context, claim)
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


def release_after_outage(context: WorkerContext, claim: Claim, error: SQLAlchemyError | None = None) -> None:
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
            time.sleep(OUTAGE_POLL_SECONDS)


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
    mark_failed = datasets.mark_rejected if claim.kind == m.CHECK else leases.fail
    with context.database.write.begin() as session:
        marked = mark_failed(session, claim, failure.reason)
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
