"""Verify jobs in this process: partial reports, resuming a lost attempt, and failures."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.evaluation import learner_run
from core.results.verification import VerificationReport
from core.specs.configs import TrainingLength
from core.specs.presets import PRESETS, QUICK, fingerprint
from store import jobs
from store import models as m
from store.job_recovery import recover_jobs
from store.object_keys import checkpoint_key, checkpoint_prefix
from tests.support.rows import expire, job_of, new_job
from tests.worker.conftest import Upload
from worker.checkpoint_store import JobCheckpointStore
from worker.context import WorkerContext
from worker.executor import claim_job, run_job
from worker.handlers import verify as handler
from worker.job_files import scratch_folder
from worker.lease_keeper import LeaseKeeper
from worker.running_job import RunningJob

FEW_UPDATES = TrainingLength(epochs=0, min_updates=4, max_updates=4, batch=32)
BEFORE, AFTER = (f"learner-small-Linf-0-None-{side}-0" for side in ("before", "after-100"))
ROWS = {"trainings": [{"radius": 0}, {"norm": "L2", "radius": 40}]}


@pytest.fixture(autouse=True)
def trained_learners(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Patches the preset to fewer updates; returns the learners that are trained, in order."""
    noise = {name: replace(config, length=FEW_UPDATES) for name, config in QUICK.noise.items()}
    schedules = {name: replace(schedule, length=FEW_UPDATES) for name, schedule in QUICK.schedules.items()}
    monkeypatch.setitem(PRESETS, "quick", replace(QUICK, noise=noise, schedules=schedules))
    trained: list[str] = []

    def run_learner(config: Any, *data: Any, **options: Any) -> Any:
        trained.append(f"{config.norm}-{config.radius}")
        return real(config, *data, **options)

    real = learner_run.run_learner
    monkeypatch.setattr(learner_run, "run_learner", run_learner)
    return trained


@pytest.fixture
def target(context: WorkerContext, upload: Upload) -> m.Job:
    """A protect job that succeeded."""
    dataset_id, check = upload(classes=2, per_class=130)
    run_job(context, check)
    id_ = new_job(context.database, dataset_id=dataset_id, method="em", evidence="none", seed=3)
    run_job(context, id_)
    row = job_of(context.database, id_)
    assert (row.state, row.error) == (m.SUCCEEDED, None)
    return row


def new_verify_job(context: WorkerContext, target: m.Job, **spec: Any) -> str:
    with context.database.write.begin() as session:
        new = jobs.NewJob(
            owner_id=target.owner_id,
            kind=m.VERIFY,
            dataset_id=str(target.dataset_id),
            target_job_id=target.id,
            spec=ROWS | spec,
        )
        return jobs.create(session, new).id


def lose_lease(context: WorkerContext, id_: str) -> None:
    """Let the lease expire, so that another attempt can begin."""
    expire(context.database, id_)
    with context.database.write.begin() as session:
        assert recover_jobs(session, max_attempts=3, enqueue_seconds=1).requeued == (id_,)


def test_the_report_has_every_row_and_no_other_file_stays(context: WorkerContext, target: m.Job) -> None:
    id_ = new_verify_job(context, target)
    run_job(context, id_)
    row = job_of(context.database, id_)
    assert (row.state, row.error, row.archive_key) == (m.SUCCEEDED, None, None)
    assert row.report_key is not None
    assert row.page_key is not None
    report = VerificationReport.from_json(context.files.load(row.report_key))
    assert [(one.norm, one.radius) for one in report.evidence.rows] == [(None, 0), ("L2", 40)]
    assert (report.job_id, report.target and report.target["job_id"]) == (id_, target.id)
    assert b"L2 40/255" in context.files.load(row.page_key)
    assert context.files.list(f"jobs/{id_}") == [f"jobs/{id_}/results/1/report.{kind}" for kind in ("html", "json")]
    assert list(context.settings.scratch.iterdir()) == []


