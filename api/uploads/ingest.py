"""Ingesting a received upload: inspect it, store its file, and write the dataset's rows in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import anyio.to_thread
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from api.after_commit import enqueue_after_commit, run_after_commit
from api.context import AppContext
from api.problems import Problem, field_problem
from api.schemas import DatasetOut
from api.uploads.single_image import pack_single_image
from api.uploads.streaming import full_disk_as_problem
from core.errors import BadInput, NotAnArchive, UploadTooLarge
from core.filenames import MAX_NAME_CHARS, is_valid_name, strip_forbidden_chars
from store import datasets
from store import models as m
from store.object_keys import dataset_prefix, upload_key
from store.tally import tally

log = structlog.get_logger(__name__)

_ENDINGS = (".tar.gz", ".tar.xz", ".tgz", ".txz", ".tar", ".zip")
_UNREADABLE_ENDINGS = (".7z", ".rar", ".bz2", ".tbz", ".tbz2", ".zst", ".tzst", ".lz4", ".cab", ".iso")
NOT_READABLE = "This is not an archive that can be read; send the images as a zip, tar, tar.gz or tar.xz."
MAX_FILENAME_LENGTH = 255

OnCreated = Callable[[Session, DatasetOut], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedUpload:
    """A complete upload.

    Attributes:
        dataset_id: The id that the dataset will have.
        owner_id: The id of the user who sent it.
        path: Its file. The caller removes it.
        name: The name that the dataset will have.
        filename: The name of the file on the sender's side.
        request_id: The id of the request that completed it.
    """

    dataset_id: str
    owner_id: str
    path: Path
    name: str
    filename: str
    request_id: str | None


async def ingest_upload(
    context: AppContext, upload: ReceivedUpload, *, on_created: OnCreated | None = None
) -> DatasetOut:
    """Make a dataset of a received upload, and queue its check.

    The file stays at `upload.path`, so that a failed ingestion can be repeated.

    Args:
        context: The application context.
        upload: The upload.
        on_created: Writes further rows in the transaction that creates the dataset.

    Returns:
        The dataset.

    Raises:
        Problem: 413, 415 or 422 if the upload is unusable as a whole; 503 if its inspection was interrupted; 507 if the
            disk is full.
    """
    packed = context.upload_dir / f"form-{upload.dataset_id}.zip"  # goes with old forms if this process is killed
    try:
        with full_disk_as_problem():
            if await anyio.to_thread.run_sync(pack_single_image, upload.path, upload.filename, packed):
                upload = replace(upload, path=packed)
        try:
            await context.inspections.inspect(upload.path, context.limits, user_id=upload.owner_id)
        except BadInput as bad:
            tally.add("uploads", "refused")
            log.info("upload.refused", owner=upload.owner_id, reason=bad.reason, path=bad.path)
            raise bad_input_problem(bad) from None
        return await anyio.to_thread.run_sync(_create_dataset, context, upload, on_created)
    finally:
        packed.unlink(missing_ok=True)


def _create_dataset(context: AppContext, upload: ReceivedUpload, on_created: OnCreated | None) -> DatasetOut:
    key = upload_key(upload.dataset_id)
    size = upload.path.stat().st_size
    with full_disk_as_problem():
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
            created = DatasetOut.of(dataset)
            if on_created is not None:
                on_created(session, created)
    except BaseException:
        _delete_stored_file(context, upload.dataset_id)
        raise
    run_after_commit(session)
    tally.add("uploads", "stored")
    tally.add("upload_bytes", amount=size)
    log.info("dataset.received", dataset=upload.dataset_id, owner=upload.owner_id, bytes=size)
    return created


def _delete_stored_file(context: AppContext, dataset_id: str) -> None:
    """Delete the stored file of a dataset that was not created. A commit that reported an error may have succeeded.

    That of an upload which several APIs continue stays: the next try needs it, or it goes with the upload.
    """
    try:
        with context.db.read() as session:
            upload = session.get(m.Upload, dataset_id)
            is_shared = upload is not None and upload.sender is not None  # another API may store the same file now
            if is_shared or session.get(m.Dataset, dataset_id) is not None:
                return
    except SQLAlchemyError:
        return  # the database is away; a worker's garbage collection deletes files without a row
    try:
        context.files.delete_prefix(dataset_prefix(dataset_id))
    except OSError as error:  # a worker's garbage collection deletes them later
        log.warning("files.delete_failed", prefix=dataset_prefix(dataset_id), error=str(error))


def bad_input_problem(bad: BadInput) -> Problem:
    """The problem that says why an upload is unusable: 413 over a limit, 415 if it is no archive, else 422."""
    if isinstance(bad, UploadTooLarge):
        return Problem(413, bad.reason, kind="too-large")
    return Problem(415 if isinstance(bad, NotAnArchive) else 422, bad.reason, kind="bad-upload")


def dataset_name(name: str | None, filename: str) -> str:
    """Choose the name of a dataset.

    Args:
        name: The name that the sender gave it, if any.
        filename: The name of the uploaded file; without its ending it is the default.

    Returns:
        The name.

    Raises:
        Problem: 422 if `name` is too long or has characters that a name must not have.
    """
    if name is None or not name.strip():
        return _without_ending(clean_filename(filename))[:MAX_NAME_CHARS].strip() or "dataset"
    name = name.strip()
    if len(name) > MAX_NAME_CHARS:
        raise field_problem("name", f"is longer than {MAX_NAME_CHARS} characters")
    if not is_valid_name(name):
        raise field_problem("name", "has a control character, or one that changes the direction of the text")
    return name


def refuse_unsupported_archive(filename: str) -> None:
    """Refuse an archive before its bytes arrive if its name says that it cannot be read.

    Args:
        filename: The name of the file on the sender's side.

    Raises:
        Problem: 415 for an ending such as .rar.
    """
    if filename.lower().endswith(_UNREADABLE_ENDINGS):
        raise Problem(415, NOT_READABLE, kind="bad-upload")


def clean_filename(filename: str) -> str:
    """The last part of a file's path, without characters that a name must not have."""
    last = PurePosixPath(filename.replace("\\", "/")).name
    return strip_forbidden_chars(last)[:MAX_FILENAME_LENGTH]


def _without_ending(filename: str) -> str:
    for ending in _ENDINGS:
        if filename.lower().endswith(ending):
            return filename[: -len(ending)]
    return filename
