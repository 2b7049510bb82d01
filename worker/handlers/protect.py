"""Protecting a dataset: fetch the upload and a generator, run the recipe of core, store the archive and its report."""

import hashlib
import zipfile
from pathlib import Path

import structlog

from core.errors import BadInput
from core.recipes import protect as recipe
from core.recipes.options import DatasetSource
from core.specs.protect import ProtectSpec
from store import leases
from store import models as m
from store.leases import Claim, JobResult
from store.object_keys import checkpoint_prefix
from worker.context import WorkerContext
from worker.fetch_upload import fetch_upload
from worker.job_files import purge, result_prefix
from worker.lease import LeaseKeeper
from worker.run_options import run_options
from worker.stop_reasons import LeaseLost

log = structlog.get_logger()


def protect(service: WorkerContext, claim: Claim, lease: LeaseKeeper, folder: Path) -> None:
    """Run one protect job to its end. Raises BadInput, SpecError, and what the heart raises."""
    upload = fetch_upload(service, claim, folder)
    archive, unpacked = folder / "protected.zip", folder / "work"
    unpacked.mkdir()
    spec = ProtectSpec.parse(claim.spec)
    recipe.protect(
        DatasetSource(path=upload.path, name=upload.name),
        archive,
        spec,
        run_options(service, claim, lease, scratch=unpacked),
        generator=fetch_generator(service, spec.generator_id, folder) if spec.generator_id else None,
        job_id=claim.job_id,
    )
    lease.check()
    result = deliver(service, claim, archive)
    lease.rest()
    with service.database.write.begin() as session:
        if not leases.succeed(session, claim, result):
            raise LeaseLost
    log.info("job.succeeded", archive_bytes=result.archive_bytes)
    purge(service, checkpoint_prefix(claim.job_id))


def fetch_generator(service: WorkerContext, generator_id: str, folder: Path) -> Path:
    """Bring a trained generator's file to this machine. Raises BadInput where it is gone, or not what it was."""
    with service.database.read() as session:
        row = session.get(m.Generator, generator_id)
    if row is None:
        raise BadInput("The trained generator was deleted: choose another one, or none.")
    path = folder / f"{generator_id}.safetensors"
    try:
        service.files.fetch(row.file_key, path)
    except FileNotFoundError:
        raise BadInput(f"The generator “{row.name}” is not in the store any more: choose another one.") from None
    if hashlib.sha256(path.read_bytes()).hexdigest() != row.sha256:
        raise BadInput(f"The stored generator “{row.name}” is damaged: choose another one, and tell whoever runs this.")
    return path


def deliver(service: WorkerContext, claim: Claim, archive: Path) -> JobResult:
    """Store the archive, and the report that lies in it, where only this attempt writes."""
    prefix, size = result_prefix(claim), archive.stat().st_size
    with zipfile.ZipFile(archive) as packed:
        service.files.write(f"{prefix}/report.json", packed.read("report.json"))
        service.files.write(f"{prefix}/report.html", packed.read("report.html"))
    service.files.move(f"{prefix}/archive.zip", archive)
    return JobResult(
        archive_key=f"{prefix}/archive.zip",
        archive_bytes=size,
        report_key=f"{prefix}/report.json",
        page_key=f"{prefix}/report.html",
    )
