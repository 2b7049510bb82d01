"""The lease of a job, for its lease keeper: it carries the progress, and ends with the job's limit of time."""

import structlog

from core.errors import Cancelled
from core.runtime.awake_clock import awake_seconds
from core.runtime.progress import Step
from store import job_events, leases
from store.leases import Claim, JobProgress, LeaseStatus
from worker.context import WorkerContext
from worker.counting import count_attempt, write_counts
from worker.job_files import clean_up
from worker.stage_times import StageTimes
from worker.stop_reasons import LeaseLost, TimeLimitReached, WorkStalled
from worker.time_limit import fail_over_limit

log = structlog.get_logger()


class JobLease:
    """The lease of a claimed job (`worker.held_lease.HeldLease`).

    Args:
        context: the services of this process.
        claim: the attempt's claim.
    """

    def __init__(self, context: WorkerContext, claim: Claim) -> None:
        self._context, self._claim = context, claim
        self._stages = StageTimes(claim.kind)
        self._began_at = awake_seconds()

    @property
    def name(self) -> str:
        """The job."""
        return self._claim.job_id

    def observe(self, step: Step) -> None:
        """Count the time of each stage."""
        self._stages.observe(step)

    def close(self) -> None:
        """End the running stage."""
        self._stages.end()

    def renew(self, step: Step | None) -> LeaseStatus:
        """Extend the lease, and write the progress if there is any."""
        lease_seconds, ran = self._context.settings.lease_seconds, self._ran_seconds()
        if step is None:
            with self._context.database.write.begin() as session:
                return leases.renew(session, self._claim, lease_seconds=lease_seconds, ran_seconds=ran)
        progress = JobProgress(stage=step.stage, done=step.done, total=step.total, eta_seconds=step.eta_seconds)
        with self._context.database.write.begin() as session:
            status = leases.record_progress(
                session, self._claim, progress, lease_seconds=lease_seconds, ran_seconds=ran
            )
        job_events.publish(self._context.settings, self._claim.job_id)
        return status

    def status(self) -> LeaseStatus:
        """Whether the lease holds, and whether the job is to be canceled."""
        with self._context.database.read() as session:
            return leases.lease_status(session, self._claim)

    def due_stop(self) -> type[Cancelled] | None:
        """`TimeLimitReached` once the job has run for longer than the settings allow."""
        limit = self._context.settings.max_run_seconds
        return TimeLimitReached if limit and self._ran_seconds() > limit else None

    def abandon(self, reason: type[Cancelled]) -> None:
        """Write how the job ended, and remove its unfinished files."""
        is_over = False  # then no other attempt needs the checkpoints
        if reason is TimeLimitReached:
            is_over = fail_over_limit(self._context, self._claim)
            if is_over:
                self._count("failed")
        elif reason not in (LeaseLost, WorkStalled):
            end, outcome = (leases.cancel, "canceled") if reason is Cancelled else (leases.release, "released")
            with self._context.database.write.begin() as session:
                ended = end(session, self._claim)
            if ended:
                self._count(outcome)
            is_over = ended and reason is Cancelled
        log.warning("job.stuck", attempt=self._claim.attempt, stop_reason=reason.__name__)
        clean_up(self._context, self._claim, keep_checkpoints=not is_over)
        job_events.publish(self._context.settings, self._claim.job_id)

    def _count(self, outcome: str) -> None:
        count_attempt(self._claim, outcome)
        write_counts(self._context.database)

    def _ran_seconds(self) -> float:
        """How long the job has run in all attempts; a sleeping machine does not count."""
        return self._claim.ran_seconds + awake_seconds() - self._began_at
