"""Resumable uploads whose bytes lie in the object store, so that every API can continue each of them.

A request that appends holds the lock of the upload's row, for some seconds at a time. Every statement has the holder as
a condition: one that lost its lock, because its process hung or was cut off, changes nothing. Bytes count once the
row's `received` covers them; a part that no row names is garbage. `session` is the caller's transaction in every
function: nothing here commits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Update, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from store import models as m
from store.clock import now
from store.database import changed_one_row

LOCK_SECONDS = 15.0  # after which the lock of a request ends whose process has died


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some bytes of an upload.

    Attributes:
        start: the first byte, in the upload.
        size: how many bytes.
        key: the object that holds them.
    """

    start: int
    size: int
    key: str


def lock(session: Session, upload_id: str, *, sender: str, seconds: float = LOCK_SECONDS) -> int | None:
    """Take the lock of an unfinished upload; of many requests that try at once exactly one succeeds.

    Args:
        session: the caller's transaction.
        upload_id: the upload.
        sender: the id of the request.
        seconds: how long the lock lasts unless it is renewed.

    Returns:
        The offset of the upload in bytes; None where another request holds the lock, or there is no such upload.
    """
    moment = now(session)
    is_free = or_(m.Upload.sender.is_(None), m.Upload.sender_until < moment)
    statement = (
        update(m.Upload)
        .where(m.Upload.id == upload_id, m.Upload.dataset_id.is_(None), is_free)
        .values(sender=sender, sender_until=moment + timedelta(seconds=seconds))
        .returning(m.Upload.received)
        .execution_options(synchronize_session=False)
    )
    return session.execute(statement).scalar_one_or_none()


def renew(session: Session, upload_id: str, *, sender: str, seconds: float = LOCK_SECONDS) -> bool:
    """Extend the lock. Returns False where it is lost.

    Args:
        session: the caller's transaction.
        upload_id: the upload.
        sender: the id of the request.
        seconds: how long the lock lasts from now on.
    """
    until = now(session) + timedelta(seconds=seconds)
    return changed_one_row(session.execute(_held(upload_id, sender).values(sender_until=until)))


def unlock(session: Session, upload_id: str, *, sender: str) -> None:
    """Give the lock back, if it is still held.

    Args:
        session: the caller's transaction.
        upload_id: the upload.
        sender: the id of the request.
    """
    session.execute(_held(upload_id, sender).values(sender=None, sender_until=None))


def record(session: Session, upload_id: str, parts: Sequence[Part], *, sender: str) -> bool:
    """Let stored parts count, and the offset follow.

    Args:
        session: the caller's transaction.
        upload_id: the upload.
        parts: consecutive parts, from the offset of the upload on.
        sender: the id of the request.

    Returns:
        False, with nothing changed, where the lock is lost.
    """
    statement = _held(upload_id, sender).where(m.Upload.received == parts[0].start)
    values = {"received": parts[-1].start + parts[-1].size, "received_at": now(session)}
    if not changed_one_row(session.execute(statement.values(values))):
        return False
    for part in parts:
        session.add(m.UploadPart(upload_id=upload_id, start=part.start, size=part.size, key=part.key))
    return True


def complete(session: Session, upload_id: str, dataset_id: str, *, sender: str) -> bool:
    """End an upload whose dataset is created in the same transaction. Returns False where the lock is lost.

    Args:
        session: the caller's transaction.
        upload_id: the upload.
        dataset_id: the dataset that it became.
        sender: the id of the request.
    """
    values = {"dataset_id": dataset_id, "received": m.Upload.length, "sender": None, "sender_until": None}
    session.execute(delete(m.UploadPart).where(m.UploadPart.upload_id == upload_id))
    return changed_one_row(session.execute(_held(upload_id, sender).values(values)))


def parts_of(session: Session, upload_id: str) -> list[Part]:
    """Return the parts of an upload, in order.

    Args:
        session: the caller's transaction.
        upload_id: the upload.
    """
    rows = session.scalars(select(m.UploadPart).where(m.UploadPart.upload_id == upload_id).order_by(m.UploadPart.start))
    return [Part(start=row.start, size=row.size, key=row.key) for row in rows]


def active_since(moment: datetime) -> ColumnElement[bool]:
    """Return the condition of the uploads that began, or received a byte, since a moment."""
    return func.coalesce(m.Upload.received_at, m.Upload.created_at, type_=m.UtcDateTime()) >= moment


def is_locked(moment: datetime) -> ColumnElement[bool]:
    """Return the condition of the uploads that a request holds at a moment."""
    return and_(m.Upload.sender.is_not(None), m.Upload.sender_until >= moment)


def _held(upload_id: str, sender: str) -> Update:
    return update(m.Upload).where(m.Upload.id == upload_id, m.Upload.sender == sender)
