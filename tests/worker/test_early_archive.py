"""A protect job offers its archive before it measures: what a kill, a cancel and a failure in between leave behind."""

import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.recipes.protection_archive import NOT_MEASURED_YET
from store import deployment, jobs, leases
from store import models as m
from store.leases import JobResult
from tests.support.processes import Command, family_of, is_alive
from tests.support.rows import expire, job_of, must_claim, new_job
from tests.support.waiting import wait_until
from tests.support.workers import Start, enqueue, start_worker, wait_for_stage, wait_for_state
from tests.worker.conftest import Upload
from worker.context import WorkerContext
from worker.executor import run_job
from worker.garbage_collector import collect_garbage
from worker.handlers.protect import offer_archive
from worker.lease_keeper import LeaseKeeper
from worker.recovery import recover
from worker.running_job import RunningJob
from worker.stop_reasons import LeaseLost

pytestmark = pytest.mark.timeout(600)
INSTANT = {"preset": "instant", "evidence": "quick", "evidence_minutes": 1}


@pytest.fixture
def dataset(context: WorkerContext, upload: Upload) -> str:
    """A dataset that is ready, with enough images for a test set."""
    dataset_id, check = upload(classes=2, per_class=130)
    run_job(context, check)
    return dataset_id


def archive_of(context: WorkerContext, job_id: str) -> bytes:
    """The archive that the job offers, after a check that it is complete."""
    row = job_of(context.database, job_id)
    assert row.archive_key is not None
    assert row.archive_ready_at is not None
    data = context.files.load(row.archive_key)
    assert len(data) == row.archive_bytes
    return data


def read(data: bytes, name: str, folder: Path) -> bytes:
    path = folder / "archive.zip"
    path.write_bytes(data)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert sum(n.endswith(".png") for n in archive.namelist()) == 260
        return archive.read(name)


def keys_of(context: WorkerContext, job_id: str) -> set[str]:
    keys = context.files.list(f"jobs/{job_id}")
    return {key.removeprefix(f"jobs/{job_id}/").partition("/images/")[0] for key in keys}


@pytest.mark.slow
def test_a_worker_killed_while_it_measures_makes_no_noise_and_writes_nothing_again(
    context: WorkerContext, dataset: str, science_worker: Command, commands: Start, tmp_path: Path
) -> None:
    id_ = new_job(context.database, dataset_id=dataset, **INSTANT)
    enqueue(context, id_, m.PROTECT)
    wait_for_stage(context, id_, "evidence")
    offered = archive_of(context, id_)
    assert NOT_MEASURED_YET in read(offered, "report.json", tmp_path).decode()
    family = family_of(science_worker.pid)
    science_worker.kill()
    wait_until(lambda: not any(is_alive(pid) for pid in family), seconds=5)
    other = start_worker(commands, context, "science")
    wait_until(lambda: job_of(context.database, id_).attempt == 2, seconds=60)
    assert archive_of(context, id_) == offered
    row = wait_for_state(context, id_, m.SUCCEEDED, seconds=300)
    assert '"event": "job.archive_ready"' not in other.said()  # it was not made again
    final = archive_of(context, id_)
    assert row.archive_common_bytes is not None
    assert final[: row.archive_common_bytes] == offered[: row.archive_common_bytes]
    assert NOT_MEASURED_YET not in read(final, "report.json", tmp_path).decode()
    assert context.files.load(f"jobs/{id_}/early/1/archive.zip") == offered  # a download of it may still run


@pytest.mark.slow
def test_a_job_canceled_while_it_measures_keeps_its_archive(
    context: WorkerContext, dataset: str, science_worker: Command, tmp_path: Path
) -> None:
    id_ = new_job(context.database, dataset_id=dataset, **INSTANT)
    enqueue(context, id_, m.PROTECT)
    wait_for_stage(context, id_, "evidence")
    with context.database.write.begin() as session:
        jobs.request_cancel(session, id_)
    wait_for_state(context, id_, m.CANCELED, seconds=5)
    assert read(archive_of(context, id_), "MANIFEST.json", tmp_path)
    wait_until(lambda: keys_of(context, id_) == {"early/1/archive.zip", "early/1"}, seconds=5)
    collect_garbage(context)
    assert archive_of(context, id_)


def test_a_job_whose_measurement_fails_keeps_its_archive_and_says_so(
    context: WorkerContext, dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("core.recipes.protect.measure_evidence", out_of_memory)
    id_ = new_job(context.database, dataset_id=dataset, **INSTANT)
    with pytest.raises(MemoryError):
        run_job(context, id_)
    row = job_of(context.database, id_)
    assert row.state == m.FAILED
    assert "the archive is complete" in (row.error or "")
    assert "ran out of memory" in (row.error or "")
    assert read(archive_of(context, id_), "report.html", tmp_path)
    assert keys_of(context, id_) == {"early/1/archive.zip", "early/1"}


def test_a_job_that_loses_its_workers_while_it_measures_keeps_its_archive(context: WorkerContext) -> None:
    id_ = new_job(context.database)
    for attempt in range(1, context.settings.max_attempts + 1):
        claim = must_claim(context.database, id_)
        if attempt == 1:
            key = f"jobs/{id_}/early/1/archive.zip"
            context.files.write(key, b"zip")
            context.files.write(f"jobs/{id_}/work/checkpoint", b"x")
            with context.database.write.begin() as session:
                assert leases.record_archive(session, claim, key=key, size=3)
        expire(context.database, id_)
        recover(context)
    row = job_of(context.database, id_)
    assert row.state == m.FAILED
    assert "the archive is complete" in (row.error or "")
    assert archive_of(context, id_) == b"zip"
    assert context.files.list(f"jobs/{id_}") == [row.archive_key]


def test_a_worker_that_lost_its_lease_offers_nothing(context: WorkerContext, dataset: str, tmp_path: Path) -> None:
    id_ = new_job(context.database, dataset_id=dataset)
    claim = must_claim(context.database, id_)
    expire(context.database, id_)
    recover(context)
    archive = tmp_path / "protected.zip"
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("MANIFEST.json", '{"files": [], "spec": {}, "generator": {}}')
    job = RunningJob(context=context, claim=claim, lease=LeaseKeeper(context, claim), scratch=tmp_path)
    with pytest.raises(LeaseLost):
        offer_archive(job, archive)
    assert job_of(context.database, id_).archive_key is None


def test_an_archive_that_was_replaced_is_collected_after_its_downloads(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = new_job(context.database)
    claim = must_claim(context.database, id_)
    early, final = f"jobs/{id_}/early/1/archive.zip", f"jobs/{id_}/results/1/archive.zip"
    for key in (early, final, f"jobs/{id_}/results/1/report.json"):
        context.files.write(key, b"zip")
    result = JobResult(archive_key=final, archive_bytes=3, archive_common_bytes=2, report_key=final, page_key=final)
    with context.database.write.begin() as session:
        assert leases.record_archive(session, claim, key=early, size=3)
        assert leases.succeed(session, claim, result)
    deployment.adopt(context.settings, context.database, context.files)
    assert collect_garbage(context) == []
    monkeypatch.setattr("worker.garbage_collector.EARLY_ARCHIVE_GRACE", timedelta(seconds=-5))
    assert collect_garbage(context) == [early]
