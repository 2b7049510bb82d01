"""How a worker runs the recipes of core: where they compute, and where they report and save."""

from pathlib import Path

from core.recipes.options import RunOptions
from core.runtime.checkpoints import CheckpointStore, NullCheckpointStore
from worker.checkpoint_store import job_checkpoints
from worker.context import compute_device
from worker.fetch_upload import upload_limits
from worker.kept_curves import DatasetCurveStore
from worker.piece_board import JobPieceBoard
from worker.running_job import RunningJob


def run_options(job: RunningJob) -> RunOptions:
    """Return the options of the recipe that runs for a job. Creates its folder for temporary files.

    Raises:
        InvalidSetting: the settings name a device that this machine does not have.
    """
    device, weights = compute_device(job.context.settings), job.context.settings.pretrained_weights
    return RunOptions(
        scratch=job.make_folder("work"),
        on_progress=job.lease.progress,
        checkpoints=job_checkpoints(job.context, job.claim),
        device=device.name,
        cores=device.cores,
        limits=upload_limits(job.context.settings),
        pretrained_weights=Path(weights) if weights else None,
        kept_curves=_kept_curves(job),
        pieces=JobPieceBoard(job.context, job.claim),
    )


def _kept_curves(job: RunningJob) -> CheckpointStore:
    """Those of the job's dataset; none for a job without one."""
    dataset_id = job.claim.dataset_id
    return NullCheckpointStore() if dataset_id is None else DatasetCurveStore(job.context, dataset_id)
