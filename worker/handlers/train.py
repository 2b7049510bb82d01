"""Training a generator for everybody: fetch the upload, run the recipe of core, store the file and its row."""

from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.recipes.train import train_generator
from core.specs.train import TrainSpec
from store import generators, leases
from store.leases import Claim
from store.object_keys import checkpoint_prefix
from worker.checkpoint_store import unfinished_work
from worker.context import WorkerContext, computer
from worker.fetch_upload import fetch_upload, limits_of
from worker.job_files import purge
from worker.lease import LeaseKeeper
from worker.stop_reasons import LeaseLost

log = structlog.get_logger()


def train(service: WorkerContext, claim: Claim, lease: LeaseKeeper, folder: Path) -> None:
    """Run one train job to its end; the generator gets the job's id. Raises BadInput, SpecError, and as the heart."""
    asked = TrainSpec.parse(claim.spec)
    upload = fetch_upload(service, claim, folder)
    made, unpacked = folder / "generator.safetensors", folder / "work"
    unpacked.mkdir()
    train_generator(
        upload.path,
        made,
        asked.noise,
        scratch=unpacked,
        on_progress=lease.progress,
        checkpoints=unfinished_work(service, claim),
        name=upload.name,
        title=asked.name or upload.name,
        grey=asked.grey,
        command=f"train job {claim.job_id}",
        limits=limits_of(service.settings),
        **computer(service.settings),
    )
    lease.check()
    stored = generators.store_file(service.files, claim.job_id, made)
    try:
        lease.rest()
        with service.database.write.begin() as session:
            if not leases.succeed(session, claim):
                raise LeaseLost
            generators.upsert(session, claim.job_id, stored, job_id=claim.job_id)
    except (LeaseLost, SQLAlchemyError):
        raise  # the file may be another attempt's, or its row committed unheard: tidying goes by the rows
    except BaseException:
        service.files.delete(stored.key)
        raise
    log.info("job.succeeded", generator=claim.job_id, bytes=stored.bytes)
    purge(service, checkpoint_prefix(claim.job_id))
