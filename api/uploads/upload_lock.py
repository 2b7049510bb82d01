"""Who may append to an upload that several APIs continue: one request at a time, by a lock in the row of the upload.

The lock lasts for some seconds and is renewed, so that it ends with the process that holds it. The file that an API has
of the upload has a lock too.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import structlog
from sqlalchemy.exc import SQLAlchemyError

from api.context import AppContext
from api.problems import Problem, not_found
from api.uploads.shared_upload import SharedUpload
from api.uploads.streaming import full_disk_as_problem
from api.uploads.tus import Checksum
from api.uploads.upload_file import locked_elsewhere, wrong_offset
from store import models as m
from store import upload_parts
from store.clock import utc_now
from store.upload_parts import LOCK_SECONDS

log = structlog.get_logger(__name__)


@asynccontextmanager
async def opened(
    context: AppContext, upload: m.Upload, path: Path, *, offset: int, checksum: Checksum | None
) -> AsyncIterator[SharedUpload]:
    """Hold the lock of an upload, and the file of this API, during the block.

    Args:
        context: The application context.
        upload: The row of the upload.
        path: The file of this API.
        offset: Where the request says that the upload is, in bytes.
        checksum: The checksum of the body, if the request has one.

    Raises:
        Problem: 404 if the upload is gone, 409 if `offset` is not its offset, 423 if another request holds the lock.
    """
    sender = m.new_id()
    file = await anyio.to_thread.run_sync(_open_locked, context, path)
    try:
        found = await anyio.to_thread.run_sync(partial(_lock, context, upload.id, sender=sender))
        try:
            if found != offset:
                raise wrong_offset(found, offset)
            shared = SharedUpload(context, upload, sender=sender, file=file, offset=offset, checksum=checksum)
            renewing = asyncio.create_task(_renew_regularly(context, shared, upload.id, sender))
            try:
                yield shared
            finally:
                renewing.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(partial(_unlock, context, upload.id, sender=sender))
    finally:
        os.close(file)


def remove_idle_files(context: AppContext, *, seconds: float) -> None:
    """Remove the files of this API that no upload needs any more, or that nothing was written to for some time.

    Args:
        context: The application context.
        seconds: How long that is. The parts of an unfinished upload lie in the object store as well.
    """
    for path in context.upload_dir.glob("*.part"):
        with context.db.read() as session:
            upload = session.get(m.Upload, path.stem)
        is_needed = upload is not None and upload.dataset_id is None
        with suppress(Problem, FileNotFoundError):
            if not is_needed or path.stat().st_mtime < utc_now().timestamp() - seconds:
                remove_file(context, path)


def remove_file(context: AppContext, path: Path) -> None:
    """Remove the file that this API has of an upload. Raises Problem 423 if a request writes to it."""
    file = _open_locked(context, path)
    try:
        context.own_parts.pop(path.stem, None)  # before the file: a request that opens it fetches all parts
        path.unlink(missing_ok=True)
    finally:
        os.close(file)


def _open_locked(context: AppContext, path: Path) -> int:
    """Open the file of this API under an exclusive lock. Raises Problem 423."""
    context.upload_dir.mkdir(parents=True, exist_ok=True)
    with full_disk_as_problem():
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(file), os.stat(path)):  # noqa: PTH116
            raise BlockingIOError
        if os.fstat(file).st_size == 0:
            context.own_parts.pop(path.stem, None)
    except (BlockingIOError, FileNotFoundError):  # locked, or removed between open and lock
        os.close(file)
        raise locked_elsewhere() from None
    return file


def _lock(context: AppContext, upload_id: str, *, sender: str) -> int:
    with context.db.write.begin() as session:
        offset = upload_parts.lock(session, upload_id, sender=sender)
        if offset is not None:
            return offset
        upload = session.get(m.Upload, upload_id)
    if upload is None:
        raise not_found("upload")
    raise locked_elsewhere()


def _unlock(context: AppContext, upload_id: str, *, sender: str) -> None:
    try:
        with context.db.write.begin() as session:
            upload_parts.unlock(session, upload_id, sender=sender)
    except SQLAlchemyError as error:  # the lock ends by itself
        log.warning("upload.not_unlocked", upload=upload_id, error=str(error).splitlines()[0])


async def _renew_regularly(context: AppContext, shared: SharedUpload, upload_id: str, sender: str) -> None:
    def renew() -> bool:
        with context.db.write.begin() as session:
            return upload_parts.renew(session, upload_id, sender=sender)

    while not shared.is_lost:
        await asyncio.sleep(LOCK_SECONDS / 4)
        with suppress(SQLAlchemyError):  # the next try may succeed; a lock that ended is noticed by every write
            shared.is_lost = not await context.capacity.call(renew)
