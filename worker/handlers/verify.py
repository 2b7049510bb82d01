"""Verifying a protection: fetch the originals and the archive, run the recipe, store the report after every row."""

from pathlib import Path

import structlog

from core.errors import BadInput
from core.recipes.options import DatasetSource
from core.recipes.verify import VerificationTarget, verify
from core.reports.verification_html import render_verification
from core.results.verification import VerificationReport
from core.specs.verify import VerifySpec
from store import models as m
from store.leases import JobResult
from store.object_keys import checkpoint_prefix
from worker.checkpoint_store import JobCheckpointStore
from worker.fetch_upload import fetch_upload
from worker.job_files import purge
from worker.run_options import run_options
from worker.running_job import RunningJob

log = structlog.get_logger()


def run_verification(job: RunningJob) -> None:
    """Run a verify job.

    Raises:
        BadInput: the upload or the archive cannot be used.
        SpecError: the spec does not fit the dataset.
        InvalidSetting: this machine does not have the device of the settings.
        Cancelled: the work must stop; see `worker.stop_reasons`.
    """
    context, claim = job.context, job.claim
    upload = fetch_upload(job)
    partial_report = JobCheckpointStore(context, claim)

    def save_rows(report: VerificationReport) -> None:
        for name, data in _report_files(report).items():
            partial_report.save(name, data)
        log.info("job.row_measured", done=len(report.evidence.rows), total=report.evidence.rows_requested)

    target = None
    if claim.target_job_id is not None:
        target = VerificationTarget(archive=fetch_archive(job, claim.target_job_id), job_id=claim.target_job_id)
    report = verify(
        DatasetSource(path=upload.path, name=upload.name),
        target,
        VerifySpec.parse(claim.spec),
        run_options(job),
        on_row=save_rows,
        job_id=claim.job_id,
    )
    job.lease.check()
    for name, data in _report_files(report).items():
        context.files.write(f"{job.result_prefix}/{name}", data)
    result = JobResult(report_key=f"{job.result_prefix}/report.json", page_key=f"{job.result_prefix}/report.html")
    job.succeed(result)
    log.info("job.succeeded", rows=len(report.evidence.rows))
    purge(context, checkpoint_prefix(claim.job_id))


def fetch_archive(job: RunningJob, target_job_id: str) -> Path:
    """Copy the archive of a protect job into this job's scratch folder.

    Args:
        job: the verify job.
        target_job_id: the protect job.

    Raises:
        BadInput: the protect job or its archive was deleted.
    """
    with job.context.database.read() as session:
        target = session.get(m.Job, target_job_id)
    path = job.scratch / "protected.zip"
    try:
        if target is None or target.archive_key is None:
            raise FileNotFoundError
        job.context.files.fetch(target.archive_key, path)
    except FileNotFoundError:
        raise BadInput("The protected archive is no longer stored: protect the images again.") from None
    return path


def _report_files(report: VerificationReport) -> dict[str, bytes]:
    return {"report.json": report.to_json().encode(), "report.html": render_verification(report).encode()}
