"""Trials: a few images of a dataset protected at each strength, to look at before a protection is requested.

A trial is an internal job. Its files lie under the prefix of its dataset, so they are deleted with it. A dataset has
one trial: the newest. `session` is the caller's transaction in every function: nothing here commits.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session, aliased

from store import jobs
from store import models as m
from store.clock import now
from store.image_index import StoredBytes
from store.object_keys import dataset_prefix
from store.object_store import ObjectStore

TRIAL_TTL = timedelta(hours=24)
MAX_TRIAL_IMAGES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialVariant:
    """One image of a trial at one strength.

    Attributes:
        strength: A value of the spec key `visibility`.
        location: Where the file lies in the object of the trial's files.
        flip: FLIP of the file against the original, from 0 to 1.
        ssimulacra2: SSIMULACRA2 of the file against the original; None for a small image.
    """

    strength: str
    location: StoredBytes
    flip: float
    ssimulacra2: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialImage:
    """One image of a trial.

    Attributes:
        number: Its number in the dataset, from 0.
        path: Its path in the upload.
        width: In pixels.
        height: In pixels.
        original: Where its original lies in the object of the trial's files, in a form that browsers can show.
        variants: The image at each strength.
    """

    number: int
    path: str
    width: int
    height: int
    original: StoredBytes
    variants: tuple[TrialVariant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """What a trial made, or has made so far, and the seconds that it took."""

    images: tuple[TrialImage, ...]
    seconds: float


def trial_prefix(dataset_id: str, job_id: str) -> str:
    """Return the prefix of the files of a trial.

    Args:
        dataset_id: the dataset.
        job_id: the job of the trial.
    """
    return f"{dataset_prefix(dataset_id)}/trials/{job_id}"


def files_key(dataset_id: str, job_id: str) -> str:
    """Return the key of the object that holds all images of a trial.

    Args:
        dataset_id: the dataset.
        job_id: the job of the trial.
    """
    return f"{trial_prefix(dataset_id, job_id)}/images"


def result_key(dataset_id: str, job_id: str) -> str:
    """Return the key of what a trial made; while it runs, of what it has made so far.

    Args:
        dataset_id: the dataset.
        job_id: the job of the trial.
    """
    return f"{trial_prefix(dataset_id, job_id)}/trial.json"


def newest_trial(session: Session, dataset_id: str) -> m.Job | None:
    """Return the job of a dataset's newest trial; None where there is none."""
    trials = select(m.Job).where(m.Job.dataset_id == dataset_id, m.Job.kind == m.TRIAL)
    return session.scalar(trials.order_by(m.Job.created_at.desc(), m.Job.id).limit(1))


def request_trial(session: Session, dataset: m.Dataset, numbers: Sequence[int], *, request_id: str | None) -> m.Job:
    """Return the trial of these images: the newest one if it is of the same images and did not fail, or a new one.

    A trial of other images that waits or runs is canceled.

    Args:
        session: the caller's transaction. Commit, then enqueue a new job, which is one that was never enqueued.
        dataset: a dataset that is ready.
        numbers: the numbers of the images in the dataset.
        request_id: of the HTTP request, for the logs.
    """
    former = newest_trial(session, dataset.id)
    if former is not None:
        if former.spec == {"images": list(numbers)} and former.state in (m.QUEUED, m.RUNNING, m.SUCCEEDED):
            return former
        jobs.request_cancel(session, former.id)
    new = jobs.NewJob(
        owner_id=dataset.owner_id,
        kind=m.TRIAL,
        dataset_id=dataset.id,
        spec={"images": list(numbers)},
        request_id=request_id,
    )
    return jobs.create(session, new)


def expired_trials(session: Session) -> list[m.Job]:
    """Return the jobs of the trials that ended longer ago than `TRIAL_TTL`, or that a newer trial has replaced."""
    newer = aliased(m.Job)
    replaced = exists().where(
        newer.dataset_id == m.Job.dataset_id, newer.kind == m.TRIAL, newer.created_at > m.Job.created_at
    )
    ended = (m.Job.kind == m.TRIAL, m.Job.state.in_(m.FINAL))
    return list(
        session.scalars(select(m.Job).where(*ended, or_(m.Job.finished_at < now(session) - TRIAL_TTL, replaced)))
    )


def write_result(files: ObjectStore, key: str, result: TrialResult) -> None:
    """Store what a trial made.

    Args:
        files: the object store.
        key: the key of the result.
        result: what it made.
    """
    files.write(key, json.dumps(asdict(result)).encode())


def read_result(files: ObjectStore, key: str) -> TrialResult:
    """Return what a trial made. Raises FileNotFoundError where it was deleted.

    Args:
        files: the object store.
        key: the key of the result.
    """
    record = json.loads(files.load(key))
    return TrialResult(seconds=record["seconds"], images=tuple(map(_image, record["images"])))


def _image(record: dict[str, object]) -> TrialImage:
    variants = [
        TrialVariant(**one | {"location": StoredBytes(**one["location"])})
        for one in record["variants"]  # type: ignore[attr-defined]
    ]
    original = StoredBytes(**record["original"])  # type: ignore[arg-type]
    return TrialImage(**record | {"original": original, "variants": tuple(variants)})  # type: ignore[arg-type]
