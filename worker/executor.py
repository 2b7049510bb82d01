"""One job from claim to end. Read `execute` first."""

import errno
import os
import secrets
import socket
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.errors import BadInput, Cancelled, SpecError
from store import datasets, job_events, leases
from store import models as m
from store.leases import Claim, LeaseStatus
from worker.context import BadSetting, WorkerContext
from worker.job_files import forget, scratch
from worker.lease import LeaseKeeper, is_stopping
from worker.stop_reasons import LeaseLost, WorkerStopping

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

log = structlog.get_logger()


def execute(service: WorkerContext, job_id: str) -> None:
    """Claim a job, do its work, and record how it ended. Does nothing where it is not there to be taken, or this stops.

    Raises what it cannot name, after the job was marked failed.
    """
    if is_stopping():
        log.info("job.left_waiting", job=job_id)
        return
    claim = take(service, job_id)
    if claim is None:
        log.info("job.not_waiting", job=job_id)
        return
    named = {"job": job_id, "attempt": claim.attempt, "kind": claim.kind, "request_id": claim.request_id}
    with structlog.contextvars.bound_contextvars(**named):
        log.info("job.claimed", worker=claim.worker)
        job_events.publish(service.settings, job_id)
        try:
            with LeaseKeeper(service, claim) as lease, scratch(service, claim) as folder:
                work(service, claim, lease, folder)
        except Cancelled as verdict:
            end_early(service, claim, verdict)
        except SQLAlchemyError:
            log.exception("job.database")  # nothing can be written now: the lease will run out, and the job runs again
            raise
        except Exception as error:
            hidden = hidden_verdict(service, claim)
            if hidden is not None:
                end_early(service, claim, hidden)
                return
            reason = reason_of(error)
            log.log(40 if reason.is_ours else 20, "job.failed", reason=reason.text, exc_info=reason.is_ours)
            give_up(service, claim, reason.text)
            if reason.is_ours:
                raise
        finally:
            job_events.publish(service.settings, job_id)


def take(service: WorkerContext, job_id: str) -> Claim | None:
    """Claim the job for this process."""
    worker = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"[:200]
    with service.database.write.begin() as session:
        return leases.claim(session, job_id, worker=worker, lease_seconds=service.settings.lease_seconds)


def work(service: WorkerContext, claim: Claim, lease: LeaseKeeper, folder: Path) -> None:
    """What this kind of job does; the science is imported only now, in the process that needs it."""
    if claim.kind == m.CHECK:
        from worker.handlers.check import check

        check(service, claim, lease, folder)
    elif claim.kind == m.TRAIN:
        from worker.handlers.train import train

        train(service, claim, lease, folder)
    elif claim.kind == m.VERIFY:
        from worker.handlers.verify import verify

        verify(service, claim, lease, folder)
    else:
        from worker.handlers.protect import protect

        protect(service, claim, lease, folder)


def end_early(service: WorkerContext, claim: Claim, verdict: Cancelled) -> None:
    """The work stopped because it was told to: canceled, handed back, or lost to someone else."""
    if isinstance(verdict, LeaseLost):
        log.warning("job.lost")
        forget(service, claim, keep_work=True)
    elif isinstance(verdict, WorkerStopping):
        forget(service, claim, keep_work=True)
        with service.database.write.begin() as session:
            leases.release(session, claim)
        log.info("job.handed_back")
    else:
        with service.database.write.begin() as session:
            canceled = leases.cancel(session, claim)
        forget(service, claim, keep_work=not canceled)
        log.info("job.canceled")


def hidden_verdict(service: WorkerContext, claim: Claim) -> Cancelled | None:
    """What really ended the work, where that is not the error it met: a lost job finds its files gone, for one."""
    with service.database.read() as session:
        standing = leases.lease_status(session, claim)
    return {LeaseStatus.LOST: LeaseLost(), LeaseStatus.CANCEL: Cancelled(), LeaseStatus.HELD: None}[standing]


def give_up(service: WorkerContext, claim: Claim, reason: str) -> None:
    """Mark the job failed, and its dataset rejected where the job was its check; remove what was half done."""
    with service.database.write.begin() as session:
        end = datasets.mark_rejected if claim.kind == m.CHECK else leases.fail
        ours = end(session, claim, reason)
    forget(service, claim, keep_work=not ours)


class Reason:
    """Why work failed, for whoever asked for it; `is_ours` where it is no fault of theirs."""

    def __init__(self, text: str, *, is_ours: bool) -> None:
        self.text = text
        self.is_ours = is_ours


def reason_of(error: Exception) -> Reason:
    """The reason in words that people can act on."""
    if isinstance(error, BadInput):
        return Reason(error.reason, is_ours=False)
    if isinstance(error, SpecError):
        return Reason(str(error), is_ours=False)
    if isinstance(error, BadSetting):
        return Reason(f"The service is set up wrongly, which whoever runs it can mend: {error}", is_ours=True)
    if isinstance(error, OSError) and error.errno in FULL:
        return Reason(
            "The disk of the service is full: ask whoever runs it to make room, then try again.", is_ours=True
        )
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        detail = error.strerror or str(error)
        return Reason(f"The service could not read or write its files ({detail}): ask whoever runs it.", is_ours=True)
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return Reason("The worker ran out of memory: try fewer or smaller pictures.", is_ours=True)
    kind = type(error).__name__
    return Reason(f"Something went wrong inside the service ({kind}: {error}). Its log says more.", is_ours=True)
