"""Verifying a protection: fetch the originals and the archive, run the recipe of core, keep each row as it comes."""

from pathlib import Path

import structlog

from core.errors import BadInput
from core.recipes import verify as recipe
from core.recipes.options import DatasetSource
from core.recipes.verify import VerificationTarget
from core.reports.verification_html import render_verification
from core.results.verification import VerificationReport
from core.specs.verify import VerifySpec
from store import leases
from store import models as m
from store.leases import Claim, JobResult
from store.object_keys import checkpoint_prefix
from worker.checkpoint_store import JobCheckpointStore
from worker.context import WorkerContext
from worker.fetch_upload import fetch_upload
from worker.job_files import purge, result_prefix
from worker.lease import LeaseKeeper
from worker.run_options import run_options
from worker.stop_reasons import LeaseLost

log = structlog.get_logger()


def verify(service: WorkerContext, claim: Claim, lease: LeaseKeeper, folder: Path) -> None:
    """Run one verify job to its end. Raises BadInput, SpecError, and what the heart raises."""
    upload = fetch_upload(service, claim, folder)
    rows_so_far, unpacked = JobCheckpointStore(service, claim), folder / "work"
    unpacked.mkdir()

    def keep(report: VerificationReport) -> None:
        for name, data in _files(report).items():
            rows_so_far.save(name, data)
        log.info("job.row", done=len(report.evidence.rows), total=report.evidence.rows_requested)

    target = None
    if claim.target_job_id is not None:
        archive = fetch_archive(service, claim.target_job_id, folder)
        target = VerificationTarget(archive=archive, job_id=claim.target_job_id)
    report = recipe.verify(
        DatasetSource(path=upload.path, name=upload.name),
        target,
        VerifySpec.parse(claim.spec),
        run_options(service, claim, lease, scratch=unpacked),
        on_row=keep,
        job_id=claim.job_id,
    )
    lease.check()
    prefix = result_prefix(claim)
    for name, data in _files(report).items():
        service.files.write(f"{prefix}/{name}", data)
    lease.rest()
    with service.database.write.begin() as session:
        result = JobResult(report_key=f"{prefix}/report.json", page_key=f"{prefix}/report.html")
        if not leases.succeed(session, claim, result):
            raise LeaseLost
    log.info("job.succeeded", rows=len(report.evidence.rows))
    purge(service, checkpoint_prefix(claim.job_id))


def fetch_archive(service: WorkerContext, target_job_id: str, folder: Path) -> Path:
    """Bring the archive that is tried to this machine. Raises BadInput where it is gone."""
    with service.database.read() as session:
        target = session.get(m.Job, target_job_id)
    path = folder / "protected.zip"
    try:
        if target is None or target.archive_key is None:
            raise FileNotFoundError
        service.files.fetch(target.archive_key, path)
    except FileNotFoundError:
        raise BadInput("The protected archive is not in the store any more: protect the pictures again.") from None
    return path


def _files(report: VerificationReport) -> dict[str, bytes]:
    """The report of the rows so far, for programs and for people."""
    return {"report.json": report.to_json().encode(), "report.html": render_verification(report).encode()}
