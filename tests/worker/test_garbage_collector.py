"""Objects that no row refers to are deleted, and no others."""

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from store import datasets, deployment, generators, jobs, leases, users
from store import models as m
from store.clock import utc_now
from store.leases import JobResult
from store.object_keys import checkpoint_key, upload_key, upload_part_key
from store.settings import Settings
from tests.support.generator_rows import card_file
from tests.support.rows import must_claim, new_dataset, new_job
from tests.support.store_failure import FailingStore
from worker.context import WorkerContext, open_worker_context
from worker.garbage_collector import collect_garbage
from worker.maintenance import remove_unused_files

DAY = 86400
OLD = 1.5 * DAY


@pytest.fixture
def context(each_settings: Settings) -> Iterator[WorkerContext]:
    """A worker context whose database is ten days old."""
    context = open_worker_context(each_settings)
    with context.database.write.begin() as session:
        users.local_admin(session)
        session.execute(update(m.User).values(created_at=utc_now() - timedelta(days=10)))
    deployment.adopt(context.settings, context.database, context.files)
    yield context
    context.database.dispose()


def stored(context: WorkerContext, key: str, *, age: float = OLD) -> str:
    """Store an object that is `age` seconds old; return its key."""
    context.files.write(key, b"data")
    then = time.time() - age
    os.utime(Path(context.settings.store) / key, (then, then))
    return key


def test_files_of_a_deleted_dataset_are_deleted(context: WorkerContext) -> None:
    expected = stored(context, upload_key(new_dataset(context.database)))
    deleted_dataset = new_dataset(context.database)
    stored(context, upload_key(deleted_dataset))
    with context.database.write.begin() as session:
        assert datasets.delete(session, deleted_dataset)  # as if the process had died before it deleted the files
    arriving = stored(context, upload_key(m.new_id()), age=DAY / 2)  # its row is not inserted yet
    remove_unused_files(context)
    assert context.files.list("datasets") == sorted([expected, arriving])


def test_only_the_results_of_a_succeeded_job_stay(context: WorkerContext) -> None:
    id_ = new_job(context.database)
    held = must_claim(context.database, id_)
    stored(context, f"jobs/{id_}/results/0/archive.zip", age=0)  # of an attempt that was killed before its commit
    stored(context, checkpoint_key(id_, "noise"), age=0)
    named = [stored(context, f"jobs/{id_}/results/1/{name}") for name in ("archive.zip", "report.html", "report.json")]
    remove_unused_files(context)
    assert len(context.files.list(f"jobs/{id_}")) == 5
    with context.database.write.begin() as session:
        result = JobResult(archive_key=named[0], archive_bytes=4, page_key=named[1], report_key=named[2])
        assert leases.succeed(session, held, result)
    remove_unused_files(context)
    assert context.files.list(f"jobs/{id_}") == named


def test_only_the_parts_of_unfinished_uploads_stay(context: WorkerContext) -> None:
    dataset_id = new_dataset(context.database)
    with context.database.write.begin() as session:
        owner, later = users.local_admin(session).id, utc_now() + timedelta(days=1)
        rows = [
            m.Upload(
                id=m.new_id(), owner_id=owner, length=9, filename="a", name="a", dataset_id=became, expires_at=later
            )
            for became in (None, dataset_id)
        ]
        session.add_all(rows)
        open_id, done_id = (row.id for row in rows)
    part = stored(context, upload_part_key(open_id, 0, "x"))
    stored(context, upload_part_key(done_id, 0, "x"))
    stored(context, upload_part_key(m.new_id(), 0, "x"))  # of an upload that was deleted while a part was stored
    remove_unused_files(context)
    assert context.files.list("uploads") == [part]


def test_files_of_jobs_without_a_result_are_deleted(context: WorkerContext) -> None:
    failed, waiting = new_job(context.database), new_job(context.database)
    with context.database.write.begin() as session:
        assert jobs.request_cancel(session, failed)
    expected = stored(context, checkpoint_key(waiting, "noise"))
    for id_ in (failed, m.new_id()):
        stored(context, checkpoint_key(id_, "noise"))
    remove_unused_files(context)
    assert context.files.list("jobs") == [expected]


def test_files_of_no_generator_are_deleted(context: WorkerContext, tmp_path: Path) -> None:
    trained, training = (new_job(context.database, kind=m.TRAIN) for _ in range(2))
    with context.database.write.begin() as session:
        file = generators.store_file(context.files, trained, card_file(tmp_path / "a.safetensors"))
        generators.upsert(session, trained, file, job_id=trained)
        ships = generators.store_file(context.files, "ships", card_file(tmp_path / "b.safetensors"))
        generators.upsert(session, "ships", ships)
        jobs.request_cancel(session, trained)
    expected = [file.key, ships.key]
    expected += [stored(context, key) for key in ("generators/ships/earlier", f"generators/{training}/begun")]
    expected += [stored(context, "generators/offered/now", age=60)]
    for key in (f"generators/{trained}/of-a-lost-attempt", "generators/nobodys/file"):
        stored(context, key)
    remove_unused_files(context)
    assert context.files.list("generators") == sorted(expected)


def test_files_that_are_older_than_the_database_stay(context: WorkerContext) -> None:
    """A new database on a used object store has no rows of the files in it."""
    keys = [stored(context, f"{root}/{m.new_id()}/file", age=11 * DAY) for root in ("datasets", "jobs", "generators")]
    remove_unused_files(context)
    assert all(context.files.exists(key) for key in keys)


def test_the_other_files_are_deleted_although_one_cannot_be(
    context: WorkerContext, failing_store: FailingStore
) -> None:
    ids = sorted(m.new_id() for _ in range(3))
    keys = [stored(context, upload_key(id_)) for id_ in ids]
    with failing_store(keys[0]):
        assert sorted(collect_garbage(context)) == keys[1:]
    assert collect_garbage(context) == keys[:1]
