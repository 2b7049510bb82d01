"""Requests for trials, shared by the REST interface and the pages, and what a trial shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from api.after_commit import enqueue_after_commit
from api.context import AppContext
from api.job_requests import RequestContext
from api.problems import Problem, field_problem
from store import models as m
from store import trials
from store.trials import MAX_TRIAL_IMAGES, TRIAL_TTL, TrialResult

log = structlog.get_logger(__name__)

TURNS = 7  # sets of images before the first one comes again


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The newest trial of a dataset.

    Attributes:
        job: Its job.
        result: What it made, while it runs what it has made so far; None if that is nothing.
    """

    job: m.Job
    result: TrialResult | None

    @property
    def expires_at(self) -> datetime | None:
        """When its images are deleted; None while it is not done."""
        return self.job.finished_at + TRIAL_TTL if self.job.finished_at and self.result else None


def request_trial(request: RequestContext, dataset: m.Dataset, numbers: Sequence[int] | None) -> m.Job:
    """Request a trial of a few images; the same request again returns the same trial.

    Args:
        request: The HTTP request.
        dataset: The dataset.
        numbers: The numbers of the images; None for some that are spread over the dataset.

    Returns:
        The job of the trial.

    Raises:
        Problem: 409 if the dataset is not ready; 422 for a number that it does not have.
    """
    if dataset.state != m.READY:
        raise Problem(409, f"A trial needs a dataset that is ready: this one is {dataset.state}.", kind="not-ready")
    chosen = spread_numbers(dataset.images) if numbers is None else list(numbers)
    if len(set(chosen)) < len(chosen) or not all(number < dataset.images for number in chosen):
        raise field_problem("images", f"must be different numbers from 0 to {dataset.images - 1}")
    job = trials.request_trial(request.session, dataset, chosen, request_id=request.request_id)
    if job.enqueued_at is None:
        enqueue_after_commit(request.session, request.app, job)
        log.info("trial.requested", job=job.id, dataset=dataset.id)
    return job


def find_trial(context: AppContext, job: m.Job | None) -> Trial | None:
    """Return a trial with its result; None if there is none, or its images were deleted.

    Args:
        context: The application context.
        job: The job of the trial.
    """
    if job is None:
        return None
    if job.state not in (m.RUNNING, m.SUCCEEDED):
        return Trial(job=job, result=None)
    try:
        return Trial(job=job, result=trials.read_result(context.files, trials.result_key(str(job.dataset_id), job.id)))
    except FileNotFoundError:
        return Trial(job=job, result=None) if job.state == m.RUNNING else None


def spread_numbers(images: int, turn: int = 0) -> list[int]:
    """Return the numbers of some images that are spread over a dataset.

    Args:
        images: The number of images of the dataset.
        turn: Another number gives other images.
    """
    count = min(MAX_TRIAL_IMAGES, images)
    offset = images * (1 + 2 * (turn % TURNS)) // (2 * TURNS * max(1, count))
    return sorted({(offset + images * n // count) % images for n in range(count)})
