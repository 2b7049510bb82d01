"""The JSON bodies of what admins see: workers and queues."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from store.workers import ListedWorker


class WorkerOut(BaseModel):
    """A worker that runs, or that ended without a word within the last day."""

    id: str
    host: str = Field(description="The name of its machine.")
    name: str = Field(description="What it was started as: science, check, short, cpu or gpu.")
    queues: list[str] = Field(
        description="The queues from which it takes jobs. Where there is no GPU worker, those of cpu take the jobs "
        "of gpu too."
    )
    device: str
    version: str = Field(description="The version of this program that it runs.")
    started_at: datetime
    seen_at: datetime
    live: bool = Field(description="Whether it was seen within the time of a lease.")
    job_id: str | None = Field(description="The job that it runs.")
    job_kind: str | None

    @classmethod
    def of(cls, worker: ListedWorker) -> Self:
        """The JSON form of a worker."""
        row = worker.row
        return cls(
            id=row.id,
            host=row.host,
            name=row.name,
            queues=row.queues,
            device=row.device,
            version=row.version,
            started_at=row.created_at,
            seen_at=row.seen_at,
            live=worker.is_live,
            job_id=worker.job_id,
            job_kind=worker.job_kind,
        )


class QueueStateOut(BaseModel):
    """A queue of jobs."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(description="check, short, cpu or gpu.")
    waiting: int = Field(description="Jobs that a worker could claim.")
    running: int = Field(description="Jobs that a worker has claimed.")
    oldest_seconds: float = Field(description="Since the oldest waiting job was requested; 0 where none waits.")
    workers: int = Field(description="Live workers that take its jobs.")
