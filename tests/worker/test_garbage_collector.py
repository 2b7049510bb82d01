"""Files that no row names go away, and no other."""

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from store import datasets, generators, jobs, leases, users
from store import models as m
from store.clock import utc_now
from store.leases import JobResult
from store.object_keys import checkpoint_key, upload_key
from store.settings import Settings
from tests.support.generator_rows import card_file
from tests.support.rows import must_claim, new_dataset, new_job
from tests.support.store_failure import Away
from worker.context import WorkerContext, open_service
from worker.garbage_collector import OWNER, collect_garbage
from worker.maintenance import tidy

DAY = 86400
OLD = 1.5 * DAY


@pytest.fixture
def service(each_settings: Settings) -> Iterator[WorkerContext]:
    """A service whose database is ten days old."""
    service = open_service(each_settings)
    with service.database.write.begin() as session:
        users.local_admin(session)
        session.execute(update(m.User).values(created_at=utc_now() - timedelta(days=10)))
    yield service
    service.database.dispose()


def stored(service: WorkerContext, key: str, *, age: float = OLD) -> str:
    """A file that lies in the store for so many seconds; its key."""
    service.files.write(key, b"data")
    then = time.time() - age
    os.utime(Path(service.settings.store) / key, (then, then))
    return key


def test_files_of_a_deleted_dataset(service: WorkerContext) -> None:
    kept = stored(service, upload_key(new_dataset(service.database)))
    gone = new_dataset(service.database)
    stored(service, upload_key(gone))
    with service.database.write.begin() as session:
        assert datasets.delete(session, gone)  # and the process dies
    arriving = stored(service, upload_key(m.new_id()), age=DAY / 2)  # its row is not there yet
    tidy(service)
    assert service.files.list("datasets") == sorted([kept, arriving])


def test_what_a_job_that_is_over_does_not_name(service: WorkerContext) -> None:
    id_ = new_job(service.database)
    held = must_claim(service.database, id_)
    stored(service, f"jobs/{id_}/results/0/archive.zip", age=0)  # an attempt that was killed before its commit
    stored(service, checkpoint_key(id_, "noise"), age=0)
    named = [stored(service, f"jobs/{id_}/results/1/{name}") for name in ("archive.zip", "report.html", "report.json")]
    tidy(service)
    assert len(service.files.list(f"jobs/{id_}")) == 5
    with service.database.write.begin() as session:
        result = JobResult(archive_key=named[0], archive_bytes=4, page_key=named[1], report_key=named[2])
        assert leases.succeed(session, held, result)
    tidy(service)
    assert service.files.list(f"jobs/{id_}") == named


def test_what_is_left_of_jobs_without_a_result(service: WorkerContext) -> None:
    failed, waiting = new_job(service.database), new_job(service.database)
    with service.database.write.begin() as session:
        assert jobs.request_cancel(session, failed)
    kept = stored(service, checkpoint_key(waiting, "noise"))
    for id_ in (failed, m.new_id()):
        stored(service, checkpoint_key(id_, "noise"))
    tidy(service)
    assert service.files.list("jobs") == [kept]


def test_generators(service: WorkerContext, tmp_path: Path) -> None:
    trained, training = (new_job(service.database, kind=m.TRAIN) for _ in range(2))
    with service.database.write.begin() as session:
        file = generators.store_file(service.files, trained, card_file(tmp_path / "a.safetensors"))
        generators.upsert(session, trained, file, job_id=trained)
        ships = generators.store_file(service.files, "ships", card_file(tmp_path / "b.safetensors"))
        generators.upsert(session, "ships", ships)
        jobs.request_cancel(session, trained)
    kept = [file.key, ships.key]
    kept += [stored(service, key) for key in ("generators/ships/earlier", f"generators/{training}/begun")]
    kept += [stored(service, "generators/offered/now", age=60)]
    for key in (f"generators/{trained}/of-a-lost-attempt", "generators/nobodys/file"):
        stored(service, key)
    tidy(service)
    assert service.files.list("generators") == sorted(kept)


def test_what_is_older_than_the_database_stays(service: WorkerContext) -> None:
    """A new database on a store that is in use knows nothing of it."""
    keys = [stored(service, f"{root}/{m.new_id()}/file", age=11 * DAY) for root in ("datasets", "jobs", "generators")]
    tidy(service)
    assert all(service.files.exists(key) for key in keys)


def test_one_file_that_cannot_be_removed_keeps_no_other(service: WorkerContext, away: Away) -> None:
    ids = sorted(m.new_id() for _ in range(3))
    keys = [stored(service, upload_key(id_)) for id_ in ids]
    with away(keys[0]):
        assert sorted(collect_garbage(service)) == keys[1:]
    assert collect_garbage(service) == keys[:1]


def test_in_another_databases_store_nothing_is_removed(service: WorkerContext) -> None:
    tidy(service)
    orphan = stored(service, checkpoint_key(m.new_id(), "noise"))
    ours = service.files.load(OWNER)
    service.files.write(OWNER, m.new_id().encode())
    assert collect_garbage(service) == []
    service.files.write(OWNER, ours)
    assert collect_garbage(service) == [orphan]
