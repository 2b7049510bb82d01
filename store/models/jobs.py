"""The tables of jobs and their pieces. Every change of a job's row raises its `seq`."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from store.models.base import Base, RowMixin

QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELED = "queued", "running", "succeeded", "failed", "canceled"
FINAL = (SUCCEEDED, FAILED, CANCELED)
PROTECT, TRAIN, VERIFY = "protect", "train", "verify"
CHECK, PREVIEW, TRIAL = "check", "preview", "trial"
INTERNAL = (CHECK, PREVIEW, TRIAL)  # never listed as jobs; deleting their dataset cancels them


class LeasedMixin:
    """What a worker claims: see `store.leased_rows`. `attempt` counts the claims."""

    state: Mapped[str] = mapped_column(String(16), default=QUEUED)
    attempt: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None] = mapped_column(String(200))  # store.workers.claim_name
    lease_until: Mapped[datetime | None]


class Job(RowMixin, LeasedMixin, Base):
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


class Piece(LeasedMixin, Base):
    """A part of a running job that another worker may compute: queued -> running -> succeeded; see `store.pieces`.

    Its result lies among the checkpoints of the job, under its name.
    """

    __tablename__ = "pieces"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    place: Mapped[int]  # in the order of the worker that runs the job; helpers begin with the last
    queue: Mapped[str] = mapped_column(String(16))  # whose workers may compute it
    needs: Mapped[str] = mapped_column(String(300))  # on what kind of device, and with which versions
