"""Training a generator for everybody: fetch the upload, run the recipe of core, store the file and its row."""

from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.recipes.options import DatasetSource
from core.recipes.train import GeneratorConfig, train_generator
from core.specs.train import TrainSpec
from store import generators, leases
from store.leases import Claim
from store.object_keys import checkpoint_prefix
from worker.context import WorkerContext
from worker.fetch_upload import fetch_upload
from worker.job_files import purge
from worker.lease import LeaseKeeper
from worker.run_options import run_options
from worker.stop_reasons import LeaseLost

log = structlog.get_logger()


def train(service: WorkerContext, claim: Claim, lease: LeaseKeeper, folder: Path) -> None:
    """Run one train job to its end; the generator gets the job's id. Raises BadInput, SpecError, and as the heart."""
    asked = TrainSpec.parse(claim.spec)
    upload = fetch_upload(service, claim, folder)
    made, unpacked = folder / "generator.safetensors", folder / "work"
    unpacked.mkdir()
    train_generator(
        DatasetSource(path=upload.path, name=upload.name),
        made,
        asked.noise,
        run_options(service, claim, lease, scratch=unpacked),
        GeneratorConfig(title=asked.name or upload.name, greyscale=asked.grey, command=f"train job {claim.job_id}"),
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
