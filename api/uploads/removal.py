"""Removing uploads that were deleted or have expired, with their bytes."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete, or_, select

from api.context import AppContext
from api.uploads.upload_lock import remove_idle_files
from store import deletions, maintenance_mode, upload_parts
from store import models as m
from store.clock import now, utc_now
from store.object_keys import dataset_prefix, upload_parts_prefix

ACTIVE_SECONDS = 3600  # since its last byte, while an upload may still be sent or ingested


def path_of(context: AppContext, upload_id: str) -> Path:
    """The file that this API has of an upload."""
    return context.upload_dir / f"{upload_id}.part"


def remove(context: AppContext, upload_id: str, *, reason: str = deletions.REQUESTED) -> None:
    """Remove an upload and its bytes. The dataset that it became stays.

    Args:
        context: The application context.
        upload_id: The id of the upload.
        reason: Why, for the note of the deletion where its bytes lie in the object store.
    """
    path_of(context, upload_id).unlink(missing_ok=True)  # first: the row may need room
    context.own_parts.pop(upload_id, None)
    with context.db.write.begin() as session:
        deleted = delete(m.Upload).where(m.Upload.id == upload_id).returning(m.Upload.dataset_id)
        row = session.execute(deleted).one_or_none()
        has_parts = context.shares_uploads and row is not None and row.dataset_id is None
        if has_parts:
            deletions.note(session, upload_parts_prefix(upload_id), reason)
    if has_parts:
        deletions.carry_out(context.db, context.files, upload_parts_prefix(upload_id))


def remove_expired(context: AppContext) -> int:
    """Remove the uploads that have expired, and the files that belong to no upload.

    An upload that received a byte within `ACTIVE_SECONDS` stays, because its sender may still be at work.

    Args:
        context: The application context.

    Returns:
        The number of removed uploads.
    """
    ids = _expired_ids(context)
    for upload_id in ids:  # before their rows, which may need the room
        _remove_files(context, upload_id, path_of(context, upload_id))
    if context.shares_uploads:
        for upload_id in ids:
            remove(context, upload_id, reason=deletions.EXPIRED)
        remove_idle_files(context, seconds=ACTIVE_SECONDS)
    with context.db.write.begin() as session:
        session.execute(delete(m.Upload).where(m.Upload.id.in_(ids)))
    for form in context.upload_dir.glob("form-*"):
        if not _is_written_within(form, context.settings.upload_ttl_hours * 3600):
            _remove_files(context, form.name.removeprefix("form-"), form)
    return len(ids)


def _expired_ids(context: AppContext) -> list[str]:
    with context.db.read() as session:
        moment = now(session)
        expired = select(m.Upload.id).where(m.Upload.expires_at < moment)
        if context.shares_uploads:
            is_active = or_(
                upload_parts.active_since(moment - timedelta(seconds=ACTIVE_SECONDS)), upload_parts.is_locked(moment)
            )
            return list(session.scalars(expired.where(~is_active)))
        ids = session.scalars(expired)
        return [id_ for id_ in ids if not _is_written_within(path_of(context, id_), ACTIVE_SECONDS)]


def _is_written_within(path: Path, seconds: float) -> bool:
    return path.exists() and utc_now().timestamp() - path.stat().st_mtime < seconds


def _remove_files(context: AppContext, dataset_id: str, path: Path) -> None:
    """Remove an upload's file, and its copy in the object store if the service died before there was a dataset."""
    with context.db.read() as session:
        is_superfluous = session.get(m.Dataset, dataset_id) is None and maintenance_mode.current(session) is None
    if is_superfluous:
        context.files.delete_prefix(dataset_prefix(dataset_id))
    path.unlink(missing_ok=True)
