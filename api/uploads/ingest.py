"""A finished upload becomes a dataset: looked over at once, so that what is wrong as a whole is told to the sender."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import anyio.to_thread
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from api.after_commit import enqueue_after_commit, run_after_commit
from api.context import AppContext
from api.problems import Problem, field_problem
from api.schemas import DatasetOut
from api.uploads.streaming import disk_errors
from core.errors import BadInput, NotAnArchive, UploadTooLarge
from core.filenames import MAX_NAME_CHARS, is_valid_name, strip_forbidden_chars
from core.ingest.inspection import inspect_upload
from store import datasets
from store import models as m
from store.object_keys import dataset_prefix, upload_key

log = structlog.get_logger(__name__)

_ENDINGS = (".tar.gz", ".tar.xz", ".tgz", ".txz", ".tar", ".zip")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedUpload:
    """An upload that is all there, at `path`."""

    dataset_id: str
    owner_id: str
    path: Path
    name: str
    filename: str
    request_id: str | None


async def ingest_upload(
    context: AppContext, upload: ReceivedUpload, *, with_it: Callable[[Session, DatasetOut], Any] | None = None
) -> DatasetOut:
    """Make a dataset of an upload, whose file is the caller's to remove. `with_it` writes rows in the same transaction.

    Whatever happens in between, the file stays at `path` until the rows are there, so taking it in again is always
    possible. Raises Problem 413, 415 or 422 where the upload is no good as a whole.
    """
    try:
        await anyio.to_thread.run_sync(inspect_upload, upload.path, context.limits, limiter=context.inspections)
    except BadInput as bad:
        log.info("upload.refused", owner=upload.owner_id, reason=bad.reason, path=bad.path)
        raise refusal(bad) from None
    return await anyio.to_thread.run_sync(_keep, context, upload, with_it)


def _keep(
    context: AppContext, upload: ReceivedUpload, with_it: Callable[[Session, DatasetOut], Any] | None
) -> DatasetOut:
    key = upload_key(upload.dataset_id)
    size = upload.path.stat().st_size
    with disk_errors():
        context.files.link(key, upload.path)
    try:
        with context.db.write.begin() as session:
            stored = datasets.StoredUpload(
                dataset_id=upload.dataset_id,
                owner_id=upload.owner_id,
                name=upload.name,
                filename=upload.filename,
                size=size,
                request_id=upload.request_id,
            )
            dataset, check = datasets.create_with_check(session, stored, ttl_days=context.settings.dataset_ttl_days)
            enqueue_after_commit(session, context, check)
            out = DatasetOut.of(dataset)
            if with_it is not None:
                with_it(session, out)
    except BaseException:
        _forget(context, upload.dataset_id)
        raise
    run_after_commit(session)
    log.info("dataset.arrived", dataset=upload.dataset_id, owner=upload.owner_id, bytes=size)
    return out


def _forget(context: AppContext, dataset_id: str) -> None:
    """Remove the file of a dataset that did not come to be; a commit whose answer was lost may have taken effect."""
    try:
        with context.db.read() as session:
            if session.get(m.Dataset, dataset_id) is not None:
                return
    except SQLAlchemyError:
        return  # it cannot be asked now: a worker's tidying removes what has no row
    context.files.delete_prefix(dataset_prefix(dataset_id))


def refusal(bad: BadInput) -> Problem:
    """Why an upload cannot be used, as a problem."""
    if isinstance(bad, UploadTooLarge):
        return Problem(413, bad.reason, kind="too-large")
    return Problem(415 if isinstance(bad, NotAnArchive) else 422, bad.reason, kind="bad-upload")


def checked_name(name: str | None, filename: str) -> str:
    """The name a dataset gets: the one asked for, or the file's without its ending. Raises Problem 422."""
    if name is None or not name.strip():
        return _stem(checked_filename(filename))[:MAX_NAME_CHARS].strip() or "dataset"
    name = name.strip()
    if len(name) > MAX_NAME_CHARS:
        raise field_problem("name", f"is longer than {MAX_NAME_CHARS} characters")
    if not is_valid_name(name):
        raise field_problem("name", "has a control character, or one that turns the direction of the writing")
    return name


def checked_filename(filename: str) -> str:
    """The last part of a file's name, without what cannot stand in a name."""
    last = PurePosixPath(filename.replace("\\", "/")).name
    return strip_forbidden_chars(last)[:255]


def _stem(filename: str) -> str:
    for ending in _ENDINGS:
        if filename.lower().endswith(ending):
            return filename[: -len(ending)]
    return filename
