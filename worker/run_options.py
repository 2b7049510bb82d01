"""How a worker runs the recipes of core: where it computes, and where it reports and saves."""

from pathlib import Path

from core.recipes.options import RunOptions
from store.leases import Claim
from worker.checkpoint_store import unfinished_work
from worker.context import WorkerContext, compute_device
from worker.fetch_upload import limits_of
from worker.lease import LeaseKeeper


def run_options(service: WorkerContext, claim: Claim, lease: LeaseKeeper, *, scratch: Path) -> RunOptions:
    """The options of a recipe that runs for a job.

    Args:
        service: The settings, the database and the files.
        claim: The job; its checkpoints go to the store.
        lease: Receives the progress, and ends the recipe when the job should stop.
        scratch: An empty folder for temporary files.

    Raises:
        BadSetting: The settings name a device that this machine does not have.
    """
    device = compute_device(service.settings)
    return RunOptions(
        scratch=scratch,
        on_progress=lease.progress,
        checkpoints=unfinished_work(service, claim),
        device=device.name,
        cores=device.cores,
        limits=limits_of(service.settings),
    )
