"""/v1/jobs: request a job, follow its progress, cancel it, delete it."""

import structlog
from fastapi import APIRouter, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from api import idempotency, job_requests, lookup
from api.after_commit import after_commit
from api.deletion import delete_with_files
from api.dependencies import Context, CurrentRequest, CurrentUser, Db, IdempotencyKeyHeader, JobId, OwnJob, Pagination
from api.idempotency import StoredResponse
from api.job_requests import RequestContext
from api.openapi import LOCATION, problem_responses, response_headers
from api.problems import Problem, field_problem, spec_errors
from api.schemas import Page
from api.schemas_job import JobIn, JobOut
from core.errors import SpecError
from store import job_events, jobs
from store import models as m
from store.object_keys import job_prefix
from store.queue_places import queue_place, queue_places
from store.workforce import read_workforce

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
log = structlog.get_logger(__name__)

_REQUEST_FOR_DATASET = {
    m.PROTECT: job_requests.request_protection,
    m.TRAIN: job_requests.request_training,
    m.VERIFY: job_requests.request_dataset_verification,
}


@router.post(
    "",
    summary="Request a job",
    status_code=202,
    response_model=JobOut,
    responses=response_headers(202, LOCATION)
    | problem_responses(
        {
            403: "Only admins may request jobs of this kind.",
            404: "The dataset or the target job does not exist, or it belongs to another user.",
            409: "The dataset was rejected, the target job has no archive, or the first request with this "
            "Idempotency-Key is still in progress.",
            422: "A field is invalid; `errors` names it. Or the Idempotency-Key belongs to another request.",
        }
    ),
)
def create_job(requested: JobIn, request: CurrentRequest, key: IdempotencyKeyHeader = None) -> Response:
    """Request the protection of a dataset. Admins can also request the training of a generator, or a verification.

    A dataset that is still being checked is allowed: the job waits for it.
    """
    job_requests.check_may_request(request.user, requested.kind)
    try:
        fingerprint = idempotency.fingerprint("POST /v1/jobs", requested.model_dump(mode="json"))
    except ValueError:
        raise field_problem("spec", "is nested too deeply") from None
    session, owner_id = request.session, request.user.id
    stored = None if key is None else idempotency.reserve(session, owner_id=owner_id, key=key)
    if stored is not None:
        return idempotency.require_same_request(stored, fingerprint).to_response(replayed=True)
    job = _request_job(request, requested)
    body = JobOut.of(job, queue_place(session, job, request.app.settings)).model_dump(mode="json")
    response = StoredResponse(fingerprint=fingerprint, status=202, location=f"/v1/jobs/{job.id}", body=body)
    if key is not None:
        idempotency.store_response(session, owner_id=owner_id, key=key, response=response)
    return response.to_response()


def _request_job(request: RequestContext, requested: JobIn) -> m.Job:
    target_id = _target_of(requested)
    try:
        if target_id is not None:
            return job_requests.request_job_verification(request, target_id, requested.spec)
        dataset = lookup.own_dataset(request.session, request.user, requested.dataset_id or "")
        return _REQUEST_FOR_DATASET[requested.kind](request, dataset, requested.spec)
    except SpecError as error:
        raise spec_errors(error, "spec") from None


def _target_of(requested: JobIn) -> str | None:
    """The id of the job to verify, or None for a dataset. Raises Problem 422 unless exactly one of both is named."""
    if requested.target_job_id is not None and requested.kind != m.VERIFY:
        raise field_problem("target_job_id", "is for verify jobs only")
    if requested.target_job_id is not None and requested.dataset_id is not None:
        raise field_problem("target_job_id", "must come without dataset_id: the target has a dataset")
    if requested.target_job_id is None and requested.dataset_id is None:
        raise field_problem("target_job_id" if requested.kind == m.VERIFY else "dataset_id", "Field required")
    return requested.target_job_id


@router.get("", summary="List jobs")
def list_jobs(user: CurrentUser, db: Db, context: Context, page: Pagination) -> Page[JobOut]:
    """Your jobs, newest first."""
    query = select(m.Job).where(m.Job.owner_id == user.id, m.Job.kind.not_in(m.INTERNAL))
    rows, cursor = page.select(db, query, m.Job)
    waits = any(row.state == m.QUEUED for row in rows)
    places = queue_places(db, read_workforce(db, context.settings)) if waits else {}
    return Page(items=[JobOut.of(row, places.get(row.id)) for row in rows], next=cursor)


@router.get("/{job_id}", summary="Get a job")
def get_job(job: OwnJob, db: Db, context: Context) -> JobOut:
    """One job, with its state and progress, and its place in the queue while it waits."""
    return JobOut.of(job, queue_place(db, job, context.settings))


@router.post(
    "/{job_id}/cancel",
    summary="Cancel a job",
    status_code=202,
    responses=problem_responses({409: "The job is over already."}),
)
def cancel_job(job: OwnJob, db: Db, context: Context) -> JobOut:
    """Cancel a job. A queued job is canceled at once, a running job within seconds."""
    if not jobs.request_cancel(db, job.id):
        raise Problem(409, f"This job is over: it {_ended(job.state)}.", kind="job-over")
    db.refresh(job)
    job_id = job.id
    after_commit(db, lambda: job_events.publish(context.settings, job_id))
    log.info("job.cancel_requested", job=job_id)
    return JobOut.of(job)


def _ended(state: str) -> str:
    return "was canceled" if state == m.CANCELED else state


@router.delete(
    "/{job_id}",
    summary="Delete a job",
    status_code=204,
    responses=problem_responses({409: "The job, or a verification of it, is queued or running."}),
)
def delete_job(job_id: JobId, user: CurrentUser, context: Context) -> Response:
    """Delete a job that is over, with its archive and report, permanently."""

    def delete_rows(session: Session) -> None:
        job = lookup.own_job(session, user, job_id)
        session.refresh(job, with_for_update=True)
        if job.state in jobs.OPEN:
            raise Problem(409, "This job is queued or running; cancel it first.", kind="in-use")
        if jobs.is_being_verified(session, job.id):
            raise Problem(409, "A verification of this job is queued or running; cancel it first.", kind="in-use")
        jobs.delete(session, job)

    delete_with_files(context, delete_rows, job_prefix(job_id))
    log.info("job.deleted", job=job_id)
    return Response(status_code=204)
