"""Run one job from claim to end. Start reading at `run_job`."""

import os
import secrets
import socket

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.errors import Cancelled
from store import datasets, job_events, leases
from store import models as m
from store.leases import Claim, LeaseStatus
from worker.context import WorkerContext
from worker.failures import describe_failure
from worker.job_files import clean_up, scratch_folder
from worker.lease_keeper import LeaseKeeper, is_stopping
from worker.running_job import RunningJob
from worker.stop_reasons import LeaseLost, WorkerStopping

MAX_WORKER_NAME = 200  # characters in the column

log = structlog.get_logger()


def run_job(context: WorkerContext, job_id: str) -> None:
    """Claim a job, run its handler, and record how it ended. Does nothing where the job cannot be claimed.

    Args:
        context: the services of this process.
        job_id: the job.

    Raises:
        Exception: a fault of the service, after the job was marked as failed, so that Celery logs it too.
    """
    if is_stopping():
        log.info("job.left_queued", job=job_id)
        return
    claim = claim_job(context, job_id)
    if claim is None:
        log.info("job.not_claimable", job=job_id)
        return
    fields = {"job": job_id, "attempt": claim.attempt, "kind": claim.kind, "request_id": claim.request_id}
    with structlog.contextvars.bound_contextvars(**fields):
        log.info("job.claimed", worker=claim.worker)
        job_events.publish(context.settings, job_id)
        try:
            with LeaseKeeper(context, claim) as lease, scratch_folder(context, claim) as scratch:
                run_handler(RunningJob(context=context, claim=claim, lease=lease, scratch=scratch))
        except Cancelled as stop_reason:
            end_stopped(context, claim, stop_reason)
        except SQLAlchemyError:
            log.exception("job.database_unavailable")  # nothing can be written: the lease expires, and the job reruns
            raise
        except Exception as error:
            end_with_error(context, claim, error)
        finally:
            job_events.publish(context.settings, job_id)


def claim_job(context: WorkerContext, job_id: str) -> Claim | None:
    """Claim a job for this process; None where it cannot be claimed.

    Args:
        context: the services of this process.
        job_id: the job.
    """
    worker = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"[:MAX_WORKER_NAME]
    with context.database.write.begin() as session:
        return leases.claim(session, job_id, worker=worker, lease_seconds=context.settings.lease_seconds)


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
        stop_reason: LeaseLost, WorkerStopping, or plain Cancelled for a canceled job.
    """
    if isinstance(stop_reason, LeaseLost):
        log.warning("job.lease_lost")
        clean_up(context, claim, keep_checkpoints=True)
    elif isinstance(stop_reason, WorkerStopping):
        clean_up(context, claim, keep_checkpoints=True)
        with context.database.write.begin() as session:
            leases.release(session, claim)
        log.info("job.released")
    else:
        with context.database.write.begin() as session:
            canceled = leases.cancel(session, claim)
        clean_up(context, claim, keep_checkpoints=not canceled)
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
    failure = describe_failure(error)
    if failure.is_service_fault:
        log.error("job.failed", reason=failure.reason, exc_info=error)
    else:
        log.info("job.failed", reason=failure.reason)
    mark_failed = datasets.mark_rejected if claim.kind == m.CHECK else leases.fail
    with context.database.write.begin() as session:
        marked = mark_failed(session, claim, failure.reason)
    clean_up(context, claim, keep_checkpoints=not marked)
    if failure.is_service_fault:
        raise error


def _stop_reason_of(context: WorkerContext, claim: Claim) -> Cancelled | None:
    with context.database.read() as session:
        status = leases.lease_status(session, claim)
    return {LeaseStatus.LOST: LeaseLost(), LeaseStatus.CANCEL: Cancelled(), LeaseStatus.HELD: None}[status]
