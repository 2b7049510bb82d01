"""Room for uploads: what open uploads were promised is counted, and some of the disk always stays free."""

import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path

import anyio.to_thread
from sqlalchemy import select

from api.context import AppContext
from api.uploads.streaming import no_room
from store import models as m
from store import upload_parts
from store.clock import now, utc_now
from store.disk import floor_bytes, free_bytes

PROMISE_SECONDS = 3600  # without a byte, after which an upload has to find room anew


@contextmanager
def room_for(context: AppContext, size: int, *, upload_id: str | None = None) -> Iterator[None]:
    """Check that there is room, and let no other upload begin until the block has ended and has recorded this one.

    Args:
        context: The application context.
        size: How many bytes will arrive.
        upload_id: The id of a resumable upload that was promised room before.

    Raises:
        Problem: 507 if the bytes do not fit beside what other open uploads were promised.
    """
    folder = context.upload_dir
    folder.mkdir(parents=True, exist_ok=True)
    with _lock(context.settings.home / "uploads.lock"):
        promised = _promised_bytes(context, except_for=upload_id)
        for disk in _disks(context):
            if free_bytes(disk) - promised - size < floor_bytes(context.settings, disk):
                raise no_room()
        yield


@asynccontextmanager
async def form_room(context: AppContext, path: Path, announced: int) -> AsyncIterator[None]:
    """Promise room to an upload that comes in one request, during the block.

    Args:
        context: The application context.
        path: The file that the upload is written to.
        announced: How many bytes the request says that it has; 0 if it does not say.

    Raises:
        Problem: 507 if the bytes do not fit.
    """

    def promise() -> None:
        with room_for(context, announced):
            context.open_forms[path] = announced

    await anyio.to_thread.run_sync(promise)
    try:
        yield
    finally:
        context.open_forms.pop(path, None)


async def leaving_room(context: AppContext, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pass on the body of a request as long as some of the disk stays free.

    Args:
        context: The application context.
        stream: The body, in chunks, which are written to the folder of uploads.

    Raises:
        Problem: 507 at the chunk that would leave less than the minimum free.
    """
    floor = floor_bytes(context.settings, context.upload_dir)
    async for chunk in stream:
        if free_bytes(context.upload_dir) - len(chunk) < floor:
            raise no_room()
        yield chunk


def _promised_bytes(context: AppContext, *, except_for: str | None) -> int:
    """What the open uploads may still send. One that was silent for `PROMISE_SECONDS` is not counted."""
    promised = sum(max(0, announced - _size(path)) for path, announced in list(context.open_forms.items()))
    oldest = utc_now().timestamp() - PROMISE_SECONDS
    if context.shares_uploads:
        return promised + _promised_to_shared(context, except_for=except_for)
    with context.db.read() as session:
        query = select(m.Upload.id, m.Upload.length).where(m.Upload.dataset_id.is_(None))
        uploads = [(id_, length) for id_, length in session.execute(query) if id_ != except_for]
    for id_, length in uploads:
        try:
            status = (context.upload_dir / f"{id_}.part").stat()
        except FileNotFoundError:
            continue
        if status.st_mtime >= oldest:
            promised += max(0, length - status.st_size)
    return promised


def _promised_to_shared(context: AppContext, *, except_for: str | None) -> int:
    """What this API may still have to hold of uploads that go through several: the last request brings all to one."""
    with context.db.read() as session:
        oldest = now(session) - timedelta(seconds=PROMISE_SECONDS)
        query = select(m.Upload.id, m.Upload.length).where(
            m.Upload.dataset_id.is_(None), upload_parts.active_since(oldest)
        )
        uploads = [(id_, length) for id_, length in session.execute(query) if id_ != except_for]
    return sum(max(0, length - _held_bytes(context.upload_dir / f"{id_}.part")) for id_, length in uploads)


def missing_bytes(context: AppContext, upload: m.Upload, offset: int) -> int:
    """How many bytes this API still has to write of an upload, with what other APIs have received.

    Args:
        context: The application context.
        upload: The row of the upload.
        offset: Where the upload is, in bytes.
    """
    if not context.shares_uploads:
        return upload.length - offset
    return max(0, upload.length - _held_bytes(context.upload_dir / f"{upload.id}.part"))


def _held_bytes(path: Path) -> int:
    """What a file with holes takes of the disk."""
    return path.stat().st_blocks * 512 if path.exists() else 0


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _disks(context: AppContext) -> list[Path]:
    """The folders that an upload is written to; the object store's only if it lies on another disk."""
    folders = [context.upload_dir]
    store = Path(context.settings.store)
    is_local = "://" not in context.settings.store and store.exists()
    if is_local and store.stat().st_dev != context.upload_dir.stat().st_dev:
        folders.append(store)
    return folders


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Exclude other threads and processes of this machine."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
