"""The tables. Ids are random strings, times are UTC, and every change of a job's row raises its `seq`."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Index, MetaData, String, Text, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from store.clock import utc_now

# UPLOADING is in the public schema of the REST API only: a dataset is inserted once its file is stored.
UPLOADING, CHECKING, READY, REJECTED = "uploading", "checking", "ready", "rejected"
QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELED = "queued", "running", "succeeded", "failed", "canceled"
FINAL = (SUCCEEDED, FAILED, CANCELED)
PROTECT, TRAIN, VERIFY = "protect", "train", "verify"
CHECK, PREVIEW, TRIAL = "check", "preview", "trial"
INTERNAL = (CHECK, PREVIEW, TRIAL)  # never listed as jobs; deleting their dataset cancels them


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC. Times without a zone are refused. SQLite stores no zone, so reading adds it."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC. Raises ValueError for a time without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("the time has no zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read from the database, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The base of all tables. It names every constraint, so that migrations can refer to them on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012
        datetime: UtcDateTime(),
        dict[str, Any]: JSON,
        list[dict[str, Any]]: JSON,
        list[str]: JSON,
        int: BigInteger,
    }


def new_id() -> str:
    """Return a random id that is safe in a URL: 22 characters, 128 bits."""
    return secrets.token_urlsafe(16)


class _RowMixin:
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id, sort_order=-2)
    created_at: Mapped[datetime] = mapped_column(default=utc_now, sort_order=-1)


class _LeasedMixin:
    """What a worker claims: see `store.leased_rows`. `attempt` counts the claims."""

    state: Mapped[str] = mapped_column(String(16), default=QUEUED)
    attempt: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None] = mapped_column(String(200))  # store.workers.claim_name
    lease_until: Mapped[datetime | None]


class User(_RowMixin, Base):
    """An owner of datasets and jobs. A single machine has one: the local admin."""

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(String(200), unique=True)
    role: Mapped[str] = mapped_column(String(16), default="user")  # user | admin


class Token(_RowMixin, Base):
    """An API token. The row has its hash, and its first characters so that users can recognize it."""

    __tablename__ = "tokens"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    prefix: Mapped[str] = mapped_column(String(16))
    last_used_at: Mapped[datetime | None]


class SignInLink(_RowMixin, Base):
    """A link that signs a user in once."""

    __tablename__ = "sign_in_links"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class BrowserSession(_RowMixin, Base):
    """A browser that is signed in. Its cookie has the signed id; it is signed out by deleting the row."""

    __tablename__ = "sessions"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_id: Mapped[str | None] = mapped_column(ForeignKey("tokens.id", ondelete="CASCADE"), index=True)
    address: Mapped[str] = mapped_column(String(64))  # where it was last used
    browser: Mapped[str] = mapped_column(String(300))  # User-Agent
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Dataset(_RowMixin, Base):
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


class Job(_RowMixin, _LeasedMixin, Base):
    """A job. Only `store.jobs`, `store.leases` and `store.job_recovery` change its state.

    `attempt` counts the claims, and every write of a worker has it as a condition.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_state_kind", "state", "kind"),
        Index("ix_jobs_owner_id_created_at", "owner_id", "created_at"),
    )

    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))  # protect | train | verify, or one of INTERNAL
    dataset_id: Mapped[str | None] = mapped_column(ForeignKey("datasets.id", ondelete="SET NULL"), index=True)
    target_job_id: Mapped[str | None] = mapped_column(
        String(32), index=True
    )  # the protect job that a verify job measures
    spec: Mapped[dict[str, Any]] = mapped_column(default=dict)
    request_id: Mapped[str | None] = mapped_column(String(100))

    released: Mapped[int] = mapped_column("handed_back", default=0)  # attempts that a stopping worker released
    outage_since: Mapped[datetime | None]  # when the object store stopped to answer this job; see worker.store_outage
    enqueued_at: Mapped[datetime | None] = mapped_column("rung_at")  # when its last message was enqueued
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    seq: Mapped[int] = mapped_column(default=1)  # raised by every change, for those who follow the job

    queue: Mapped[str | None] = mapped_column(String(16))  # whose workers run it; None: that of its kind
    estimate: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # store.estimates.Estimate
    measured: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # the same, as it took

    stage: Mapped[str | None] = mapped_column(String(32))
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    eta_seconds: Mapped[float | None]
    error: Mapped[str | None] = mapped_column(Text)

    started_at: Mapped[datetime | None]
    ran_seconds: Mapped[float] = mapped_column(default=0.0, server_default="0")  # in all attempts, without waiting
    finished_at: Mapped[datetime | None] = mapped_column(index=True)
    keep_days: Mapped[int | None]  # how long its results are kept after its end; None for ever
    archive_key: Mapped[str | None] = mapped_column(String(300))
    archive_bytes: Mapped[int | None]
    archive_ready_at: Mapped[datetime | None]  # since when there is an archive, also before the job is over
    archive_common_bytes: Mapped[int | None]  # first bytes that all archives of this job share; None: there was one
    report_key: Mapped[str | None] = mapped_column(String(300))
    page_key: Mapped[str | None] = mapped_column(String(300))

    @property
    def expires_at(self) -> datetime | None:
        """When the job is deleted with its results; None for never, and while it is not over."""
        if self.finished_at is None or self.keep_days is None:
            return None
        return self.finished_at + timedelta(days=self.keep_days)


