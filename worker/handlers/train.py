"""Training a generator: fetch the upload, run the recipe, store the generator's file and its row."""

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.recipes.options import DatasetSource
from core.recipes.train import GeneratorOptions, train_generator
from core.specs.train import TrainSpec
from store import generators, leases
from store.object_keys import checkpoint_prefix
from worker.fetch_upload import fetch_upload
from worker.job_files import purge
from worker.run_options import run_options
from worker.running_job import RunningJob
from worker.stop_reasons import LeaseLost

log = structlog.get_logger()


def run_training(job: RunningJob) -> None:
    """Run a train job. The id of the generator's row is the id of the job.

    Raises:
        BadInput: the upload cannot be used.
        SpecError: the spec does not fit the upload.
        InvalidSetting: this machine does not have the device of the settings.
        Cancelled: the work must stop; see `worker.stop_reasons`.
    """
    context, claim = job.context, job.claim
    spec = TrainSpec.parse(claim.spec)
    upload = fetch_upload(job)
    generator = job.scratch / "generator.safetensors"
    train_generator(
        DatasetSource(path=upload.path, name=upload.name),
        generator,
        spec.noise,
        run_options(job),
        GeneratorOptions(title=spec.name or upload.name, greyscale=spec.grey, command=f"train job {claim.job_id}"),
    )
    job.lease.check()
    stored = generators.store_file(context.files, claim.job_id, generator)
    try:
        job.lease.stop_renewing()
        with context.database.write.begin() as session:
            if not leases.succeed(session, claim):
                raise LeaseLost
            generators.upsert(session, claim.job_id, stored, job_id=claim.job_id)
    except (LeaseLost, SQLAlchemyError):
        raise  # the file may belong to another attempt, or to a row whose commit gave no answer: leave it to collection
    except BaseException:
        context.files.delete(stored.key)
        raise
    log.info("job.succeeded", generator=claim.job_id, bytes=stored.bytes)
    purge(context, checkpoint_prefix(claim.job_id))
