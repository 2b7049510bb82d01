"""Real protect jobs on drawn pictures, in real science workers: run, killed, cancelled, refused."""

import hashlib
import json
import os
import signal
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from store import jobs
from store import models as m
from tests.support.job_events import Start, claims_in, in_the_middle, ring, until, worker
from tests.support.processes import Command, is_alive, pool_child
from tests.support.rows import job_of, new_job
from tests.support.waiting import wait_until
from tests.worker.conftest import Upload
from worker.context import BadSetting, WorkerContext
from worker.executor import execute

pytestmark = pytest.mark.timeout(600)
Server = subprocess.Popen
QUICK = {"method": "em", "evidence": "none"}  # the least work that has every stage but the evidence


@pytest.fixture
def dataset(service: WorkerContext, upload: Upload) -> str:
    """A small dataset that was checked."""
    dataset_id, check = upload(classes=2, per_class=20)
    execute(service, check)
    return dataset_id


@pytest.fixture
def science(service: WorkerContext, broker: "Server[bytes]", commands: Start) -> Command:
    return worker(commands, service, "science")


def results_of(service: WorkerContext, job_id: str) -> list[str]:
    """What the store keeps of a job, below its folder."""
    return [key.removeprefix(f"jobs/{job_id}/") for key in service.files.list(f"jobs/{job_id}")]


def sha256_of(service: WorkerContext, job_id: str, folder: Path) -> str:
    """Of the archive that the row names, after a look at what is in it."""
    row = job_of(service.database, job_id)
    assert row.archive_key is not None
    assert row.report_key is not None
    path = folder / f"{job_id}.zip"
    service.files.fetch(row.archive_key, path)
    assert path.stat().st_size == row.archive_bytes
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len([name for name in names if name.endswith(".png")]) == 40
        assert json.loads(archive.read("report.json")) == json.loads(service.files.load(row.report_key))
        return hashlib.sha256(archive.read("class-0/00000.png")).hexdigest()


def test_a_job_runs_to_its_end(service: WorkerContext, dataset: str, science: Command, tmp_path: Path) -> None:
    id_ = new_job(service.database, dataset_id=dataset, **QUICK)
    ring(service, id_, m.PROTECT)
    row = until(service, id_, m.SUCCEEDED, seconds=200)
    assert sha256_of(service, id_, tmp_path)
    wait_until(
        lambda: results_of(service, id_) == [f"results/1/{n}" for n in ("archive.zip", "report.html", "report.json")]
    )
    assert (row.attempt, row.error, row.cancel_requested) == (1, None, False)
    wait_until(lambda: list(service.settings.scratch.iterdir()) == [])


@pytest.mark.parametrize("whom", ["child", "worker"])
def test_killed_in_the_middle_it_runs_again_and_ends_well_once(
    service: WorkerContext, dataset: str, science: Command, commands: Start, tmp_path: Path, whom: str
) -> None:
    id_ = new_job(service.database, dataset_id=dataset, **QUICK)
    ring(service, id_, m.PROTECT)
    in_the_middle(service, id_, "training")
    child = pool_child(science.pid)
    assert child is not None
    if whom == "child":
        os.kill(child, signal.SIGKILL)
        running = science
    else:
        science.kill()
        wait_until(lambda: not is_alive(child), seconds=5)
        running = worker(commands, service, "science")
    row = until(service, id_, m.SUCCEEDED, seconds=200)
    assert row.attempt == 2
    assert claims_in(science, *([] if running is science else [running])) == 2
    assert sha256_of(service, id_, tmp_path)
    wait_until(
        lambda: results_of(service, id_) == [f"results/2/{n}" for n in ("archive.zip", "report.html", "report.json")]
    )
    wait_until(lambda: list(service.settings.scratch.iterdir()) == [], seconds=30)


def test_cancelled_in_its_long_stages_it_stops_within_five_seconds(
    service: WorkerContext, upload: Upload, science: Command
) -> None:
    """The other stages are over too soon here to be met; decoding is cancelled in test_celery.py."""
    dataset, check = upload(classes=2, per_class=130)  # a fifth of them is enough to be tested on
    execute(service, check)
    asked = {
        "training": {"preset": "standard", "method": "em", "evidence": "none"},
        "evidence": {"preset": "instant", "evidence": "quick"},
    }
    for stage, spec in asked.items():
        id_ = new_job(service.database, dataset_id=dataset, **spec)
        ring(service, id_, m.PROTECT)
        in_the_middle(service, id_, stage)
        with service.database.write.begin() as session:
            jobs.request_cancel(session, id_)
        until(service, id_, m.CANCELED, seconds=5)
        wait_until(lambda id_=id_: results_of(service, id_) == [], seconds=5)
        wait_until(lambda: list(service.settings.scratch.iterdir()) == [], seconds=5)


def test_a_spec_that_cannot_be_done_fails_with_the_reason(service: WorkerContext, dataset: str) -> None:
    id_ = new_job(service.database, dataset_id=dataset, radius_u=4, radius_a=8)
    execute(service, id_)
    row = job_of(service.database, id_)
    assert row.state == m.FAILED
    assert "radius_a" in (row.error or "")


def test_results_that_cannot_be_stored_fail_the_job_clearly(service: WorkerContext, dataset: str) -> None:
    id_ = new_job(service.database, dataset_id=dataset, **QUICK)
    (Path(service.settings.store) / "jobs").write_text("a file where a folder should be")
    with pytest.raises(OSError, match="Not a directory"):
        execute(service, id_)
    row = job_of(service.database, id_)
    assert row.state == m.FAILED
    assert "could not read or write its files" in (row.error or "")
    assert list(service.settings.scratch.iterdir()) == []


def test_a_device_that_is_not_there_is_the_operators_to_mend(service: WorkerContext, dataset: str) -> None:
    elsewhere = replace(service, settings=service.settings.model_copy(update={"device": "tpu"}))
    id_ = new_job(service.database, dataset_id=dataset, **QUICK)
    with pytest.raises(BadSetting):
        execute(elsewhere, id_)
    row = job_of(service.database, id_)
    assert row.state == m.FAILED
    assert "set up wrongly" in (row.error or "")
    assert "UNTEACHABLE_DEVICE: There is no device “tpu”" in (row.error or "")
