"""Computing a piece of a job that another worker runs, from the job's checkpoints alone."""

from pathlib import Path

from core.recipes.piece_work import PieceWork
from core.runtime.checkpoints import CheckpointStore, NullCheckpointStore
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Progress
from store.piece_leases import PieceClaim
from worker.checkpoint_store import job_checkpoints
from worker.context import WorkerContext, compute_device
from worker.kept_curves import ReadOnlyCurveStore
from worker.lease_keeper import LeaseKeeper


class PieceHandler:
    """Computes pieces, and keeps the images of a job until a piece of another job comes.

    Args:
        context: the services of this process.
    """

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self._job_id, self._work = "", PieceWork()

    def run(self, claim: PieceClaim, lease: LeaseKeeper) -> None:
        """Compute a piece, and save its result among the checkpoints of the job.

        Args:
            claim: the helper's claim.
            lease: raises when the work must stop.

        Raises:
            KeyError: the piece was withdrawn.
            Cancelled: the work must stop; see `worker.stop_reasons`.
        """
        if claim.job_id != self._job_id:
            self._job_id, self._work = claim.job_id, PieceWork()
        settings, device = self._context.settings, compute_device(self._context.settings)
        run = RunContext(
            device=Device(device.name, cores=device.cores),
            progress=Progress(lambda _: lease.check()),
            checkpoints=job_checkpoints(self._context, claim),
            pretrained_weights=Path(settings.pretrained_weights) if settings.pretrained_weights else None,
            kept_curves=self._kept_curves(claim),
        )
        self._work.compute(claim.name, run)

    def _kept_curves(self, claim: PieceClaim) -> CheckpointStore:
        """Those of the job's dataset; none for a job without one."""
        dataset_id = claim.dataset_id
        return NullCheckpointStore() if dataset_id is None else ReadOnlyCurveStore(self._context, dataset_id)
