"""Protect jobs on drawn images: in a real science worker (run, killed, canceled), and in this process (refused)."""

import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from store import jobs
from store import models as m
from tests.support.processes import Command, family_of, is_alive
from tests.support.rows import job_of, new_job
from tests.support.waiting import wait_until
from tests.support.workers import Start, count_claims, enqueue, start_worker, wait_for_stage, wait_for_state
from tests.worker.conftest import Upload
from worker.context import InvalidSetting, WorkerContext
from worker.executor import run_job

pytestmark = pytest.mark.timeout(600)
QUICK = {"method": "em", "evidence": "none"}  # the least work that has every stage except the evidence


@pytest.fixture
def dataset(context: WorkerContext, upload: Upload) -> str:
    """A small dataset that is ready."""
    dataset_id, check = upload(classes=2, per_class=20)
    run_job(context, check)
    return dataset_id


def results_of(context: WorkerContext, job_id: str) -> list[str]:
    """The keys of a job in the object store, without their common prefix."""
    return [key.removeprefix(f"jobs/{job_id}/") for key in context.files.list(f"jobs/{job_id}")]


def sha256_of(context: WorkerContext, job_id: str, folder: Path) -> str:
    """The hash of one image in the job's archive, after a check of the archive's contents."""
    row = job_of(context.database, job_id)
    assert row.archive_key is not None
    assert row.report_key is not None
    path = folder / f"{job_id}.zip"
    context.files.fetch(row.archive_key, path)
    assert path.stat().st_size == row.archive_bytes
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len([name for name in names if name.endswith(".png")]) == 40
        assert json.loads(archive.read("report.json")) == json.loads(context.files.load(row.report_key))
        return hashlib.sha256(archive.read("class-0/00000.png")).hexdigest()


def test_a_protect_job_stores_its_archive_and_report(
    context: WorkerContext, dataset: str, science_worker: Command, tmp_path: Path
) -> None:
    id_ = new_job(context.database, dataset_id=dataset, **QUICK)
    enqueue(context, id_, m.PROTECT)
    row = wait_for_state(context, id_, m.SUCCEEDED, seconds=200)
    assert sha256_of(context, id_, tmp_path)
    names = ("archive.zip", "images/00000.json", "report.html", "report.json")
    wait_until(lambda: results_of(context, id_) == [f"results/1/{n}" for n in names])
    assert (row.attempt, row.error, row.cancel_requested) == (1, None, False)
    wait_until(lambda: list(context.settings.scratch.iterdir()) == [])


@pytest.mark.slow
def test_a_job_runs_again_when_the_whole_worker_is_killed(
    context: WorkerContext, dataset: str, science_worker: Command, commands: Start, tmp_path: Path
) -> None:
    id_ = new_job(context.database, dataset_id=dataset, **QUICK)
    enqueue(context, id_, m.PROTECT)
    wait_for_stage(context, id_, "training")
    family = family_of(science_worker.pid)
    assert len(family) > 1
    science_worker.kill()
    wait_until(lambda: not any(is_alive(pid) for pid in family), seconds=5)
    other = start_worker(commands, context, "science")
    row = wait_for_state(context, id_, m.SUCCEEDED, seconds=200)
    assert (row.attempt, count_claims(science_worker), count_claims(other)) == (2, 1, 1)
    assert sha256_of(context, id_, tmp_path)
    names = ("archive.zip", "images/00000.json", "report.html", "report.json")
    wait_until(lambda: results_of(context, id_) == [f"results/2/{n}" for n in names])
    wait_until(lambda: list(context.settings.scratch.iterdir()) == [], seconds=30)


@pytest.mark.slow
def test_a_protect_job_is_canceled_within_five_seconds_in_its_long_stages(
    context: WorkerContext, upload: Upload, science_worker: Command
) -> None:
    """The other stages are too short for this test; test_celery.py cancels a job while it decodes."""
    dataset, check = upload(classes=2, per_class=130)  # so that a fifth of them is enough for a test set
    run_job(context, check)
    specs = {
        "training": {"preset": "standard", "method": "em", "evidence": "none"},
        "evidence": {"preset": "instant", "evidence": "quick"},
    }
    for stage, spec in specs.items():
        id_ = new_job(context.database, dataset_id=dataset, **spec)
        enqueue(context, id_, m.PROTECT)
        wait_for_stage(context, id_, stage)
        with context.database.write.begin() as session:
            jobs.request_cancel(session, id_)
        wait_for_state(context, id_, m.CANCELED, seconds=5)
        wait_until(lambda id_=id_: not any(n.startswith(("work/", "results/")) for n in results_of(context, id_)))
        assert bool(results_of(context, id_)) == (stage == "evidence")  # the archive that was offered before stays
        wait_until(lambda: list(context.settings.scratch.iterdir()) == [], seconds=5)


def test_a_job_with_an_invalid_spec_fails_with_the_reason(context: WorkerContext, dataset: str) -> None:
    id_ = new_job(context.database, dataset_id=dataset, radius_u=4, radius_a=8)
    run_job(context, id_)
    row = job_of(context.database, id_)
    assert row.state == m.FAILED
    assert "radius_a" in (row.error or "")


def test_a_job_whose_results_cannot_be_stored_fails_with_the_reason(context: WorkerContext, dataset: str) -> None:
    id_ = new_job(context.database, dataset_id=dataset, **QUICK)
    (Path(context.settings.store) / "jobs").write_text("a file where a folder should be")
    with pytest.raises(OSError, match="Not a directory"):
        run_job(context, id_)
    row = job_of(context.database, id_)
    assert row.state == m.FAILED
    assert "could not read or write its files" in (row.error or "")
    assert list(context.settings.scratch.iterdir()) == []


def test_a_missing_device_is_reported_as_an_invalid_setting(context: WorkerContext, dataset: str) -> None:
    misconfigured = replace(context, settings=context.settings.model_copy(update={"device": "tpu"}))
    id_ = new_job(context.database, dataset_id=dataset, **QUICK)
    with pytest.raises(InvalidSetting):
        run_job(misconfigured, id_)
    row = job_of(context.database, id_)
    assert row.state == m.FAILED
    assert "invalid setting" in (row.error or "")
    assert "UNTEACHABLE_DEVICE: There is no device “tpu”" in (row.error or "")
