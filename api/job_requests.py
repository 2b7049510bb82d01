"""Requests for jobs, shared by the REST interface and the pages. The checks of a job request are here only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy.orm import Session

from api import lookup
from api.after_commit import enqueue_after_commit
from api.context import AppContext
from api.problems import Problem, field_problem
from core.errors import FieldError, SpecError
from core.specs.protect import ProtectSpec
from core.specs.protected_class import check_archive, check_known
from core.specs.train import TrainSpec
from core.specs.verify import VerifySpec
from store import estimates, generators, jobs
from store import models as m
from store.reference_datasets import check_reference

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """What a function that requests a job needs to know of the HTTP request.

    Attributes:
        session: The transaction of the HTTP request; the job's row becomes visible with its commit.
        app: The application context.
        user: The user who sends the request.
        request_id: The id of the HTTP request; it goes into the job's log lines.
    """

    session: Session
    app: AppContext
    user: m.User
    request_id: str


def check_may_request(user: m.User, kind: str) -> None:
    """Raises Problem 403 if this user must not request jobs of this kind: verify and train are for admins."""
    if kind != m.PROTECT and user.role != "admin":
        raise Problem(403, f"Only admins may request {kind} jobs.", kind="admins-only")


def request_protection(request: RequestContext, dataset: m.Dataset, fields: Mapping[str, Any]) -> m.Job:
    """Queue the protection of a dataset.

    Args:
        request: The HTTP request.
        dataset: The dataset to protect. A dataset that is still checked is allowed: the job waits.
        fields: The fields of a ProtectSpec as the client sent them.

    Returns:
        The queued job.

    Raises:
        SpecError: A field is invalid, or the chosen generator does not fit the dataset.
        Problem: 409 for a dataset that was rejected.
    """
    spec = generators.parse_spec(request.session, fields)
    generators.check_compatibility(request.session, spec, dataset)
    check_reference(request.session, spec, dataset)
    return _queue(request, m.PROTECT, dataset, spec.to_dict())


def request_training(request: RequestContext, dataset: m.Dataset, fields: Mapping[str, Any]) -> m.Job:
    """Queue the training of a generator on a dataset. Raises like `request_protection`.

    Args:
        request: The HTTP request.
        dataset: The dataset to train on.
        fields: The fields of a TrainSpec as the client sent them.

    Returns:
        The queued job.
    """
    return _queue(request, m.TRAIN, dataset, TrainSpec.parse(fields).to_dict())


def request_dataset_verification(request: RequestContext, dataset: m.Dataset, fields: Mapping[str, Any]) -> m.Job:
    """Queue a measurement of what models learn from a dataset without protection. Raises like `request_protection`.

    Args:
        request: The HTTP request.
        dataset: The dataset to train the models on.
        fields: The fields of a VerifySpec as the client sent them.

    Returns:
        The queued job.
    """
    spec = VerifySpec.parse(fields)
    check_archive(spec, None)
    if spec.percentages != (100,):
        raise SpecError([FieldError("percentages", "must be left out: nothing in a dataset alone is protected")])
    return _queue(request, m.VERIFY, dataset, spec.to_dict())


def request_job_verification(request: RequestContext, target_id: str, fields: Mapping[str, Any]) -> m.Job:
    """Queue a measurement of what models learn from a protected archive.

    Args:
        request: The HTTP request.
        target_id: The id of the protect job that made the archive.
        fields: The fields of a VerifySpec as the client sent them.

    Returns:
        The queued job.

    Raises:
        SpecError: A field is invalid, or does not fit the target.
        Problem: 404 if the target does not exist, 422 if it is no protect job, 409 if it has no archive or its dataset
            was deleted.
    """
    session = request.session
    target = lookup.own_job(session, request.user, target_id)
    session.refresh(target, with_for_update=True)  # the lock keeps the target from being deleted meanwhile
    if target.kind != m.PROTECT:
        raise field_problem("target_job_id", f"must be a protect job, and this is a {target.kind} job")
    protection = ProtectSpec.parse(target.spec)
    spec = VerifySpec.parse(fields, radius_a=protection.adversarial_radius)
    check_archive(spec, protection.percentage)
    if protection.percentage < 100 and spec.percentages != (100,):
        share = f"only {protection.percentage} % of this archive is protected, and it is tested as it is"
        raise SpecError([FieldError("percentages", f"must be left out: {share}")])
    if target.state not in m.FINAL or target.archive_key is None:
        raise Problem(409, f"There is no archive to verify: the job’s state is {target.state}.", kind="not-succeeded")
    if target.dataset_id is None:
        raise Problem(409, "The dataset of this job was deleted, with its original images.", kind="dataset-deleted")
    dataset = lookup.own_dataset(session, request.user, target.dataset_id)
    if dataset.classes:
        check_known(spec, [class_["name"] for class_ in dataset.classes])
    return _queue(request, m.VERIFY, dataset, spec.to_dict(), target_job_id=target.id)


def _queue(
    request: RequestContext,
    kind: str,
    dataset: m.Dataset,
    spec: dict[str, Any],
    *,
    target_job_id: str | None = None,
) -> m.Job:
    if dataset.state == m.REJECTED:
        raise Problem(409, f"This dataset was rejected: {dataset.error}", kind="dataset-rejected")
    new = jobs.NewJob(
        owner_id=dataset.owner_id,
        kind=kind,
        dataset_id=dataset.id,
        target_job_id=target_job_id,
        spec=spec,
        request_id=request.request_id,
        keep_days=None if kind == m.TRAIN else request.app.settings.result_ttl_days or None,
    )
    job = jobs.create(request.session, new)
    estimates.plan_job(request.session, job, dataset, short_seconds=request.app.settings.short_seconds)
    if dataset.state == m.READY:
        enqueue_after_commit(request.session, request.app, job)
    log.info("job.requested", job=job.id, kind=kind, dataset=dataset.id)
    return job
