"""Datasets and jobs as pages list them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.pages.job_stages import stage_activity
from api.pages.job_summary import request_summary
from api.pages.job_text import job_title
from store import models as m

DELETED_DATASET = "a deleted dataset"
_MAX_JOBS = 50


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small version of an image.

    Attributes:
        src: The address of the thumbnail.
        path: The path of the image in the upload.
        class_name: The folder of the image.
        page: The address of the page that shows the image; None if an earlier release made the thumbnail.
    """

    src: str
    path: str
    class_name: str
    page: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetCard:
    """A dataset in a list, with its thumbnails."""

    dataset: m.Dataset
    thumbnails: Sequence[Thumbnail]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCard:
    """A job in a list.

    Attributes:
        job: The job.
        title: What the job does, such as 'Protect pets'.
        summary: What the job was asked to do, in one line.
        activity: What the job does now, if it runs.
    """

    job: m.Job
    title: str
    summary: str
    activity: str


def thumbnails_of(dataset: m.Dataset) -> list[Thumbnail]:
    """List the thumbnails of a dataset."""
    found = []
    for n, thumb in enumerate(dataset.thumbs):
        path, number = PurePosixPath(thumb.get("path", "")), thumb.get("number")
        page = None if number is None else f"/datasets/{dataset.id}/images/{number}"
        found.append(Thumbnail(f"/v1/datasets/{dataset.id}/thumbnails/{n}", str(path), path.parent.name, page))
    return found


def job_cards(session: Session, jobs: Sequence[m.Job]) -> list[JobCard]:
    """Make a card of each job.

    Args:
        session: Reads the names of the datasets.
        jobs: The jobs, in the order of the list.
    """
    ids = {job.dataset_id for job in jobs if job.dataset_id}
    names = {d.id: d.name for d in session.scalars(select(m.Dataset).where(m.Dataset.id.in_(ids)))} if ids else {}
    return [
        JobCard(
            job=job,
            title=job_title(job, names.get(job.dataset_id or "", DELETED_DATASET)),
            summary=request_summary(job),
            activity=stage_activity(job),
        )
        for job in jobs
    ]


def newest_datasets(session: Session, user: m.User, *, limit: int) -> list[m.Dataset]:
    """List the newest datasets of a user.

    Args:
        session: Reads the datasets.
        user: Their owner.
        limit: The largest number of datasets.
    """
    query = select(m.Dataset).where(m.Dataset.owner_id == user.id).order_by(m.Dataset.created_at.desc())
    return list(session.scalars(query.limit(limit)))


def newest_jobs(session: Session, user: m.User, *, limit: int) -> list[m.Job]:
    """List the newest jobs of a user, without the internal ones.

    Args:
        session: Reads the jobs.
        user: Their owner.
        limit: The largest number of jobs.
    """
    query = (
        select(m.Job).where(m.Job.owner_id == user.id, m.Job.kind.not_in(m.INTERNAL)).order_by(m.Job.created_at.desc())
    )
    return list(session.scalars(query.limit(limit)))


def jobs_of_dataset(session: Session, dataset: m.Dataset) -> list[m.Job]:
    """List the newest jobs of a dataset, without its check.

    Args:
        session: Reads the jobs.
        dataset: The dataset.
    """
    conditions = (m.Job.dataset_id == dataset.id, m.Job.owner_id == dataset.owner_id, m.Job.kind.not_in(m.INTERNAL))
    return list(session.scalars(select(m.Job).where(*conditions).order_by(m.Job.created_at.desc()).limit(_MAX_JOBS)))


def check_of_dataset(session: Session, dataset: m.Dataset) -> m.Job | None:
    """Return the newest job that checks a dataset; None if there is none.

    Args:
        session: Reads the job.
        dataset: The dataset.
    """
    conditions = (m.Job.dataset_id == dataset.id, m.Job.kind == m.CHECK)
    return session.scalar(select(m.Job).where(*conditions).order_by(m.Job.created_at.desc()).limit(1))
