"""Fetching a job's upload from the object store."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.errors import BadInput
from core.limits import Limits
from store import models as m
from store.settings import Settings
from worker.running_job import RunningJob


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalUpload:
    """An upload as a local file, and the name of its dataset."""

    path: Path
    name: str


def fetch_upload(job: RunningJob) -> LocalUpload:
    """Copy the upload of a job's dataset into the job's scratch folder.

    Raises:
        BadInput: the dataset or its file was deleted.
    """
    with job.context.database.read() as session:
        dataset = session.get(m.Dataset, job.claim.dataset_id) if job.claim.dataset_id else None
    if dataset is None or dataset.file_key is None:
        raise BadInput("The dataset was deleted.")
    return LocalUpload(path=fetch_file(job, dataset, name="upload"), name=dataset.name)


def fetch_file(job: RunningJob, dataset: m.Dataset, *, name: str) -> Path:
    """Copy the uploaded file of a dataset into the job's scratch folder.

    Args:
        job: the job that reads it.
        dataset: the dataset, whose `file_key` is set.
        name: of the copy, without the extension.

    Raises:
        BadInput: the file was deleted.
    """
    assert dataset.file_key is not None, "the caller checks it"
    path = job.scratch / f"{name}{''.join(PurePosixPath(dataset.filename).suffixes[-2:])[:20]}"
    try:
        job.context.files.fetch(dataset.file_key, path)
    except FileNotFoundError:
        raise BadInput("The uploaded file is no longer stored: upload it again.") from None
    return path


def upload_limits(settings: Settings) -> Limits:
    """Return the limits of uploads that the settings define."""
    return Limits(
        bytes=settings.max_unpacked_bytes,
        files=settings.max_files,
        file_bytes=settings.max_file_bytes,
        pixels=settings.max_pixels,
        decoder_bytes=settings.decoder_bytes,
        decoders=settings.decoders,
        sandbox_level=settings.sandbox_level,
    )
