"""Protecting a dataset: fetch the upload and the generator, run the recipe, store the archive and its report."""

import hashlib
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath

import structlog

from core.errors import BadInput
from core.portable_names import content_disposition
from core.recipes.options import DatasetSource
from core.recipes.protect import protect
from core.specs.protect import ProtectSpec
from store import datasets, estimates, job_events, leases
from store import models as m
from store.leases import JobResult
from store.object_keys import checkpoint_prefix, early_archive_key
from store.stored_objects import Download
from worker.delivered_images import write_delivered_images
from worker.fetch_upload import fetch_upload
from worker.job_files import purge
from worker.reference_images import reference_source
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
    earlier, offered = fetch_offered_archive(job, archive), False

    def offer(path: Path) -> None:
        nonlocal offered
        offer_archive(job, path)
        offered = True

    done = protect(
        DatasetSource(path=upload.path, name=upload.name, reference=reference_source(job, spec)),
        archive,
        spec,
        run_options(job),
        generator=fetch_generator(job, spec.generator_id) if spec.generator_id else None,
        job_id=claim.job_id,
        on_archive=offer,
    )
    job.lease.check()
    replaces_other = earlier and (offered or done.common_bytes is None)  # it was not made from the one offered before
    result = store_result(job, archive, common_bytes=0 if replaces_other else done.common_bytes)
    result = replace(result, measured=estimates.measured(done.report.stages).to_dict())
    job.succeed(result)
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


def fetch_offered_archive(job: RunningJob, path: Path) -> bool:
    """Copy the archive that an earlier attempt offered, so that this attempt has only its evidence left to measure.

    Args:
        job: the job.
        path: the new file.

    Returns:
        Whether an earlier attempt offered one. Its file may have been deleted.
    """
    with job.context.database.read() as session:
        row = session.get(m.Job, job.claim.job_id)
    if row is None or row.archive_key is None:
        return False
    with suppress(FileNotFoundError):
        job.context.files.fetch(row.archive_key, path)
    return True


def offer_archive(job: RunningJob, archive: Path) -> None:
    """Offer the archive for download while its evidence is measured.

    Args:
        job: the job that made it.
        archive: the local file, which is never written again; another file may take its place.

    Raises:
        LeaseLost: another worker may run the job.
    """
    job.lease.check()
    key, size = early_archive_key(job.claim.job_id, job.claim.attempt), archive.stat().st_size
    job.context.files.link(key, archive, download=_download_of(job))
    write_delivered_images(job.context.files, str(job.claim.dataset_id), str(PurePosixPath(key).parent), archive)
    with job.context.database.write.begin() as session:
        if not leases.record_archive(session, job.claim, key=key, size=size):
            raise LeaseLost
    job_events.publish(job.context.settings, job.claim.job_id)
    log.info("job.archive_ready", archive_bytes=size)


def store_result(job: RunningJob, archive: Path, *, common_bytes: int | None) -> JobResult:
    """Move the archive into the object store, with a copy of the report that it contains.

    Args:
        job: the job that made it; the keys are those of this attempt.
        archive: the local file, which is moved.
        common_bytes: how many first bytes it shares with every archive that the job offered before; None if none was.
    """
    files, prefix, size = job.context.files, job.result_prefix, archive.stat().st_size
    with zipfile.ZipFile(archive) as packed:
        files.write(f"{prefix}/report.json", packed.read("report.json"))
        files.write(f"{prefix}/report.html", packed.read("report.html"))
    write_delivered_images(files, str(job.claim.dataset_id), prefix, archive)
    files.move(f"{prefix}/archive.zip", archive, download=_download_of(job))
    return JobResult(
        archive_key=f"{prefix}/archive.zip",
        archive_bytes=size,
        archive_common_bytes=common_bytes,
        report_key=f"{prefix}/report.json",
        page_key=f"{prefix}/report.html",
    )


def _download_of(job: RunningJob) -> Download:
    """As what browsers save the archive of a job."""
    with job.context.database.read() as session:
        dataset = session.get(m.Dataset, job.claim.dataset_id) if job.claim.dataset_id else None
    disposition = content_disposition(datasets.archive_filename(dataset))
    return Download(disposition=disposition, media_type="application/zip")
