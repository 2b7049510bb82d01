"""Rows of datasets: checking -> ready | rejected, and deleted once they expire.

`session` is the caller's transaction in every function: nothing here commits.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.errors import FieldError, SpecError
from core.specs.small_images import MAX_SMALL_EDGE
from store import jobs, leases
from store import models as m
from store.clock import now
from store.object_keys import upload_key


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredUpload:
    """An upload whose file lies in the object store at `upload_key(dataset_id)`."""

    dataset_id: str
    owner_id: str
    name: str
    filename: str
    size: int  # bytes
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetContents:
    """What the check of a dataset found in it."""

    images: int
    classes: list[dict[str, Any]]  # [{"name", "images"}]
    skipped: list[dict[str, Any]]  # [{"path", "reason"}]
    thumbs: list[dict[str, Any]]  # [{"key", "path", "number"}]
    passed_through: list[dict[str, Any]] = field(default_factory=list)  # [{"path", "kind"}], no images
    renamed: list[dict[str, Any]] = field(default_factory=list)  # [{"path", "was", "reason"}]
    layout: dict[str, Any] = field(default_factory=dict)
    """How the images were sorted into classes: {"kind", "reason", "notes", "problems": [{"path", "line", "problem"}],
    "choices": [{"layout", "classes", "problem"}], "questions": [{"question", "folders", "images", "understood",
    "options"}]}; empty for a dataset that an older release has checked."""
    shorter_edge: float | None = None
    """The median of the images' shorter edges, in pixels."""


def create_with_check(session: Session, upload: StoredUpload, *, ttl_days: int) -> tuple[m.Dataset, m.Job]:
    """Insert a dataset and the job that checks it. Commit, then enqueue the job.

    Args:
        session: the caller's transaction.
        upload: the stored file and what the user said about it.
        ttl_days: days until the dataset expires; 0 for never.
    """
    ttl = timedelta(days=ttl_days)
    dataset = m.Dataset(
        id=upload.dataset_id,
        owner_id=upload.owner_id,
        name=upload.name,
        filename=upload.filename,
        bytes=upload.size,
        state=m.CHECKING,
        file_key=upload_key(upload.dataset_id),
        expires_at=now(session) + ttl if ttl else None,
    )
    session.add(dataset)
    session.flush()
    new = jobs.NewJob(owner_id=upload.owner_id, kind=m.CHECK, dataset_id=dataset.id, request_id=upload.request_id)
    job = jobs.create(session, new)
    return dataset, job


def archive_filename(dataset: m.Dataset | None) -> str:
    """Return the name under which the protected archive of a dataset is saved; None for a dataset that was deleted."""
    name = (dataset.name if dataset else "dataset").replace("/", "_").replace("\\", "_")
    return f"{name}-protected.zip"


def classes_by(dataset: m.Dataset, layout: str) -> int:
    """Return the number of classes that a checked dataset has by a layout.

    Args:
        dataset: a dataset that is ready.
        layout: one of `core.specs.protect.LAYOUTS`.

    Raises:
        SpecError: the layout does not fit the dataset.
    """
    choices = {choice["layout"]: choice for choice in dataset.layout.get("choices", ())}
    if layout not in choices or layout == dataset.layout["kind"]:
        return len(dataset.classes)
    if problem := choices[layout]["problem"]:
        fitting = " or ".join(name for name, choice in choices.items() if not choice["problem"])
        raise SpecError([FieldError("layout", f"does not fit this dataset: {problem} Choose auto or {fitting}")])
    return int(choices[layout]["classes"])


def count_classes(dataset: m.Dataset) -> int:
    """Return the number of classes with images, as the dataset's own layout has them; 0 before it is checked."""
    return len(dataset.classes)


def are_small(dataset: m.Dataset) -> bool:
    """Return whether the images are too small for a target of visibility; False where their sizes are not known."""
    return dataset.shorter_edge is not None and dataset.shorter_edge <= MAX_SMALL_EDGE


def mark_ready(session: Session, claim: leases.Claim, contents: DatasetContents) -> bool:
    """End a check job with success, so that the jobs which wait for the dataset may run.

    Args:
        session: the caller's transaction.
        claim: the claim of the check job.
        contents: what the check found.

    Returns:
        False, with nothing changed, where the claim is lost.
    """
    if not leases.succeed(session, claim):
        return False
    _finish_check(session, claim, {"state": m.READY, "error": None, **asdict(contents)})
    return True


def mark_rejected(session: Session, claim: leases.Claim, reason: str, skipped: Sequence[dict[str, Any]] = ()) -> bool:
    """End a check job whose upload cannot be used. Recovery fails the jobs that wait for the dataset.

    Args:
        session: the caller's transaction.
        claim: the claim of the check job.
        reason: what the user reads.
        skipped: the files that were skipped, as `{"path", "reason"}`.

    Returns:
        False, with nothing changed, where the claim is lost.
    """
    if not leases.fail(session, claim, reason):
        return False
    _finish_check(session, claim, {"state": m.REJECTED, "error": reason, "skipped": list(skipped)})
    return True


def _finish_check(session: Session, claim: leases.Claim, values: dict[str, Any]) -> None:
    condition = (m.Dataset.id == claim.dataset_id, m.Dataset.state == m.CHECKING)
    session.execute(update(m.Dataset).where(*condition).values(values).execution_options(synchronize_session=False))


def waiting_jobs(session: Session, dataset_id: str) -> list[m.Job]:
    """Return the queued jobs of this dataset other than its check, oldest first."""
    condition = (m.Job.dataset_id == dataset_id, m.Job.kind.not_in(m.INTERNAL), m.Job.state == m.QUEUED)
    return list(session.scalars(select(m.Job).where(*condition).order_by(m.Job.created_at)))


def delete(session: Session, dataset_id: str) -> bool:
    """Delete a dataset's row, and cancel its internal jobs. The caller deletes the files after the commit.

    Returns:
        False, with nothing changed, while another job of the dataset is queued or running.
    """
    open_jobs = select(m.Job.id).where(m.Job.dataset_id == dataset_id, m.Job.state.in_(jobs.OPEN))
    if session.scalar(open_jobs.where(m.Job.kind.not_in(m.INTERNAL)).limit(1)) is not None:
        return False
    for job_id in session.scalars(open_jobs).all():
        jobs.request_cancel(session, job_id)
    dataset = session.get(m.Dataset, dataset_id)
    if dataset is not None:
        session.delete(dataset)
    return True


def expired_ids(session: Session) -> list[str]:
    """Return the ids of the datasets that have expired."""
    return list(session.scalars(select(m.Dataset.id).where(m.Dataset.expires_at < now(session))))
