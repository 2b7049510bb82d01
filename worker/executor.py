"""Run one job from claim to end. Start reading at `run_job`."""

import os
import secrets
import socket

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.errors import Cancelled
from core.runtime.awake_clock import awake_seconds
from store import job_events, leases
from store import models as m
from store.leases import Claim
from store.store_errors import StoreUnavailable
from store.workers import claim_name
from worker.attempt_end import end_stopped, end_with_error
from worker.child_status import RunningClaim, announce_claim
from worker.context import WorkerContext
from worker.counting import count_attempt, write_counts
from worker.database_outage import release_after_database_outage
from worker.disk_space import is_disk_full, wait_for_disk_space
from worker.job_files import clean_up, scratch_folder
from worker.lease_keeper import LeaseKeeper, is_stopping
from worker.registration import own_worker_id
from worker.running_job import RunningJob
from worker.store_outage import wait_for_store

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
            _run_under_lease(context, claim)
        except Cancelled as stop_reason:
            end_stopped(context, claim, stop_reason)
        except SQLAlchemyError as error:
            log.exception("job.database_unavailable")
            release_after_database_outage(context, claim, error)
            raise
        except Exception as error:
            end_with_error(context, claim, error)
        finally:
            job_events.publish(context.settings, job_id)
            write_counts(context.database)


def _run_under_lease(context: WorkerContext, claim: Claim) -> None:
    """Run the handler. Where a disk is full or the object store is away, keep the lease until that may be over."""
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
