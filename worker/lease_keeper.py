"""The lease keeper: a thread that renews the lease of running work, writes its progress, and learns when to stop.

The work calls `LeaseKeeper.progress` a few times a second. This only hands the step to the thread, so a slow database
does not slow the science. It raises once the work must stop. Work that does not stop within `cancel_seconds` is ended
with its process, and the pool starts a new process. All times are those in which this process could run: when the whole
machine sleeps, nobody else can claim the job either.
"""

import os
import threading
import time
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.errors import Cancelled
from core.runtime.awake_clock import awake_seconds
from core.runtime.progress import Step
from store.leases import Claim, LeaseStatus
from worker.context import WorkerContext
from worker.held_lease import HeldLease
from worker.job_lease import JobLease
from worker.stop_reasons import LeaseLost, WorkerStopping, WorkStalled

POLL_SECONDS = 0.25  # between two rounds of the thread
EXIT_STUCK = 70  # exit status of a process that was ended because its work did not stop

log = structlog.get_logger()

_running: "LeaseKeeper | None" = None
_kept_leases = 0
_stopping = False


def request_process_stop() -> None:
    """Stop the job of this process, if there is one, so that it is released; let the process begin no other."""
    global _stopping
    _stopping = True
    if _running is not None:
        _running.request_stop(WorkerStopping)


def is_stopping() -> bool:
    """Return whether this process is to end, and must begin no job."""
    return _stopping


def is_running() -> bool:
    """Return whether a job runs in this process."""
    return _running is not None


def count_kept_leases() -> int:
    """Return how many jobs this process has begun to run."""
    return _kept_leases


class LeaseKeeper:
    """`with LeaseKeeper(context, claim) as lease:` renews the claim's lease while the block runs.

    Args:
        context: the services of this process.
        claim: the claim of an attempt of a job, or another lease to keep.
    """

    def __init__(self, context: WorkerContext, claim: Claim | HeldLease) -> None:
        self._context = context
        self._lease: HeldLease = JobLease(context, claim) if isinstance(claim, Claim) else claim
        self._step: Step | None = None  # the progress that is not written yet
        self._stop_reason: type[Cancelled] | None = None
        self._stop_requested_at = 0.0
        self._finished = threading.Event()
        self._renewed_at = awake_seconds()
        self._checked_at = 0.0
        self._worked_at = awake_seconds()  # when the work last called `check`
        self._thread = threading.Thread(target=self._renew_loop, name=f"lease-{self._lease.name}", daemon=True)

    def __enter__(self) -> Self:
        global _running, _kept_leases
        _running = self
        _kept_leases += 1
        if _stopping:  # the request came after the job was claimed
            self.request_stop(WorkerStopping)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _running
        _running = None
        self._lease.close()
        self._stop_thread()

    def progress(self, step: Step) -> None:
        """Take the progress of the work; the work calls this. Raises like `check`."""
        self._step = step
        self._lease.observe(step)
        self.check()

    def check(self) -> None:
        """Return while the work may go on.

        Raises:
            LeaseLost: another worker may run the job, or the database does not answer.
            WorkerStopping: this process is to end.
            TimeLimitReached: the job has run for longer than the settings allow.
            Cancelled: the job was canceled.
        """
        self._worked_at = awake_seconds()
        if self._has_expired():
            time.sleep(2 * POLL_SECONDS)  # the whole process may have been suspended: let the thread renew first
            if self._has_expired():
                self.request_stop(LeaseLost)
        self._raise_stop_reason()

    def stop_renewing(self) -> None:
        """Stop the thread before the job's last transaction, which must not wait for a renewal. Raises like `check`."""
        self._stop_thread()
        self._raise_stop_reason()

    def request_stop(self, reason: type[Cancelled]) -> None:
        """Make the work stop at its next `check`; the first reason counts."""
        if self._stop_reason is None:
            self._stop_requested_at = awake_seconds()
            self._stop_reason = reason

    def _raise_stop_reason(self) -> None:
        if self._stop_reason is not None:
            raise self._stop_reason

    def _has_expired(self) -> bool:
        """Whether the last renewal is older than the lease, so that another worker may have claimed the job."""
        return awake_seconds() - self._renewed_at > self._context.settings.lease_seconds

    def _stop_thread(self) -> None:
        """Wait for the thread at most one lease: a silent database may block it, and its claim fences its writes."""
        self._finished.set()
        self._thread.join(self._context.settings.lease_seconds)

    def _renew_loop(self) -> None:
        while not self._finished.wait(POLL_SECONDS):
            try:
                status = self._renew_or_check()
            except SQLAlchemyError as error:
                log.warning("lease.database_unavailable", error=str(error).splitlines()[0])
                status = LeaseStatus.LOST if self._has_expired() else LeaseStatus.HELD
            if status is LeaseStatus.CANCEL:
                self.request_stop(Cancelled)
            elif status is LeaseStatus.LOST:
                self.request_stop(LeaseLost)
            if (reason := self._lease.due_stop()) is not None:
                self.request_stop(reason)
            if awake_seconds() - self._worked_at > self._context.settings.stall_seconds:
                self.request_stop(WorkStalled)
            if self._is_stuck() and not self._finished.is_set():
                self._try_to_end_process()

    def _renew_or_check(self) -> LeaseStatus:
        """Write the progress or renew the lease, whichever is due, or else read whether the work is to stop."""
        moment = awake_seconds()
        step, self._step = self._step, None
        if step is not None or moment - self._renewed_at > self._context.settings.lease_seconds / 3:
            status = self._lease.renew(step)
            self._checked_at = self._renewed_at = moment
            return status
        if moment - self._checked_at > 2 * POLL_SECONDS:
            self._checked_at = moment
            return self._lease.status()
        return LeaseStatus.HELD

    def _is_stuck(self) -> bool:
        waited = awake_seconds() - self._stop_requested_at
        return self._stop_reason is not None and waited > self._context.settings.cancel_seconds

    def _try_to_end_process(self) -> None:
        """End this process. While the row cannot be written, the loop tries again, for at most one lease."""
        try:
            self._end_process()
        except SQLAlchemyError as error:
            log.warning("lease.cannot_end_job", error=str(error).splitlines()[0])
            if awake_seconds() - self._stop_requested_at > self._context.settings.lease_seconds:
                os._exit(EXIT_STUCK)

    def _end_process(self) -> None:
        """Write how the work ended, and end this process, whose work did not stop."""
        assert self._stop_reason is not None, "it is stuck because it was told to stop"
        self._lease.abandon(self._stop_reason)
        os._exit(EXIT_STUCK)
