"""Rows for the tests of the store and the worker."""

from datetime import timedelta
from typing import Any

from sqlalchemy import update

from store import datasets, jobs, leases, users, workers
from store import models as m
from store.clock import now
from store.database import Database
from store.leases import Claim
from store.queue_places import QueuePlace, queue_places
from store.settings import Settings
from store.workers import WorkerCard
from store.workforce import read_workforce

DEFAULT = Settings(_env_file=None)


def new_dataset(database: Database, *, state: str = m.READY, **values: Any) -> str:
    """Insert a dataset of the local admin, without a check job; return its id."""
    with database.write.begin() as session:
        owner = users.local_admin(session)
        dataset = m.Dataset(id=m.new_id(), owner_id=owner.id, name="pictures", state=state, **values)
        session.add(dataset)
    return dataset.id


def new_job(database: Database, *, dataset_id: str | None = None, kind: str = m.PROTECT, **spec: Any) -> str:
    """Insert a queued job of the local admin; return its id."""
    dataset_id = dataset_id or new_dataset(database)
    with database.write.begin() as session:
        owner = users.local_admin(session)
        new = jobs.NewJob(owner_id=owner.id, kind=kind, dataset_id=dataset_id, spec=spec)
        return jobs.create(session, new).id


def new_check(
    database: Database, settings: Settings = DEFAULT, *, filename: str = "a.zip", size: int = 3
) -> tuple[str, str]:
    """Insert a dataset that is being checked, and its check job; return their ids."""
    with database.write.begin() as session:
        owner = users.local_admin(session)
        upload = datasets.StoredUpload(
            dataset_id=m.new_id(), owner_id=owner.id, name="pictures", filename=filename, size=size
        )
        dataset, job = datasets.create_with_check(session, upload, ttl_days=settings.dataset_ttl_days)
    return dataset.id, job.id


def claim(database: Database, job_id: str, *, worker: str = "w1", lease_seconds: float = 30) -> Claim | None:
    """Claim a job in a transaction of its own."""
    with database.write.begin() as session:
        return leases.claim(session, job_id, worker=worker, lease_seconds=lease_seconds)


def must_claim(database: Database, job_id: str, *, worker: str = "w1") -> Claim:
    """Claim a job that can be claimed."""
    claimed = claim(database, job_id, worker=worker)
    assert claimed is not None
    return claimed


def job_of(database: Database, job_id: str) -> m.Job:
    """Return the current row."""
    with database.read() as session:
        job = session.get(m.Job, job_id)
    assert job is not None
    return job


def dataset_of(database: Database, dataset_id: str) -> m.Dataset:
    """Return the current row."""
    with database.read() as session:
        dataset = session.get(m.Dataset, dataset_id)
    assert dataset is not None
    return dataset


def new_worker(
    database: Database, *, name: str = "science", queues: tuple[str, ...] = ("cpu", "short"), silent_seconds: float = 0
) -> str:
    """Insert the row of a worker that was seen some time ago; return its id."""
    card = WorkerCard(id=m.new_id(), host="box", name=name, queues=queues, device="CPU, 2 cores", version="0.0.0")
    with database.write.begin() as session:
        workers.write(session, card)
        seen = now(session) - timedelta(seconds=silent_seconds)
        session.flush()
        session.execute(update(m.Worker).where(m.Worker.id == card.id).values(seen_at=seen))
    return card.id


def places_of(database: Database, settings: Settings = DEFAULT) -> dict[str, QueuePlace]:
    """The places of all waiting jobs."""
    with database.read() as session:
        return queue_places(session, read_workforce(session, settings))


def expire(database: Database, job_id: str) -> None:
    """Let the lease of a job expire, as if its worker had stopped responding."""
    with database.write.begin() as session:
        expired = now(session) - timedelta(seconds=1)
        session.execute(update(m.Job).where(m.Job.id == job_id).values(lease_until=expired))