def test_the_next_attempt_keeps_the_rows_of_a_lost_one(
    context: WorkerContext, target: m.Job, trained_learners: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = new_verify_job(context, target)

    def die(name: str, *more: Any, **facts: Any) -> None:
        raise SystemExit  # as if the machine failed after the first row

    claim = claim_job(context, id_)
    assert claim is not None
    with monkeypatch.context() as patched:
        patched.setattr(handler.log, "info", die, raising=False)
        with pytest.raises(SystemExit), LeaseKeeper(context, claim) as lease, scratch_folder(context, claim) as scratch:
            handler.run_verification(RunningJob(context=context, claim=claim, lease=lease, scratch=scratch))
    assert trained_learners == ["Linf-0", "Linf-0"]
    partial = json.loads(context.files.load(checkpoint_key(id_, "report.json")))
    assert (len(partial["evidence"]["rows"]), partial["evidence"]["rows_asked"]) == (1, 2)
    assert b"1 of 2 rows so far" in context.files.load(checkpoint_key(id_, "report.html"))
    lose_lease(context, id_)
    trained_learners.clear()
    run_job(context, id_)
    assert trained_learners == ["L2-40", "L2-40"]
    row = job_of(context.database, id_)
    assert (row.state, row.attempt) == (m.SUCCEEDED, 2)
    report = json.loads(context.files.load(str(row.report_key)))
    assert report["evidence"]["rows"][0] == partial["evidence"]["rows"][0]


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the checkpoints that are saved; learners save one after every update."""
    monkeypatch.setattr("core.training.loop.CHECKPOINT_INTERVAL_SECONDS", 0.0)
    names: list[str] = []

    def save(checkpoints: JobCheckpointStore, name: str, data: bytes) -> None:
        real(checkpoints, name, data)
        names.append(name)

    real = JobCheckpointStore.save
    monkeypatch.setattr(JobCheckpointStore, "save", save)
    return names


def lose_in_the_second_learner(
    context: WorkerContext, id_: str, saved: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """End an attempt after two updates of the second learner, as if its machine failed; let its lease expire."""

    def save(checkpoints: JobCheckpointStore, name: str, data: bytes) -> None:
        real(checkpoints, name, data)
        if saved[-2:] == [checkpoint_name(f"{AFTER}.safetensors")] * 2:
            raise SystemExit  # as if the machine failed

    real, claim = JobCheckpointStore.save, claim_job(context, id_)
    assert claim is not None
    with monkeypatch.context() as patched:
        patched.setattr(JobCheckpointStore, "save", save)
        with pytest.raises(SystemExit), LeaseKeeper(context, claim) as lease, scratch_folder(context, claim) as scratch:
            handler.run_verification(RunningJob(context=context, claim=claim, lease=lease, scratch=scratch))
    assert context.files.list(checkpoint_prefix(id_)) == [
        checkpoint_key(id_, checkpoint_name(f"{AFTER}.safetensors")),
        checkpoint_key(id_, checkpoint_name(f"{BEFORE}.json")),
    ]
    lose_lease(context, id_)
    saved.clear()


def checkpoint_name(name: str) -> str:
    """The name of a checkpoint, with the prefix of the current presets."""
    return f"{fingerprint()}/{name}"


@pytest.mark.slow
def test_the_next_attempt_resumes_the_learner_of_a_lost_one(
    context: WorkerContext, target: m.Job, saved: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = new_verify_job(context, target, trainings=[{"radius": 0}])
    lose_in_the_second_learner(context, id_, saved, monkeypatch)
    run_job(context, id_)
    assert saved.count(checkpoint_name(f"{AFTER}.safetensors")) == FEW_UPDATES.updates(1) - 2
    assert job_of(context.database, id_).state == m.SUCCEEDED


@pytest.mark.slow
def test_a_job_that_was_begun_with_other_presets_starts_anew(
    context: WorkerContext, target: m.Job, saved: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = new_verify_job(context, target, trainings=[{"radius": 0}])
    lose_in_the_second_learner(context, id_, saved, monkeypatch)
    before, quick = fingerprint(), PRESETS["quick"]
    longer = {
        name: replace(schedule, length=replace(FEW_UPDATES, min_updates=5, max_updates=5))
        for name, schedule in quick.schedules.items()
    }
    monkeypatch.setitem(PRESETS, "quick", replace(quick, schedules=longer))  # as an upgrade may do
    assert fingerprint() != before
    run_job(context, id_)
    row = job_of(context.database, id_)
    assert (row.state, row.error) == (m.SUCCEEDED, None)
    assert [saved.count(checkpoint_name(f"{learner}.safetensors")) for learner in (BEFORE, AFTER)] == [5, 5]
    assert context.files.list(checkpoint_prefix(id_)) == []


def test_a_dataset_is_measured_without_protection(context: WorkerContext, target: m.Job) -> None:
    id_ = new_job(context.database, dataset_id=target.dataset_id, kind=m.VERIFY, **ROWS)
    run_job(context, id_)
    report = json.loads(context.files.load(str(job_of(context.database, id_).report_key)))
    assert report["target"] is None
    assert [row["accuracy_after"] for row in report["evidence"]["rows"]] == [None, None]


def test_a_job_fails_with_the_reason_when_its_archive_is_deleted(
    context: WorkerContext, target: m.Job, tmp_path: Path
) -> None:
    id_ = new_verify_job(context, target)
    context.files.delete(str(target.archive_key))
    run_job(context, id_)
    row = job_of(context.database, id_)
    assert row.state == m.FAILED
    assert "no longer stored" in str(row.error)
