"""Results stay for some days and then are gone, byte by byte; a deletion that fails is done later, and noted."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from store import deletions, deployment, jobs, leases, quarantine
from store import models as m
from store.clock import utc_now
from store.leases import JobResult
from store.object_keys import upload_key
from store.settings import Settings
from tests.support.rows import must_claim, new_dataset, new_job
from tests.support.store_failure import FailingStore
from worker.context import WorkerContext, open_worker_context
from worker.maintenance import remove_unused_files

SECRET = b"the bytes of somebody's photograph"


@pytest.fixture
def context(each_settings: Settings) -> Iterator[WorkerContext]:
    context = open_worker_context(each_settings)
    deployment.adopt_if_new(each_settings, context.database, context.files)
    yield context
    context.database.dispose()


def ended(context: WorkerContext, *, days_ago: float, keep_days: int | None) -> str:
    """A protection that succeeded some days ago; every object of it holds the secret."""
    id_ = new_job(context.database)
    held = must_claim(context.database, id_)
    keys = [f"jobs/{id_}/results/1/{name}" for name in ("archive.zip", "report.html", "report.json")]
    for key in (*keys, quarantine.quarantined(f"jobs/{id_}/work/noise")):
        context.files.write(key, SECRET)
    with context.database.write.begin() as session:
        result = JobResult(archive_key=keys[0], archive_bytes=4, page_key=keys[1], report_key=keys[2])
        assert leases.succeed(session, held, result)
        values = {"finished_at": utc_now() - timedelta(days=days_ago), "keep_days": keep_days}
        session.execute(update(m.Job).where(m.Job.id == id_).values(values))
    return id_


def exists(context: WorkerContext, id_: str) -> bool:
    with context.database.read() as session:
        return session.get(m.Job, id_) is not None


def bytes_of(context: WorkerContext, id_: str) -> list[Path]:
    """Every file on the disk that belongs to an id and holds the secret, wherever it is and however it is named."""
    files = [path for path in Path(context.settings.home).rglob("*") if path.is_file()]
    return [path for path in files if id_ in str(path) and SECRET in path.read_bytes()]


def notes(context: WorkerContext) -> dict[str, tuple[str, bool]]:
    with context.database.read() as session:
        return {row.prefix: (row.reason, row.proven_at is not None) for row in session.scalars(select(m.Deletion))}


def test_results_are_gone_when_they_expire(context: WorkerContext) -> None:
    old = ended(context, days_ago=31, keep_days=30)
    younger = ended(context, days_ago=29, keep_days=30)
    unlimited = ended(context, days_ago=4000, keep_days=None)
    assert len(bytes_of(context, old)) == 4
    remove_unused_files(context)
    assert [exists(context, id_) for id_ in (old, younger, unlimited)] == [False, True, True]
    assert bytes_of(context, old) == []
    assert len(bytes_of(context, younger)) == len(bytes_of(context, unlimited)) == 4
    assert notes(context) == {f"jobs/{old}": (deletions.EXPIRED, True)}


def test_what_is_verified_now_stays(context: WorkerContext) -> None:
    target = ended(context, days_ago=31, keep_days=30)
    with context.database.write.begin() as session:
        owner, dataset_id = session.execute(select(m.Job.owner_id, m.Job.dataset_id).where(m.Job.id == target)).one()
        new = jobs.NewJob(owner_id=owner, kind=m.VERIFY, dataset_id=dataset_id, target_job_id=target)
        verification = jobs.create(session, new).id
    remove_unused_files(context)
    assert exists(context, target)
    with context.database.write.begin() as session:
        jobs.request_cancel(session, verification)
    remove_unused_files(context)
    assert not exists(context, target)


def test_a_deletion_that_fails_is_carried_out_later_and_never_ends_in_quarantine(
    context: WorkerContext, failing_store: FailingStore
) -> None:
    old = ended(context, days_ago=31, keep_days=30)
    dataset_id = new_dataset(context.database)
    context.files.write(upload_key(dataset_id), SECRET)
    with context.database.write.begin() as session:
        expired = utc_now() - timedelta(seconds=1)
        session.execute(update(m.Dataset).where(m.Dataset.id == dataset_id).values(expires_at=expired))
    with failing_store("/"):
        remove_unused_files(context)
    assert not exists(context, old)
    assert len(bytes_of(context, old)) == 4
    expected = {f"jobs/{old}": (deletions.EXPIRED, False), f"datasets/{dataset_id}": (deletions.EXPIRED, False)}
    assert notes(context) == expected
    remove_unused_files(context)
    assert bytes_of(context, old) == bytes_of(context, dataset_id) == []
    assert notes(context) == dict.fromkeys(expected, (deletions.EXPIRED, True))


def test_a_job_says_when_it_expires() -> None:
    finished = utc_now()
    assert m.Job(finished_at=finished, keep_days=30).expires_at == finished + timedelta(days=30)
    assert m.Job(finished_at=None, keep_days=30).expires_at is None
    assert m.Job(finished_at=finished, keep_days=None).expires_at is None
