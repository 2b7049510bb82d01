"""Asking for a job: what REST and the pages share. What can be asked of whom is checked here, and nowhere else."""

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import Request
from sqlalchemy.orm import Session

from api.auth import own_dataset, own_job
from api.context import AppContext, ring_after_commit
from api.problems import Problem, field_problem
from core.errors import FieldError, SpecError
from core.specs.protect import ProtectSpec
from core.specs.protected_class import check_archive, check_known
from core.specs.train import TrainSpec
from core.specs.verify import VerifySpec
from store import generators, jobs
from store import models as m

log = structlog.get_logger(__name__)


def check_kind(kind: str, user: m.User) -> None:
    """Raises Problem 403 where this kind of job is not for this user."""
    if kind != m.PROTECT and user.role != "admin":
        raise Problem(403, f"Only admins may ask for {kind} jobs.", kind="admins-only")


def protect(
    session: Session, context: AppContext, request: Request, dataset: m.Dataset, asked: Mapping[str, Any]
) -> m.Job:
    """A protection of a dataset. Raises SpecError; Problem 409 for a dataset that was rejected."""
    spec = generators.parse_spec(session, asked)
    generators.check_fit(session, spec, dataset)
    return _queued(session, context, request, m.PROTECT, dataset, spec.to_dict())


def train(
    session: Session, context: AppContext, request: Request, dataset: m.Dataset, asked: Mapping[str, Any]
) -> m.Job:
    """The training of a generator on a dataset. Raises as `protect`."""
    return _queued(session, context, request, m.TRAIN, dataset, TrainSpec.parse(asked).to_dict())


def verify_dataset(
    session: Session, context: AppContext, request: Request, dataset: m.Dataset, asked: Mapping[str, Any]
) -> m.Job:
    """What models learn from a dataset as it is. Raises as `protect`."""
    spec = VerifySpec.parse(asked)
    check_archive(spec, None)
    if spec.percentages != (100,):
        raise SpecError([FieldError("percentages", "must be left out: nothing in a dataset alone is protected")])
    return _queued(session, context, request, m.VERIFY, dataset, spec.to_dict())


def verify_job(
    session: Session, context: AppContext, request: Request, user: m.User, target_id: str, asked: Mapping[str, Any]
) -> m.Job:
    """What models learn from a protection. Raises SpecError; Problem 404, 409 or 422 for a target that has none."""
    target = own_job(target_id, user, session)
    session.refresh(target, with_for_update=True)  # so that it is not deleted meanwhile
    if target.kind != m.PROTECT:
        raise field_problem("target_job_id", f"must be a protect job, and this is a {target.kind} job")
    protection = ProtectSpec.parse(target.spec)
    spec = VerifySpec.parse(asked, radius_a=protection.adversarial_radius)
    check_archive(spec, protection.percentage)
    if protection.percentage < 100 and spec.percentages != (100,):
        share = f"only {protection.percentage} % of this archive are protected, and it is tried as it is"
        raise SpecError([FieldError("percentages", f"must be left out: {share}")])
    if target.state != m.SUCCEEDED or target.archive_key is None:
        raise Problem(409, f"There is no archive to verify: the job’s state is {target.state}.", kind="not-succeeded")
    if target.dataset_id is None:
        raise Problem(409, "The dataset of this job was deleted, and its originals with it.", kind="dataset-deleted")
    dataset = own_dataset(target.dataset_id, user, session)
    if dataset.classes:
        check_known(spec, [one["name"] for one in dataset.classes])
    return _queued(session, context, request, m.VERIFY, dataset, spec.to_dict(), target_job_id=target.id)


def _queued(
    session: Session,
    context: AppContext,
    request: Request,
    kind: str,
    dataset: m.Dataset,
    spec: dict[str, Any],
    *,
    target_job_id: str | None = None,
) -> m.Job:
    if dataset.state == m.REJECTED:
        raise Problem(409, f"This dataset was rejected: {dataset.error}", kind="dataset-rejected")
    job = jobs.create(
        session,
        owner_id=dataset.owner_id,
        kind=kind,
        dataset_id=dataset.id,
        target_job_id=target_job_id,
        spec=spec,
        request_id=request.state.request_id,
    )
    if dataset.state == m.READY:
        ring_after_commit(session, context, job)
    log.info("job.asked", job=job.id, kind=kind, dataset=dataset.id)
    return job
