"""/v1/jobs: ask for work, see how far it is, stop it, delete it."""

from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from api import idempotency, job_requests
from api.auth import CurrentUser, OwnJob, own_dataset
from api.context import AppContext, Context, Db, after_commit, delete_after_commit
from api.idempotency import StoredResponse
from api.pagination import Part
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
def create(
    wanted: JobIn, request: Request, user: CurrentUser, db: Db, context: Context, key: idempotency.Key = None
) -> Response:
    """Ask for a protection, or as an admin for the training of a generator, or for a verification.

    A dataset that is still being checked is fine: the job waits for it.
    """
    job_requests.check_kind(wanted.kind, user)
    try:
        sent = idempotency.fingerprint("POST /v1/jobs", wanted.model_dump(mode="json"))
    except ValueError:
        raise field_problem("spec", "is nested too deeply") from None
    known = None if key is None else idempotency.take(db, owner_id=user.id, key=key)
    if known is not None:
        return idempotency.same(known, sent).response(replayed="true")
    job = _asked(wanted, request, user, db, context)
    body = JobOut.of(job).model_dump(mode="json")
    answer = StoredResponse(request=sent, status=202, location=f"/v1/jobs/{job.id}", body=body)
    if key is not None:
        idempotency.settle(db, owner_id=user.id, key=key, answer=answer)
    return answer.response()


def _asked(wanted: JobIn, request: Request, user: m.User, db: Session, context: AppContext) -> m.Job:
    """The job, where it can be done at all. Raises Problem."""
    target = _target_of(wanted)
    try:
        if target is not None:
            return job_requests.verify_job(db, context, request, user, target, wanted.spec)
        ask = {m.PROTECT: job_requests.protect, m.TRAIN: job_requests.train, m.VERIFY: job_requests.verify_dataset}[
            wanted.kind
        ]
        return ask(db, context, request, own_dataset(wanted.dataset_id or "", user, db), wanted.spec)
    except SpecError as error:
        raise spec_errors(error, "spec") from None


def _target_of(wanted: JobIn) -> str | None:
    """The job that is to be verified, or None where it is a dataset. Raises Problem 422 for both, and for neither."""
    if wanted.target_job_id is not None and wanted.kind != m.VERIFY:
        raise field_problem("target_job_id", "is for verify jobs only")
    if wanted.target_job_id is not None and wanted.dataset_id is not None:
        raise field_problem("target_job_id", "must come without dataset_id: the target has a dataset")
    if wanted.target_job_id is None and wanted.dataset_id is None:
        verify = wanted.kind == m.VERIFY
        raise field_problem("target_job_id" if verify else "dataset_id", "Field required")
    return wanted.target_job_id


@router.get("")
def index(user: CurrentUser, db: Db, part: Part) -> Page[JobOut]:
    """One's jobs, newest first."""
    mine = select(m.Job).where(m.Job.owner_id == user.id, m.Job.kind != m.CHECK)
    rows, cursor = part.cut(db, mine, m.Job)
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
    log.info("job.cancel_asked", job=job_id)
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
