"""The tables of datasets and their uploads."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from store.models.base import Base, RowMixin

# UPLOADING is in the public schema of the REST API only: a dataset is inserted once its file is stored.
UPLOADING, CHECKING, READY, REJECTED = "uploading", "checking", "ready", "rejected"


class Dataset(RowMixin, Base):
    """An uploaded dataset: checking -> ready | rejected (`error` has the reason)."""

    __tablename__ = "datasets"

    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(500))
    state: Mapped[str] = mapped_column(String(16), default=CHECKING)
    filename: Mapped[str] = mapped_column(String(500), default="")
    file_key: Mapped[str | None] = mapped_column(String(300))
    bytes: Mapped[int] = mapped_column(default=0)
    images: Mapped[int] = mapped_column(default=0)
    classes: Mapped[list[dict[str, Any]]] = mapped_column(default=list)  # [{"name", "images"}]
    skipped: Mapped[list[dict[str, Any]]] = mapped_column(default=list)  # [{"path", "reason"}]
    passed_through: Mapped[list[dict[str, Any]]] = mapped_column(
        default=list, server_default="[]"
    )  # [{"path", "kind"}]
    renamed: Mapped[list[dict[str, Any]]] = mapped_column(
        default=list, server_default="[]"
    )  # [{"path", "was", "reason"}]
    thumbs: Mapped[list[dict[str, Any]]] = mapped_column(default=list)  # [{"key", "path", "number"}]
    layout: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")  # store.datasets.DatasetContents
    shorter_edge: Mapped[float | None]  # median over the images, in pixels; None where an older release checked it
    error: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[datetime | None]


class Upload(RowMixin, Base):
    """A resumable upload. On one machine its offset is the size of its file; the last four columns are not used there.

    Beyond one machine its bytes lie in the object store: see `store.upload_parts`.
    """

    __tablename__ = "uploads"

    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    length: Mapped[int]
    filename: Mapped[str] = mapped_column(String(500))
    name: Mapped[str] = mapped_column(String(500))
    dataset_id: Mapped[str | None] = mapped_column(ForeignKey("datasets.id", ondelete="SET NULL"))
    expires_at: Mapped[datetime]
    received: Mapped[int] = mapped_column(default=0, server_default="0")  # its offset: bytes that lie in the store
    received_at: Mapped[datetime | None]  # when the last of them came
    sender: Mapped[str | None] = mapped_column(String(32))  # the request that holds the lock
    sender_until: Mapped[datetime | None]  # when its lock ends by itself


class UploadPart(Base):
    """Some bytes of a resumable upload, as an object in the store."""

    __tablename__ = "upload_parts"

    upload_id: Mapped[str] = mapped_column(ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True)
    start: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # the first byte, in the upload
    size: Mapped[int]
    key: Mapped[str] = mapped_column(String(300))
