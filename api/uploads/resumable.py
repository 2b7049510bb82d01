"""Resumable uploads: their rows, their growing files, and the dataset that each becomes when it is whole."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import anyio.to_thread
import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session
from starlette.requests import ClientDisconnect

from api.context import AppContext
from api.problems import Problem, not_found
from api.schemas import DatasetOut
from api.uploads import ingest, tus
from api.uploads.ingest import ReceivedUpload
from api.uploads.multipart import too_large
from api.uploads.streaming import disk_errors, stream_to_disk
from store import models as m
from store.clock import now, utc_now

log = structlog.get_logger(__name__)

STILL = 3600  # seconds without a byte after which nobody is sending an upload, or taking it in


def part(context: AppContext, upload_id: str) -> Path:
    """Where an upload grows."""
    return context.upload_dir / f"{upload_id}.part"


def begin(context: AppContext, *, owner_id: str, length: int, metadata: dict[str, str]) -> m.Upload:
    """A new upload, with nothing of it here yet. Raises Problem 413 or 422."""
    if length > context.settings.max_upload_bytes:
        raise too_large(context.settings.max_upload_bytes)
    filename = ingest.checked_filename(metadata.get("filename", ""))
    name = ingest.checked_name(metadata.get("name"), filename)
    with context.db.write.begin() as session:
        upload = m.Upload(
            id=m.new_id(),
            owner_id=owner_id,
            length=length,
            filename=filename,
            name=name,
            expires_at=now(session) + timedelta(hours=context.settings.upload_ttl_hours),
        )
        session.add(upload)
        session.flush()
        with disk_errors():
            context.upload_dir.mkdir(parents=True, exist_ok=True)
            part(context, upload.id).touch(mode=0o600)
    return upload


def offset_of(context: AppContext, upload: m.Upload) -> int:
    """How much has arrived. Raises Problem 404 where the file is gone, 410 where its time is over."""
    if upload.dataset_id is not None:
        return upload.length
    if upload.expires_at < utc_now():
        raise Problem(410, "The time for this upload is over; begin a new one.", kind="expired")
    size = tus.size_of(part(context, upload.id))
    if size is None:
        raise not_found("upload")
    return size


async def append(
    context: AppContext,
    upload: m.Upload,
    stream: AsyncIterator[bytes],
    *,
    offset: int,
    checksum: tus.Checksum | None,
    request_id: str | None,
) -> tuple[int, str | None]:
    """Take in what a request brings; the new offset, and the dataset's id where the upload is whole now.

    Raises Problem: 409, 423, 460 as tus wants it; 4xx where the whole upload is no dataset, and it is removed then.
    """
    path = part(context, upload.id)
    with tus.LockedUploadFile(path, offset=offset, length=upload.length, checksum=checksum) as growing:
        try:
            await stream_to_disk(stream, growing.write)
            await anyio.to_thread.run_sync(growing.settle)
        except ClientDisconnect as gone:
            growing.undo(gone)
            log.info("upload.interrupted", upload=upload.id, offset=growing.offset, length=upload.length)
            raise
        except BaseException as error:
            growing.undo(error)
            raise
        if growing.offset < upload.length:
            return growing.offset, None
        return growing.offset, await _finish(context, upload, path, request_id)


async def _finish(context: AppContext, upload: m.Upload, path: Path, request_id: str | None) -> str:
    """The dataset that a whole upload becomes; it takes the upload's id, so that it cannot become two.

    Raises Problem 404 where the upload was given up meanwhile: its rows and its file are gone, and nothing comes of it.
    """

    def link(session: Session, dataset: DatasetOut) -> None:
        became = update(m.Upload).where(m.Upload.id == upload.id).values(dataset_id=dataset.id).returning(m.Upload.id)
        if session.scalar(became) is None:
            raise not_found("upload")

    received = ReceivedUpload(
        dataset_id=upload.id,
        owner_id=upload.owner_id,
        path=path,
        name=upload.name,
        filename=upload.filename,
        request_id=request_id,
    )
    try:
        dataset = await ingest.ingest_upload(context, received, with_it=link)
    except Problem as problem:
        if problem.status < 500:
            await anyio.to_thread.run_sync(remove, context, upload.id)
        raise
    except FileNotFoundError:
        if path.exists():
            raise
        raise not_found("upload") from None
    path.unlink(missing_ok=True)
    return dataset.id


def remove(context: AppContext, upload_id: str) -> None:
    """Take an upload away, with all that arrived; the dataset it became stays."""
    with context.db.write.begin() as session:
        session.execute(delete(m.Upload).where(m.Upload.id == upload_id))
    part(context, upload_id).unlink(missing_ok=True)


def remove_expired(context: AppContext) -> int:
    """Take uploads away whose time is over, and files that belong to none; how many. One that moves may go on."""
    with context.db.write.begin() as session:
        late = session.scalars(select(m.Upload.id).where(m.Upload.expires_at < now(session)))
        gone = [upload_id for upload_id in late if not _moved_within(part(context, upload_id), STILL)]
        session.execute(delete(m.Upload).where(m.Upload.id.in_(gone)))
    for upload_id in gone:
        _remove_stray(context, upload_id, part(context, upload_id))
    for stray in context.upload_dir.glob("form-*"):
        if not _moved_within(stray, context.settings.upload_ttl_hours * 3600):
            _remove_stray(context, stray.name.removeprefix("form-"), stray)
    return len(gone)


def _moved_within(path: Path, seconds: float) -> bool:
    return path.exists() and utc_now().timestamp() - path.stat().st_mtime < seconds


def _remove_stray(context: AppContext, dataset_id: str, path: Path) -> None:
    """Remove what arrived, and what was stored of it where the service died before there was a dataset."""
    with context.db.read() as session:
        if session.get(m.Dataset, dataset_id) is None:
            context.files.delete_prefix(f"datasets/{dataset_id}")
    path.unlink(missing_ok=True)
