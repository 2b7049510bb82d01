"""Where the worker that runs a job offers pieces of it to idle workers: rows, and a message for each worker."""

from collections.abc import Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.runtime.awake_clock import awake_seconds
from store import jobs, pieces, task_queue
from store import models as m
from store.idle_workers import Alike, idle_workers
from store.leases import Claim
from store.task_queue import queue_of
from store.workforce import read_workforce
from worker.compute_kind import compute_kind
from worker.context import WorkerContext
from worker.registration import own_worker_id
from worker.stop_reasons import LeaseLost

LOOK_SECONDS = 1.0  # between two looks for idle workers

log = structlog.get_logger()


class JobPieceBoard:
    """A `core.runtime.pieces.PieceBoard` for one attempt of a job.

    A message that is lost delays a helper and does no other harm: recovery sends it again.

    Args:
        context: the services of this process.
        claim: the attempt's claim.
    """

    def __init__(self, context: WorkerContext, claim: Claim) -> None:
        self._context, self._claim = context, claim
        self._looked_at: float | None = None
        self._queue = self._message_queue = task_queue.CPU
        self._idle: list[str] = []

    def has_helpers(self) -> bool:
        """Return whether a worker of the same kind of device and version is idle."""
        if self._looked_at is None or awake_seconds() - self._looked_at >= LOOK_SECONDS:
            try:
                self._look()
            except SQLAlchemyError as error:  # the job goes on alone
                log.warning("job.helpers_not_found", error=str(error).splitlines()[0])
                self._idle = []
            self._looked_at = awake_seconds()
        return bool(self._idle)

    def publish(self, names: Sequence[str]) -> None:
        """Insert the rows, and wake idle workers. Raises LeaseLost where another worker may run the job."""
        needs = compute_kind(self._context.settings)
        with self._context.database.write.begin() as session:
            if not pieces.publish(session, self._claim, names, queue=self._queue, needs=needs):
                raise LeaseLost
            jobs.mark_enqueued(session, self._claim.job_id)
        log.info("job.pieces_published", pieces=len(names), idle=len(self._idle))
        for _ in self._idle[: len(names)]:
            task_queue.enqueue(
                self._context.settings, job_id=self._claim.job_id, kind=self._claim.kind, queue=self._message_queue
            )

    def take(self, name: str) -> bool:
        """Delete the row, unless a helper has it."""
        with self._context.database.write.begin() as session:
            return pieces.take(session, self._claim.job_id, name)

    def withdraw(self, names: Sequence[str]) -> None:
        """Delete the rows."""
        with self._context.database.write.begin() as session:
            pieces.withdraw(session, self._claim.job_id, names)

    def _look(self) -> None:
        with self._context.database.read() as session:
            own, job = session.get(m.Worker, own_worker_id()), session.get(m.Job, self._claim.job_id)
            if own is None or job is None:
                self._idle = []
                return
            workforce = read_workforce(session, self._context.settings)
            self._queue, alike = queue_of(job), Alike(device=own.device, version=own.version)
            self._message_queue = workforce.message_queue(self._queue)
            self._idle = [id_ for id_ in idle_workers(session, workforce, self._queue, alike) if id_ != own.id]
