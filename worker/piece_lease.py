"""The lease of a piece, for its lease keeper: it ends with the job, or when a whole job waits for this worker."""

from collections.abc import Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.errors import Cancelled
from core.runtime.awake_clock import awake_seconds
from core.runtime.progress import Step
from store import piece_leases
from store.leases import LeaseStatus
from store.piece_leases import PieceClaim
from store.queue_places import first_claimable
from worker.context import WorkerContext
from worker.stop_reasons import JobWaits, LeaseLost, WorkStalled

LOOK_SECONDS = 2.0  # between two looks at the queue; a job that waits in both is one that no idle worker takes

log = structlog.get_logger()


class PieceLease:
    """The lease of a claimed piece (`worker.held_lease.HeldLease`).

    Args:
        context: the services of this process.
        claim: the helper's claim.
        queues: those whose jobs this worker would run instead.
    """

    def __init__(self, context: WorkerContext, claim: PieceClaim, queues: Sequence[str]) -> None:
        self._context, self._claim, self._queues = context, claim, queues
        self._looked_at = awake_seconds()
        self._waiting: set[str] = set()

    @property
    def name(self) -> str:
        """The piece."""
        return self._claim.name

    def observe(self, step: Step) -> None:
        """Do nothing: the worker that runs the job reports its progress."""

    def close(self) -> None:
        """Do nothing."""

    def renew(self, step: Step | None) -> LeaseStatus:
        """Extend the lease."""
        with self._context.database.write.begin() as session:
            return piece_leases.renew(session, self._claim, lease_seconds=self._context.settings.lease_seconds)

    def status(self) -> LeaseStatus:
        """Whether the lease holds, and the job is still wanted."""
        with self._context.database.read() as session:
            return piece_leases.lease_status(session, self._claim)

    def due_stop(self) -> type[Cancelled] | None:
        """`JobWaits` once a job of these queues has waited for a while."""
        if awake_seconds() - self._looked_at < LOOK_SECONDS:
            return None
        self._looked_at, before = awake_seconds(), self._waiting
        try:
            with self._context.database.read() as session:
                self._waiting = set(first_claimable(session, self._queues, limit=10))
        except SQLAlchemyError:  # the next look may succeed
            return None
        return JobWaits if before & self._waiting else None

    def abandon(self, reason: type[Cancelled]) -> None:
        """Put the piece back; an attempt that stalled counts."""
        if reason is not LeaseLost:
            end = piece_leases.requeue if reason is WorkStalled else piece_leases.release
            with self._context.database.write.begin() as session:
                end(session, self._claim)
        log.warning("piece.stuck", job=self._claim.job_id, piece=self._claim.name, stop_reason=reason.__name__)