class Piece(_LeasedMixin, Base):
    """A part of a running job that another worker may compute: queued -> running -> succeeded; see `store.pieces`.

    Its result lies among the checkpoints of the job, under its name.
    """

    __tablename__ = "pieces"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    place: Mapped[int]  # in the order of the worker that runs the job; helpers begin with the last
    queue: Mapped[str] = mapped_column(String(16))  # whose workers may compute it
    needs: Mapped[str] = mapped_column(String(300))  # on what kind of device, and with which versions


class Worker(_RowMixin, Base):
    """A worker process that lives, or was seen lately. No job depends on it: what it runs stands in the job's row."""

    __tablename__ = "workers"

    host: Mapped[str] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(String(16))  # one of store.task_queue.WORKER_NAMES
    queues: Mapped[list[str]]  # from which it takes jobs; see store.workforce
    device: Mapped[str] = mapped_column(String(200))
    version: Mapped[str] = mapped_column(String(64))
    seen_at: Mapped[datetime] = mapped_column(index=True)


class Counter(Base):
    """What the whole service has counted of one kind; see `store.counters`."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    labels: Mapped[str] = mapped_column(String(200), primary_key=True)  # their values; empty for none
    value: Mapped[float]


class Generator(_RowMixin, Base):
    """A trained noise generator, which ships with the service or is the result of a train job."""

    __tablename__ = "generators"

    name: Mapped[str] = mapped_column(String(200))
    file_key: Mapped[str] = mapped_column(String(300))
    sha256: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int]
    method: Mapped[str] = mapped_column(String(32))
    architecture: Mapped[str] = mapped_column(String(64))
    channels: Mapped[int]
    size: Mapped[int]
    classes: Mapped[int]
    radius_u: Mapped[int]
    radius_a: Mapped[int]
    card: Mapped[dict[str, Any]]  # core.generators.card.Card.to_dict()
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"), index=True)


class Upload(_RowMixin, Base):
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


class Deployment(_RowMixin, Base):
    """The one row that says which object store this database owns; see `store.deployment`."""

    __tablename__ = "deployment"

    mark: Mapped[str] = mapped_column(String(32))
    next_mark: Mapped[str | None] = mapped_column(String(32))
    place: Mapped[str] = mapped_column(String(500))
    adopted_at: Mapped[datetime | None]
    cleaned_at: Mapped[datetime | None]


class Maintenance(Base):
    """The one row of a command that holds the maintenance mode; see `store.maintenance_mode`."""

    __tablename__ = "maintenance"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    holder: Mapped[str] = mapped_column(String(32))
    reason: Mapped[str] = mapped_column(String(200))
    refuses_writes: Mapped[bool]
    until: Mapped[datetime]


class Deletion(_RowMixin, Base):
    """Files that had to go with a row, and since when it is proven that none is left; see `store.deletions`."""

    __tablename__ = "deletions"

    prefix: Mapped[str] = mapped_column(String(300), index=True)
    reason: Mapped[str] = mapped_column(String(16))  # requested | expired | assembled
    proven_at: Mapped[datetime | None] = mapped_column(index=True)


class IdempotencyKey(_RowMixin, Base):
    """A stored response: a request that is sent twice with the same key takes effect once."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (UniqueConstraint("owner_id", "key"),)

    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(200))
    request: Mapped[str] = mapped_column(
        String(64)
    )  # hash of the request: another request with the same key is refused
    status: Mapped[int | None]
    location: Mapped[str | None] = mapped_column(String(500))
    body: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
