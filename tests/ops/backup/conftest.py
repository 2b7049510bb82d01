"""A deployment with something to back up."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from store import deployment
from store import models as m
from store.leases import JobResult, succeed
from store.object_keys import checkpoint_key, upload_key
from store.object_store import ObjectStore
from store.settings import Settings
from tests.support.rows import must_claim, new_dataset, new_job
from worker.context import WorkerContext, open_worker_context


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """Where the backup of a test goes."""
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder / "night.tar"


@pytest.fixture
def filled(settings: Settings) -> Iterator[WorkerContext]:
    """A deployment with a dataset, a finished job, and one that has begun."""
    context = open_worker_context(settings)
    fill(context)
    yield context
    context.database.dispose()


def fill(context: WorkerContext) -> str:
    """Make rows and their objects; return the id of the finished job."""
    deployment.adopt_if_new(context.settings, context.database, context.files)
    dataset_id = new_dataset(context.database)
    context.files.write(upload_key(dataset_id), b"an upload")
    with context.database.write.begin() as session:
        session.get_one(m.Dataset, dataset_id).file_key = upload_key(dataset_id)
    id_ = new_job(context.database, dataset_id=dataset_id)
    claim = must_claim(context.database, id_)
    keys = [f"jobs/{id_}/results/1/{name}" for name in ("archive.zip", "report.html", "report.json")]
    for key in keys:
        context.files.write(key, key.encode())
    result = JobResult(archive_key=keys[0], archive_bytes=len(keys[0]), page_key=keys[1], report_key=keys[2])
    with context.database.write.begin() as session:
        assert succeed(session, claim, result)
    begun = new_job(context.database, dataset_id=dataset_id)
    must_claim(context.database, begun)
    context.files.write(checkpoint_key(begun, "noise"), b"half of the noise")
    context.files.write(checkpoint_key(id_, "noise"), b"superfluous")
    return id_


def objects_of(files: ObjectStore) -> dict[str, bytes]:
    return {key: files.load(key) for root in ("datasets", "jobs") for key in files.list(root)}


def empty_place(make_settings: Callable[..., Settings], folder: Path, **changes: Any) -> Settings:
    settings = make_settings(data_dir=folder, **changes)
    (folder / "unteachable.db").unlink(missing_ok=True)
    return settings
