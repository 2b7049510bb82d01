"""Protecting a dataset: fetch the upload and the generator, run the recipe, store the archive and its report."""

import hashlib
import zipfile
from pathlib import Path

import structlog

from core.errors import BadInput
from core.recipes.options import DatasetSource
from core.recipes.protect import protect
from core.specs.protect import ProtectSpec
from store import leases
from store import models as m
from store.leases import JobResult
from store.object_keys import checkpoint_prefix
from worker.delivered_images import write_delivered_images
from worker.fetch_upload import fetch_upload
from worker.job_files import purge
from worker.run_options import run_options
from worker.running_job import RunningJob
from worker.stop_reasons import LeaseLost

log = structlog.get_logger()


def run_protection(job: RunningJob) -> None:
    """Run a protect job.

    Raises:
        BadInput: the upload or the generator cannot be used.
        SpecError: the generator was trained for another spec.
        InvalidSetting: this machine does not have the device of the settings.
        Cancelled: the work must stop; see `worker.stop_reasons`.
    """
    context, claim = job.context, job.claim
    upload = fetch_upload(job)
    archive = job.scratch / "protected.zip"
    spec = ProtectSpec.parse(claim.spec)
    protect(
        DatasetSource(path=upload.path, name=upload.name),
        archive,
        spec,
        run_options(job),
        generator=fetch_generator(job, spec.generator_id) if spec.generator_id else None,
        job_id=claim.job_id,
    )
    job.lease.check()
    result = store_result(job, archive)
    job.lease.stop_renewing()
    with context.database.write.begin() as session:
        if not leases.succeed(session, claim, result):
            raise LeaseLost
    log.info("job.succeeded", archive_bytes=result.archive_bytes)
    purge(context, checkpoint_prefix(claim.job_id))


def fetch_generator(job: RunningJob, generator_id: str) -> Path:
    """Copy the file of a trained generator into the job's scratch folder.

    Args:
        job: the job that uses it.
        generator_id: the id of its row.

    Raises:
        BadInput: the generator was deleted, or its file is damaged.
    """
    with job.context.database.read() as session:
        row = session.get(m.Generator, generator_id)
    if row is None:
        raise BadInput("The trained generator was deleted: choose another one, or none.")
    path = job.scratch / f"{generator_id}.safetensors"
    try:
        job.context.files.fetch(row.file_key, path)
    except FileNotFoundError:
        raise BadInput(f"The file of the generator “{row.name}” is no longer stored: choose another one.") from None
    if hashlib.sha256(path.read_bytes()).hexdigest() != row.sha256:
        raise BadInput(
            f"The stored generator “{row.name}” is damaged: choose another one, and tell the operator of this service."
        )
    return path


def store_result(job: RunningJob, archive: Path) -> JobResult:
    """Move the archive into the object store, with a copy of the report that it contains.

    Args:
        job: the job that made it; the keys are those of this attempt.
        archive: the local file, which is moved.
    """
    files, prefix, size = job.context.files, job.result_prefix, archive.stat().st_size
    with zipfile.ZipFile(archive) as packed:
        files.write(f"{prefix}/report.json", packed.read("report.json"))
        files.write(f"{prefix}/report.html", packed.read("report.html"))
    write_delivered_images(files, str(job.claim.dataset_id), prefix, archive)
    files.move(f"{prefix}/archive.zip", archive)
    return JobResult(
        archive_key=f"{prefix}/archive.zip",
        archive_bytes=size,
        report_key=f"{prefix}/report.json",
        page_key=f"{prefix}/report.html",
    )
