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
    path = job.scratch / f"upload{''.join(PurePosixPath(dataset.filename).suffixes[-2:])[:20]}"
    try:
        job.context.files.fetch(dataset.file_key, path)
    except FileNotFoundError:
        raise BadInput("The uploaded file is no longer stored: upload it again.") from None
    return LocalUpload(path=path, name=dataset.name)


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
