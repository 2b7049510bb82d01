"""Bringing a job's upload to this machine."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.errors import BadInput
from core.limits import Limits
from store import models as m
from store.leases import Claim
from store.settings import Settings
from worker.context import WorkerContext


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalUpload:
    """An upload as a local file, and the dataset's name."""

    path: Path
    name: str


def fetch_upload(service: WorkerContext, claim: Claim, folder: Path) -> LocalUpload:
    """Copy the upload of the claim's dataset into a folder. Raises BadInput where the dataset is gone."""
    with service.database.read() as session:
        dataset = session.get(m.Dataset, claim.dataset_id) if claim.dataset_id else None
    if dataset is None or dataset.file_key is None:
        raise BadInput("The dataset was deleted.")
    path = folder / f"upload{''.join(PurePosixPath(dataset.filename).suffixes[-2:])[:20]}"
    try:
        service.files.fetch(dataset.file_key, path)
    except FileNotFoundError:
        raise BadInput("The upload is not in the store any more: upload it again.") from None
    return LocalUpload(path=path, name=dataset.name)


def limits_of(settings: Settings) -> Limits:
    """The limits of uploads, as the settings have them."""
    return Limits(
        bytes=settings.max_unpacked_bytes,
        files=settings.max_files,
        file_bytes=settings.max_file_bytes,
        pixels=settings.max_pixels,
    )
