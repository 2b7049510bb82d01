"""A dataset's life: uploading -> checking -> ready | rejected, and away when its time is over. Never commits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from store import jobs
from store import models as m
from store.clock import now
from store.object_keys import dataset_prefix
from store.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the check of a dataset found."""

    images: int
    classes: list[dict[str, Any]]  # [{"name", "images"}]
    skipped: list[dict[str, Any]]  # [{"path", "reason"}]
    thumbs: list[dict[str, Any]]  # [{"key", "path"}]


def upload_key(dataset_id: str) -> str:
    """Where the store keeps the upload of a dataset."""
    return f"{dataset_prefix(dataset_id)}/upload"


def arrived(
    session: Session,
    *,
    dataset_id: str,
    owner_id: str,
    name: str,
    filename: str,
    size: int,
    settings: Settings,
    request_id: str | None = None,
) -> tuple[m.Dataset, m.Job]:
    """A dataset whose upload (of `size` bytes) lies at `upload_key`, and the job that checks it. Commit, then ring."""
    ttl = timedelta(days=settings.dataset_ttl_days)
    dataset = m.Dataset(
        id=dataset_id,
        owner_id=owner_id,
        name=name,
        filename=filename,
        bytes=size,
        state=m.CHECKING,
        file_key=upload_key(dataset_id),
        expires_at=now(session) + ttl if ttl else None,
    )
    session.add(dataset)
    session.flush()
    job = jobs.create(session, owner_id=owner_id, kind=m.CHECK, dataset_id=dataset_id, request_id=request_id)
    return dataset, job


def accept(session: Session, claim: jobs.Claim, findings: Findings) -> bool:
    """The check went well: the dataset is ready, and jobs that wait for it may run. False where the claim is lost."""
    if not jobs.succeed(session, claim):
        return False
    values = {
        "state": m.READY,
        "images": findings.images,
        "classes": findings.classes,
        "skipped": findings.skipped,
        "thumbs": findings.thumbs,
        "error": None,
    }
    _judge(session, claim, values)
    return True


def reject(session: Session, claim: jobs.Claim, reason: str, skipped: Sequence[dict[str, Any]] = ()) -> bool:
    """The upload cannot be used: it and every job that waits for it get the reason. False where the claim is lost."""
    if not jobs.fail(session, claim, reason):
        return False
    _judge(session, claim, {"state": m.REJECTED, "error": reason, "skipped": list(skipped)})
    return True


def _judge(session: Session, claim: jobs.Claim, values: dict[str, Any]) -> None:
    here = (m.Dataset.id == claim.dataset_id, m.Dataset.state == m.CHECKING)
    session.execute(update(m.Dataset).where(*here).values(values).execution_options(synchronize_session=False))


def waiting_jobs(session: Session, dataset_id: str) -> list[m.Job]:
    """Jobs that wait for this dataset to be checked, oldest first."""
    mine = (m.Job.dataset_id == dataset_id, m.Job.kind != m.CHECK, m.Job.state == m.QUEUED)
    return list(session.scalars(select(m.Job).where(*mine).order_by(m.Job.created_at)))


def remove(session: Session, dataset_id: str) -> bool:
    """Delete the row, and cancel the check that may still run; its files are the caller's to delete after the commit.

    False, and nothing is changed, while a protect job of it waits or runs.
    """
    busy = select(m.Job.id).where(m.Job.dataset_id == dataset_id, m.Job.state.in_(jobs.OPEN))
    if session.scalar(busy.where(m.Job.kind != m.CHECK).limit(1)) is not None:
        return False
    for job_id in session.scalars(busy).all():
        jobs.request_cancel(session, job_id)
    dataset = session.get(m.Dataset, dataset_id)
    if dataset is not None:
        session.delete(dataset)
    return True


def expired(session: Session) -> list[str]:
    """Ids of datasets whose time is over."""
    return list(session.scalars(select(m.Dataset.id).where(m.Dataset.expires_at < now(session))))
