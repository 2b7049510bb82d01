"""Resumable uploads: their rows, their files, and the dataset that a complete upload becomes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
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
from api.uploads.disk_room import leaving_room, room_for
from api.uploads.ingest import ReceivedUpload
from api.uploads.multipart import too_large
from api.uploads.streaming import full_disk_as_problem, stream_to_disk
from api.uploads.upload_file import LockedUploadFile, size_of
from store import models as m
from store.clock import now, utc_now

log = structlog.get_logger(__name__)

ACTIVE_SECONDS = 3600  # since its last byte, while an upload may still be sent or ingested


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What one request appends to an upload.

    Attributes:
        stream: The body of the request.
        offset: Where the request says that the upload is, in bytes.
        checksum: The checksum of the body, if the request has one.
        request_id: The id of the request; it goes into the log lines of the dataset's check.
    """

    stream: AsyncIterator[bytes]
    offset: int
    checksum: tus.Checksum | None
    request_id: str | None


def path_of(context: AppContext, upload_id: str) -> Path:
    """The file of an upload."""
    return context.upload_dir / f"{upload_id}.part"


def begin(context: AppContext, *, owner_id: str, length: int, metadata: dict[str, str]) -> m.Upload:
    """Begin an upload.

    Args:
        context: The application context.
        owner_id: The id of the user who sends it.
        length: The length of the whole upload in bytes.
        metadata: `filename`, and optionally the dataset's `name`.

    Returns:
        The row of the upload. Its file is empty.

    Raises:
        Problem: 413 if the upload is too large, 422 for an invalid name, 507 if the disk is full.
    """
    if length > context.settings.max_upload_bytes:
        raise too_large(context.settings.max_upload_bytes)
    filename = ingest.clean_filename(metadata.get("filename", ""))
    name = ingest.dataset_name(metadata.get("name"), filename)
    with room_for(context, length), context.db.write.begin() as session:
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
        with full_disk_as_problem():
            context.upload_dir.mkdir(parents=True, exist_ok=True)
            path_of(context, upload.id).touch(mode=0o600)
    return upload


def offset_of(context: AppContext, upload: m.Upload) -> int:
    """How many bytes of an upload have arrived. Raises Problem 404 if its file is missing, 410 if it has expired."""
    if upload.dataset_id is not None:
        return upload.length
    if upload.expires_at < utc_now():
        raise Problem(410, "This upload has expired; begin a new one.", kind="expired")
    size = size_of(path_of(context, upload.id))
    if size is None:
        raise not_found("upload")
    return size


async def append(context: AppContext, upload: m.Upload, chunk: Chunk) -> tuple[int, str | None]:
    """Append the body of a request to an upload, and make a dataset of it once it is complete.

    Args:
        context: The application context.
        upload: The row of the upload.
        chunk: What the request appends.

    Returns:
        The new offset in bytes, and the id of the dataset if the upload is complete.

    Raises:
        Problem: 409, 413, 423 or 460 as tus defines them; 413, 415 or 422 if the complete upload is unusable as a
            whole, in which case it is removed.
        ClientDisconnect: The sender disconnected.
    """
    path = path_of(context, upload.id)
    with LockedUploadFile(path, offset=chunk.offset, length=upload.length, checksum=chunk.checksum) as file:
        await anyio.to_thread.run_sync(_require_room, context, upload, file.offset)
        try:
            await stream_to_disk(leaving_room(context, chunk.stream), file.write)
            await anyio.to_thread.run_sync(file.commit)
        except BaseException as error:
            file.roll_back(error)
            if isinstance(error, ClientDisconnect):
                log.info("upload.interrupted", upload=upload.id, offset=file.offset, length=upload.length)
            raise
        if file.offset < upload.length:
            return file.offset, None
        return file.offset, await _make_dataset(context, upload, path, chunk.request_id)


def _require_room(context: AppContext, upload: m.Upload, offset: int) -> None:
    """Raises Problem 507 if the rest of the upload does not fit: others may have filled the disk since it began."""
    if offset < upload.length:
        with room_for(context, upload.length - offset, upload_id=upload.id):
            return


async def _make_dataset(context: AppContext, upload: m.Upload, path: Path, request_id: str | None) -> str:
    """Ingest a complete upload. The dataset takes the upload's id, so that one upload cannot become two datasets.

    Raises Problem 404 if the upload was deleted meanwhile.
    """

    def link_to_dataset(session: Session, dataset: DatasetOut) -> None:
        linked = update(m.Upload).where(m.Upload.id == upload.id).values(dataset_id=dataset.id).returning(m.Upload.id)
        if session.scalar(linked) is None:
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
        dataset = await ingest.ingest_upload(context, received, on_created=link_to_dataset)
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
    """Remove an upload and its file. The dataset that it became stays. The file goes first: its row may need room."""
    path_of(context, upload_id).unlink(missing_ok=True)
    with context.db.write.begin() as session:
        session.execute(delete(m.Upload).where(m.Upload.id == upload_id))


def remove_expired(context: AppContext) -> int:
    """Remove the uploads that have expired, and the files that belong to no upload.

    An upload that received a byte within `ACTIVE_SECONDS` stays, because its sender may still be at work.

    Args:
        context: The application context.

    Returns:
        The number of removed uploads.
    """
    with context.db.read() as session:
        expired = session.scalars(select(m.Upload.id).where(m.Upload.expires_at < now(session)))
        ids = [id_ for id_ in expired if not _is_written_within(path_of(context, id_), ACTIVE_SECONDS)]
    for upload_id in ids:  # before their rows, which may need the room
        _remove_files(context, upload_id, path_of(context, upload_id))
    with context.db.write.begin() as session:
        session.execute(delete(m.Upload).where(m.Upload.id.in_(ids)))
    for form in context.upload_dir.glob("form-*"):
        if not _is_written_within(form, context.settings.upload_ttl_hours * 3600):
            _remove_files(context, form.name.removeprefix("form-"), form)
    return len(ids)


def _is_written_within(path: Path, seconds: float) -> bool:
    return path.exists() and utc_now().timestamp() - path.stat().st_mtime < seconds


def _remove_files(context: AppContext, dataset_id: str, path: Path) -> None:
    """Remove an upload's file, and its copy in the object store if the service died before there was a dataset."""
    with context.db.read() as session:
        if session.get(m.Dataset, dataset_id) is None:
            context.files.delete_prefix(f"datasets/{dataset_id}")
    path.unlink(missing_ok=True)
