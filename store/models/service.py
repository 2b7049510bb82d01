"""The tables of the service itself: its workers and counters, what it owns and deletes, and stored responses."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.models.base import Base, RowMixin


class Worker(RowMixin, Base):
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


class Deployment(RowMixin, Base):
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


class Deletion(RowMixin, Base):
    """Files that had to go with a row, and since when it is proven that none is left; see `store.deletions`."""

    __tablename__ = "deletions"

    prefix: Mapped[str] = mapped_column(String(300), index=True)
    reason: Mapped[str] = mapped_column(String(16))  # requested | expired | assembled
    proven_at: Mapped[datetime | None] = mapped_column(index=True)


class IdempotencyKey(RowMixin, Base):
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
