"""The page of one job: its progress, its outcome, its report, and the form that verifies a protection."""

from collections.abc import Mapping, Sequence

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from api import job_requests
from api.after_commit import after_commit
from api.context import AppContext
from api.dependencies import Context, CurrentRequest, CurrentUser, Db, OwnJob
from api.pages import job_stages, job_text, listing
from api.pages.evidence import EvidenceView, evidence_view
from api.pages.forms.fields import error_messages
from api.pages.forms.submission import SubmittedLists
from api.pages.forms.verify import VerifyForm, requested_spec, verify_form
from api.pages.render import render_page
from api.pages.waiting import times_in_words
from api.problems import not_found
from core.errors import SpecError
from core.results.protection import ProtectionReport
from core.specs.protect import ProtectSpec
from store import job_events, jobs
from store import models as m
from store.object_keys import checkpoint_key
from store.queue_places import queue_place
from store.store_errors import StoreError

router = APIRouter()


@router.get("/jobs/{job_id}")
def show(user: CurrentUser, job: OwnJob, db: Db, context: Context) -> Response:
    """Show the job as it is now."""
    return _page(db, context, user, job)


@router.post("/jobs/{job_id}/verify")
def verify(request: CurrentRequest, job: OwnJob, submitted: SubmittedLists) -> Response:
    """Start a verification of this job and redirect to its page; if the form has errors, show it again.

    Raises:
        Problem: 403 if the user is not an admin; 409 if the job has no archive.
    """
    job_requests.check_may_request(request.user, m.VERIFY)
    try:
        started = job_requests.request_job_verification(request, job.id, requested_spec(submitted))
    except SpecError as error:
        return _page(request.session, request.app, request.user, job, submitted=submitted, errors=error_messages(error))
    return RedirectResponse(f"/jobs/{started.id}", status_code=303)


@router.post("/jobs/{job_id}/cancel")
def cancel(user: CurrentUser, job: OwnJob, db: Db, context: Context) -> Response:
    """Request the cancellation of the job and redirect to its page; a finished job stays as it is."""
    jobs.request_cancel(db, job.id)
    settings, job_id = context.settings, job.id
    after_commit(db, lambda: job_events.publish(settings, job_id))
    return RedirectResponse(f"/jobs/{job.id}", status_code=303)


@router.get("/jobs/{job_id}/report")
def report(user: CurrentUser, job: OwnJob, db: Db) -> Response:
    """Show the HTML report in a frame that runs no script but the one of its sliders.

    Raises:
        Problem: 404 if there is no report, or not yet.
    """
    if job.state != m.SUCCEEDED or job.kind == m.TRAIN:
        raise not_found("report" if job.kind == m.TRAIN else "report yet")
    name = _dataset_name(_dataset_of(db, job))
    return render_page("report.html", user=user, job=job, dataset_name=name, job_title=job_text.job_title(job, name))


@router.get("/jobs/{job_id}/report.json")
def report_json(job: OwnJob, context: Context) -> Response:
    """Download the report as JSON.

    Raises:
        Problem: 404 if there is no report.
    """
    if job.report_key is None:
        raise not_found("report")
    headers = {"Content-Disposition": "attachment; filename=report.json", "Cache-Control": "no-store"}
    return Response(context.files.load(job.report_key), media_type="application/json", headers=headers)


def _page(
    db: Session,
    context: AppContext,
    user: m.User,
    job: m.Job,
    *,
    submitted: Mapping[str, Sequence[str]] | None = None,
    errors: Mapping[str, str] | None = None,
) -> Response:
    """Render the page; a verify form that was submitted with errors replaces the empty one."""
    dataset = _dataset_of(db, job)
    name = _dataset_name(dataset)
    return render_page(
        "job.html",
        user=user,
        status=422 if errors else 200,
        job=job,
        dataset_name=name,
        title=job_text.page_title(job, name),
        heading=job_text.page_heading(job, name),
        stages=job_stages.stage_steps(job),
        activity=job_stages.job_activity(job, dataset, queue_place(db, job, context.settings)),
        request_details=job_text.request_details(job),
        times=times_in_words(job),
        form_address=_form_address(job),
        has_rows=_has_rows(context, job),
        verify=_verify_form(user, job, dataset, submitted, errors or {}),
        verifications=listing.job_cards(db, jobs.verifications(db, job)),
        evidence=_evidence(context, job),
    )


def _dataset_of(session: Session, job: m.Job) -> m.Dataset | None:
    return session.get(m.Dataset, job.dataset_id) if job.dataset_id else None


def _dataset_name(dataset: m.Dataset | None) -> str:
    return dataset.name if dataset else listing.DELETED_DATASET


def _form_address(job: m.Job) -> str | None:
    """Return the address of the form that starts such a job; None if the dataset was deleted."""
    if job.dataset_id is None:
        return None
    if job.kind == m.VERIFY:
        return f"/jobs/{job.target_job_id}#verify" if job.target_job_id else f"/datasets/{job.dataset_id}"
    return f"/datasets/{job.dataset_id}#{'train' if job.kind == m.TRAIN else 'protect'}"


def _has_rows(context: AppContext, job: m.Job) -> bool:
    """Whether a verification has rows to show."""
    if job.kind != m.VERIFY:
        return False
    return job.report_key is not None or context.files.exists(checkpoint_key(job.id, "report.html"))


def _verify_form(
    user: m.User,
    job: m.Job,
    dataset: m.Dataset | None,
    submitted: Mapping[str, Sequence[str]] | None,
    errors: Mapping[str, str],
) -> VerifyForm | None:
    """Return the verify form; None if the user may not verify or there is nothing to verify."""
    if user.role != "admin" or job.kind != m.PROTECT or not job.dataset_id:
        return None
    if job.state not in m.FINAL or job.archive_key is None:
        return None
    classes = dataset.classes if dataset else ()
    return verify_form(ProtectSpec.parse(job.spec), classes, submitted=submitted, errors=errors)


def _evidence(context: AppContext, job: m.Job) -> EvidenceView | None:
    """Return the evidence of a protection; None if there is no report that can be read."""
    if job.state != m.SUCCEEDED or job.report_key is None or job.kind == m.VERIFY:
        return None
    try:
        return evidence_view(ProtectionReport.from_json(context.files.load(job.report_key)))
    except (StoreError, FileNotFoundError):
        return None
