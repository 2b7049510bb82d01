"""Helping: an idle worker computes pieces of jobs that other workers run, while no job of its own queues waits."""

import os
import secrets
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.errors import Cancelled
from core.runtime.awake_clock import awake_seconds
from store import models as m
from store import piece_leases, pieces
from store.leases import LeaseStatus
from store.piece_leases import Helper, PieceClaim
from store.tally import tally
from store.workers import claim_name
from store.workforce import read_workforce
from worker.child_status import RunningClaim, announce_claim
from worker.compute_kind import compute_kind
from worker.context import InvalidSetting, WorkerContext
from worker.counting import write_counts
from worker.lease_keeper import LeaseKeeper, is_stopping
from worker.piece_lease import PieceLease
from worker.registration import own_worker_id
from worker.stop_reasons import JobWaits, WorkerStopping

if TYPE_CHECKING:
    from worker.handlers.piece import PieceHandler

SUCCEEDED, RELEASED, LOST, FAILED = "succeeded", "released", "lost", "failed"

log = structlog.get_logger()


class PieceHelper:
    """Computes pieces, one after the other.

    Args:
        context: the services of this process.
        queues: those whose pieces it takes.

    Attributes:
        all_queues: those whose jobs this worker takes; for such a job it puts a piece back.
    """

    def __init__(self, context: WorkerContext, queues: Sequence[str]) -> None:
        self._context, self._queues = context, queues
        self.all_queues = self._queues_of_worker()
        self._handler: PieceHandler | None = None

    def compute_one(self) -> bool:
        """Compute a piece, or a part of it. Returns False where there is none, and after a failure."""
        with self._context.database.read() as session:
            if is_stopping() or not pieces.are_waiting(session, self._queues):
                return False
        handler = self._open_handler()
        claim = self._claim()
        if claim is None:
            return False
        with structlog.contextvars.bound_contextvars(job=claim.job_id, piece=claim.name, attempt=claim.attempt):
            log.info("piece.claimed", worker=claim.worker)
            began = awake_seconds()
            try:
                outcome = self._compute(claim, handler)
            finally:
                announce_claim(None)
            log.info("piece.ended", outcome=outcome, seconds=round(awake_seconds() - began, 1))
            tally.add("pieces", claim.kind, outcome)
            write_counts(self._context.database)
        return outcome != FAILED

    def _claim(self) -> PieceClaim | None:
        settings = self._context.settings
        try:
            has = compute_kind(settings)
        except InvalidSetting as error:  # a job of this worker says so to its user
            log.error("piece.no_device", reason=str(error))
            return None
        helper = Helper(queues=self._queues, has=has, max_attempts=settings.max_attempts)
        worker = claim_name(
            host=socket.gethostname(), pid=os.getpid(), token=secrets.token_hex(4), worker_id=own_worker_id()
        )
        with self._context.database.write.begin() as session:
            claim = piece_leases.claim(session, helper, worker=worker, lease_seconds=settings.lease_seconds)
        if claim is not None:
            announce_claim(RunningClaim(job_id=claim.job_id, worker=worker))
        return claim

    def _compute(self, claim: PieceClaim, handler: "PieceHandler") -> str:
        """Compute a claimed piece. An error costs it an attempt; in the end the job's own worker computes it."""
        try:
            with LeaseKeeper(self._context, PieceLease(self._context, claim, self.all_queues)) as lease:
                handler.run(claim, lease)
                lease.stop_renewing()
                with self._context.database.write.begin() as session:
                    return SUCCEEDED if piece_leases.succeed(session, claim) else LOST
        except (WorkerStopping, JobWaits):
            return self._put_back(claim, counts=False)
        except Cancelled:
            return LOST
        except Exception as error:
            if isinstance(error, SQLAlchemyError):
                log.warning("piece.database_unavailable", error=str(error).splitlines()[0])
            elif self._is_held(claim):
                log.exception("piece.error")
            return LOST if self._put_back(claim, counts=True) == LOST else FAILED

    def _open_handler(self) -> "PieceHandler":
        """The handler, imported before a claim, since that takes long; the check worker must not import torch."""
        if self._handler is None:
            from worker.handlers.piece import PieceHandler

            self._handler = PieceHandler(self._context)
        return self._handler

    def _put_back(self, claim: PieceClaim, *, counts: bool) -> str:
        end = piece_leases.requeue if counts else piece_leases.release
        try:
            with self._context.database.write.begin() as session:
                return RELEASED if end(session, claim) else LOST
        except SQLAlchemyError:  # its lease ends
            return FAILED

    def _is_held(self, claim: PieceClaim) -> bool:
        """Whether an error is one of the work: where the claim is lost, the files may be deleted."""
        try:
            with self._context.database.read() as session:
                return piece_leases.lease_status(session, claim) is LeaseStatus.HELD
        except SQLAlchemyError:
            return True

    def _queues_of_worker(self) -> tuple[str, ...]:
        with self._context.database.read() as session:
            workforce, own = read_workforce(session, self._context.settings), session.get(m.Worker, own_worker_id())
        names = () if own is None else own.queues
        return tuple(dict.fromkeys([*self._queues, *(q for name in names for q in workforce.queues_behind(name))]))
