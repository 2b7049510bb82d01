"""The lease keeper: a thread that renews the lease of a running job, writes its progress, and learns when to stop.

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
from store import job_events, leases
from store.leases import Claim, JobProgress, LeaseStatus
from store.tally import tally
from worker.context import WorkerContext
from worker.counting import write_counts
from worker.job_files import clean_up
from worker.stage_times import StageTimes
from worker.stop_reasons import LeaseLost, TimeLimitReached, WorkerStopping, WorkStalled
from worker.time_limit import fail_over_limit

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
        claim: the attempt's claim.
    """

    def __init__(self, context: WorkerContext, claim: Claim) -> None:
        self._context = context
        self._claim = claim
        self._stages = StageTimes(claim.kind)
        self._step: Step | None = None  # the progress that is not written yet
        self._stop_reason: type[Cancelled] | None = None
        self._stop_requested_at = 0.0
        self._finished = threading.Event()
        self._began_at = awake_seconds()
        self._renewed_at = awake_seconds()
        self._checked_at = 0.0
        self._worked_at = awake_seconds()  # when the work last called `check`
        self._thread = threading.Thread(target=self._renew_loop, name=f"lease-{claim.job_id}", daemon=True)

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
        self._stages.end()
        self._stop_thread()

    def progress(self, step: Step) -> None:
        """Take the progress of the work; the work calls this. Raises like `check`."""
        self._step = step
        self._stages.observe(step)
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
            limit = self._context.settings.max_run_seconds
            if limit and self._ran_seconds() > limit:
                self.request_stop(TimeLimitReached)
            if awake_seconds() - self._worked_at > self._context.settings.stall_seconds:
                self.request_stop(WorkStalled)
            if self._is_stuck() and not self._finished.is_set():
                self._try_to_end_process()

    def _renew_or_check(self) -> LeaseStatus:
        """Write the progress or renew the lease, whichever is due, or else read whether the job is to stop."""
        lease_seconds, moment = self._context.settings.lease_seconds, awake_seconds()
        step, self._step = self._step, None
        if step is not None:
            status = self._write_progress(step)
        elif moment - self._renewed_at > lease_seconds / 3:
            with self._context.database.write.begin() as session:
                status = leases.renew(
                    session, self._claim, lease_seconds=lease_seconds, ran_seconds=self._ran_seconds()
                )
        elif moment - self._checked_at > 2 * POLL_SECONDS:
            with self._context.database.read() as session:
                self._checked_at = moment
                return leases.lease_status(session, self._claim)
        else:
            return LeaseStatus.HELD
        self._checked_at = self._renewed_at = moment
        return status

    def _write_progress(self, step: Step) -> LeaseStatus:
        progress = JobProgress(stage=step.stage, done=step.done, total=step.total, eta_seconds=step.eta_seconds)
        lease_seconds = self._context.settings.lease_seconds
        with self._context.database.write.begin() as session:
            status = leases.record_progress(
                session, self._claim, progress, lease_seconds=lease_seconds, ran_seconds=self._ran_seconds()
            )
        job_events.publish(self._context.settings, self._claim.job_id)
        return status

    def _ran_seconds(self) -> float:
        """How long the job has run in all attempts; a sleeping machine does not count."""
        return self._claim.ran_seconds + awake_seconds() - self._began_at

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
        """Write how the job ended, remove its unfinished files, and end this process, whose work did not stop."""
        canceled = self._stop_reason is Cancelled
        if self._stop_reason is TimeLimitReached:
            canceled = fail_over_limit(self._context, self._claim)  # its checkpoints go, as those of a canceled job
            if canceled:
                tally.add("attempts", self._claim.kind, "failed")
                write_counts(self._context.database)
        elif self._stop_reason not in (LeaseLost, WorkStalled):
            end = leases.cancel if canceled else leases.release
            with self._context.database.write.begin() as session:
                ended = end(session, self._claim)
            if ended:
                tally.add("attempts", self._claim.kind, "canceled" if canceled else "released")
                write_counts(self._context.database)
            canceled = canceled and ended  # where the claim was lost, another worker needs the checkpoints
        reason = self._stop_reason and self._stop_reason.__name__
        log.warning("job.stuck", attempt=self._claim.attempt, stop_reason=reason)
        clean_up(self._context, self._claim, keep_checkpoints=not canceled)
        job_events.publish(self._context.settings, self._claim.job_id)
        os._exit(EXIT_STUCK)
