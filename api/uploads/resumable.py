"""Resumable uploads: their rows, their files, and the dataset that a complete upload becomes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import anyio
import anyio.to_thread
import structlog
from sqlalchemy import update
from sqlalchemy.orm import Session
from starlette.requests import ClientDisconnect

from api.context import AppContext
from api.problems import Problem, not_found
from api.schemas import DatasetOut
from api.uploads import ingest, tus, upload_lock
from api.uploads.disk_room import leaving_room, missing_bytes, room_for
from api.uploads.ingest import ReceivedUpload
from api.uploads.multipart import too_large
from api.uploads.removal import path_of, remove
from api.uploads.shared_upload import SharedUpload
from api.uploads.streaming import full_disk_as_problem, stream_to_disk
from api.uploads.upload_file import LockedUploadFile, locked_elsewhere, size_of
from store import deletions, upload_parts
from store import models as m
from store.clock import now, utc_now
from store.object_keys import upload_parts_prefix

log = structlog.get_logger(__name__)


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
        if context.shares_uploads:
            return upload
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
    if context.shares_uploads:
        return upload.received
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
    async with _opened(context, upload, path, chunk) as file:
        await anyio.to_thread.run_sync(_require_room, context, upload, file.offset)
        try:
            await stream_to_disk(leaving_room(context, chunk.stream), file.write)
            await anyio.to_thread.run_sync(file.commit)
        except BaseException as error:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(file.roll_back, error)
            if isinstance(error, ClientDisconnect):
                log.info("upload.interrupted", upload=upload.id, offset=file.offset, length=upload.length)
            raise
        if file.offset < upload.length:
            return file.offset, None
        await anyio.to_thread.run_sync(file.collect)
        received = ReceivedUpload(
            dataset_id=upload.id,  # so that one upload cannot become two datasets
            owner_id=upload.owner_id,
            path=path,
            name=upload.name,
            filename=upload.filename,
            request_id=chunk.request_id,
        )
        dataset_id = await _make_dataset(context, received, sender=file.sender)
        if file.sender is not None:
            await anyio.to_thread.run_sync(_delete_parts, context, upload.id)
        return file.offset, dataset_id


@asynccontextmanager
async def _opened(
    context: AppContext, upload: m.Upload, path: Path, chunk: Chunk
) -> AsyncIterator[LockedUploadFile | SharedUpload]:
    """Open an upload for one request, where its bytes lie."""
    if context.shares_uploads:
        async with upload_lock.opened(context, upload, path, offset=chunk.offset, checksum=chunk.checksum) as shared:
            yield shared
        return
    with LockedUploadFile(path, offset=chunk.offset, length=upload.length, checksum=chunk.checksum) as file:
        yield file


def _require_room(context: AppContext, upload: m.Upload, offset: int) -> None:
    """Raises Problem 507 if the rest of the upload does not fit: others may have filled the disk since it began."""
    if offset < upload.length:
        with room_for(context, missing_bytes(context, upload, offset), upload_id=upload.id):
            return


async def _make_dataset(context: AppContext, received: ReceivedUpload, *, sender: str | None) -> str:
    """Ingest a complete upload; `sender` holds its lock in the database, if it has one.

    Raises Problem 404 if the upload was deleted meanwhile, 423 if the lock was lost.
    """
    upload_id = received.dataset_id

    def link_to_dataset(session: Session, dataset: DatasetOut) -> None:
        if sender is not None:
            if not upload_parts.complete(session, upload_id, dataset.id, sender=sender):
                raise not_found("upload") if session.get(m.Upload, upload_id) is None else locked_elsewhere()
            deletions.note(session, upload_parts_prefix(upload_id), deletions.ASSEMBLED)
            return
        linked = update(m.Upload).where(m.Upload.id == upload_id).values(dataset_id=dataset.id).returning(m.Upload.id)
        if session.scalar(linked) is None:
            raise not_found("upload")

    try:
        dataset = await ingest.ingest_upload(context, received, on_created=link_to_dataset)
    except Problem as problem:
        if problem.status < 500 and problem.status != 423:
            await anyio.to_thread.run_sync(remove, context, upload_id)
        raise
    except FileNotFoundError:
        if received.path.exists():
            raise
        raise not_found("upload") from None
    received.path.unlink(missing_ok=True)
    return dataset.id


def _delete_parts(context: AppContext, upload_id: str) -> None:
    context.own_parts.pop(upload_id, None)
    deletions.carry_out(context.db, context.files, upload_parts_prefix(upload_id))
