"""/v1/jobs: ask for work, see how far it is, stop it, delete it."""

from typing import Any

import structlog
from fastapi import APIRouter, Response
from sqlalchemy import select

from api import idempotency, job_requests, lookup
from api.after_commit import after_commit, delete_after_commit
from api.dependencies import Context, CurrentRequest, CurrentUser, Db, IdempotencyKey, OwnJob, Pagination
from api.idempotency import StoredResponse
from api.job_requests import RequestContext
from api.problems import Problem, field_problem, spec_errors
from api.schemas import JobIn, JobOut, Page
from core.errors import SpecError
from store import job_events, jobs
from store import models as m
from store.object_keys import job_prefix

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
log = structlog.get_logger(__name__)

_ACCEPTED: dict[int | str, dict[str, Any]] = {202: {"headers": {"Location": {"schema": {"type": "string"}}}}}


@router.post("", status_code=202, response_model=JobOut, responses=_ACCEPTED)
def create(requested: JobIn, request: CurrentRequest, key: IdempotencyKey = None) -> Response:
    """Ask for a protection, or as an admin for the training of a generator, or for a verification.

    A dataset that is still being checked is fine: the job waits for it.
    """
    job_requests.check_may_request(request.user, requested.kind)
    try:
        sent = idempotency.fingerprint("POST /v1/jobs", requested.model_dump(mode="json"))
    except ValueError:
        raise field_problem("spec", "is nested too deeply") from None
    known = None if key is None else idempotency.take(request.session, owner_id=request.user.id, key=key)
    if known is not None:
        return idempotency.same(known, sent).response(replayed="true")
    job = _request_job(request, requested)
    body = JobOut.of(job).model_dump(mode="json")
    answer = StoredResponse(request=sent, status=202, location=f"/v1/jobs/{job.id}", body=body)
    if key is not None:
        idempotency.settle(request.session, owner_id=request.user.id, key=key, answer=answer)
    return answer.response()


_REQUEST_FOR_DATASET = {
    m.PROTECT: job_requests.request_protection,
    m.TRAIN: job_requests.request_training,
    m.VERIFY: job_requests.request_dataset_verification,
}


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
        verify = requested.kind == m.VERIFY
        raise field_problem("target_job_id" if verify else "dataset_id", "Field required")
    return requested.target_job_id


@router.get("")
def index(user: CurrentUser, db: Db, page: Pagination) -> Page[JobOut]:
    """One's jobs, newest first."""
    mine = select(m.Job).where(m.Job.owner_id == user.id, m.Job.kind != m.CHECK)
    rows, cursor = page.cut(db, mine, m.Job)
    return Page(items=[JobOut.of(row) for row in rows], next=cursor)


@router.get("/{job_id}")
def show(job: OwnJob) -> JobOut:
    """One job, and how far it is."""
    return JobOut.of(job)


@router.post("/{job_id}/cancel", status_code=202)
def cancel(job: OwnJob, db: Db, context: Context) -> JobOut:
    """Stop a job: at once where it waits, within seconds where it runs. 409 where it is over already."""
    if not jobs.request_cancel(db, job.id):
        raise Problem(409, f"This job is over: it {_ended(job.state)}.", kind="job-over")
    db.refresh(job)
    job_id = job.id
    after_commit(db, lambda: job_events.publish(context.settings, job_id))
    log.info("job.cancel_requested", job=job_id)
    return JobOut.of(job)


def _ended(state: str) -> str:
    return "was canceled" if state == m.CANCELED else state


@router.delete("/{job_id}", status_code=204)
def delete(job: OwnJob, db: Db, context: Context) -> Response:
    """Delete a job that is over, with its archive and report, for good. 409 while it waits or runs, or is verified."""
    db.refresh(job, with_for_update=True)
    if job.state in jobs.OPEN:
        raise Problem(409, "This job waits or runs; cancel it first.", kind="in-use")
    if jobs.is_being_verified(db, job.id):
        raise Problem(409, "A verification of this job waits or runs; cancel that first.", kind="in-use")
    job_id = job.id
    jobs.delete(db, job)
    delete_after_commit(db, context, job_prefix(job_id))
    log.info("job.deleted", job=job_id)
    return Response(status_code=204)
