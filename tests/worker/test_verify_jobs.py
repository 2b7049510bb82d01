"""Verify jobs in this process: rows as they come, a lost attempt that is gone on with, and what cannot be done."""

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
from worker.executor import execute, take
from worker.handlers import verify as handler
from worker.job_files import scratch
from worker.lease import LeaseKeeper

SOME = TrainingLength(epochs=0, min_updates=4, max_updates=4, batch=32)
BEFORE, AFTER = (f"learner-small-Linf-0-None-{side}-0" for side in ("before", "after-100"))
ROWS = {"trainings": [{"radius": 0}, {"norm": "L2", "radius": 40}]}


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The preset's own path with fewer updates; hears of every learner that is trained."""
    noise = {name: replace(recipe, length=SOME) for name, recipe in QUICK.noise.items()}
    courses = {name: replace(course, length=SOME) for name, course in QUICK.schedules.items()}
    monkeypatch.setitem(PRESETS, "quick", replace(QUICK, noise=noise, schedules=courses))
    trained: list[str] = []

    def run_learner(config: Any, *data: Any, **how: Any) -> Any:
        trained.append(f"{config.norm}-{config.radius}")
        return real(config, *data, **how)

    real = learner_run.run_learner
    monkeypatch.setattr(learner_run, "run_learner", run_learner)
    return trained


@pytest.fixture
def target(service: WorkerContext, upload: Upload) -> m.Job:
    """A protection that succeeded."""
    dataset_id, check = upload(classes=2, per_class=130)
    execute(service, check)
    id_ = new_job(service.database, dataset_id=dataset_id, method="em", evidence="none", seed=3)
    execute(service, id_)
    row = job_of(service.database, id_)
    assert (row.state, row.error) == (m.SUCCEEDED, None)
    return row


def asked(service: WorkerContext, target: m.Job, **spec: Any) -> str:
    with service.database.write.begin() as session:
        return jobs.create(
            session,
            owner_id=target.owner_id,
            kind=m.VERIFY,
            dataset_id=str(target.dataset_id),
            target_job_id=target.id,
            spec=ROWS | spec,
        ).id


def take_again(service: WorkerContext, id_: str) -> None:
    """Let the lease run out, so that another attempt may begin."""
    expire(service.database, id_)
    with service.database.write.begin() as session:
        assert recover_jobs(session, max_attempts=3, enqueue_seconds=1).requeued == (id_,)


def test_its_report_has_every_row_and_nothing_else_stays(service: WorkerContext, target: m.Job) -> None:
    id_ = asked(service, target)
    execute(service, id_)
    row = job_of(service.database, id_)
    assert (row.state, row.error, row.archive_key) == (m.SUCCEEDED, None, None)
    assert row.report_key is not None
    assert row.page_key is not None
    report = VerificationReport.from_json(service.files.load(row.report_key))
    assert [(one.norm, one.radius) for one in report.evidence.rows] == [(None, 0), ("L2", 40)]
    assert (report.job_id, report.target and report.target["job_id"]) == (id_, target.id)
    assert b"L2 40/255" in service.files.load(row.page_key)
    assert service.files.list(f"jobs/{id_}") == [f"jobs/{id_}/results/1/report.{kind}" for kind in ("html", "json")]
    assert list(service.settings.scratch.iterdir()) == []


def test_a_lost_attempt_is_gone_on_with_row_by_row(
    service: WorkerContext, target: m.Job, short: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = asked(service, target)

    def die(name: str, *more: Any, **facts: Any) -> None:
        raise SystemExit  # as if the machine went away after the first row, before anything could be tidied

    claim = take(service, id_)
    assert claim is not None
    with monkeypatch.context() as patched:
        patched.setattr(handler.log, "info", die, raising=False)
        with pytest.raises(SystemExit), LeaseKeeper(service, claim) as lease, scratch(service, claim) as folder:
            handler.verify(service, claim, lease, folder)
    assert short == ["Linf-0", "Linf-0"]
    so_far = json.loads(service.files.load(checkpoint_key(id_, "report.json")))
    assert (len(so_far["evidence"]["rows"]), so_far["evidence"]["rows_asked"]) == (1, 2)
    assert b"1 of 2 rows so far" in service.files.load(checkpoint_key(id_, "report.html"))
    take_again(service, id_)
    short.clear()
    execute(service, id_)
    assert short == ["L2-40", "L2-40"]
    row = job_of(service.database, id_)
    assert (row.state, row.attempt) == (m.SUCCEEDED, 2)
    report = json.loads(service.files.load(str(row.report_key)))
    assert report["evidence"]["rows"][0] == so_far["evidence"]["rows"][0]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Hears of every piece that is put on a shelf; learners put one there after every update."""
    monkeypatch.setattr("core.training.loop.CHECKPOINT_INTERVAL_SECONDS", 0.0)
    names: list[str] = []

    def save(checkpoints: JobCheckpointStore, name: str, data: bytes) -> None:
        real(checkpoints, name, data)
        names.append(name)

    real = JobCheckpointStore.save
    monkeypatch.setattr(JobCheckpointStore, "save", save)
    return names


def lose_in_the_second_learner(
    service: WorkerContext, id_: str, kept: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt that ends without a word after two updates of the learner after, and the next may begin."""

    def save(checkpoints: JobCheckpointStore, name: str, data: bytes) -> None:
        real(checkpoints, name, data)
        if kept[-2:] == [piece(f"{AFTER}.safetensors")] * 2:
            raise SystemExit  # as if the machine went away

    real, claim = JobCheckpointStore.save, take(service, id_)
    assert claim is not None
    with monkeypatch.context() as patched:
        patched.setattr(JobCheckpointStore, "save", save)
        with pytest.raises(SystemExit), LeaseKeeper(service, claim) as lease, scratch(service, claim) as folder:
            handler.verify(service, claim, lease, folder)
    assert service.files.list(checkpoint_prefix(id_)) == [
        checkpoint_key(id_, piece(f"{AFTER}.safetensors")),
        checkpoint_key(id_, piece(f"{BEFORE}.json")),
    ]
    take_again(service, id_)
    kept.clear()


def piece(name: str) -> str:
    """The name of a piece on the shelf of these recipes."""
    return f"{fingerprint()}/{name}"


def test_a_lost_learner_is_gone_on_with(
    service: WorkerContext, target: m.Job, kept: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = asked(service, target, trainings=[{"radius": 0}])
    lose_in_the_second_learner(service, id_, kept, monkeypatch)
    execute(service, id_)
    assert kept.count(piece(f"{AFTER}.safetensors")) == SOME.updates(1) - 2
    assert job_of(service.database, id_).state == m.SUCCEEDED


def test_what_other_recipes_began_begins_anew(
    service: WorkerContext, target: m.Job, kept: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = asked(service, target, trainings=[{"radius": 0}])
    lose_in_the_second_learner(service, id_, kept, monkeypatch)
    before, quick = fingerprint(), PRESETS["quick"]
    longer = {
        name: replace(course, length=replace(SOME, min_updates=5, max_updates=5))
        for name, course in quick.schedules.items()
    }
    monkeypatch.setitem(PRESETS, "quick", replace(quick, schedules=longer))  # as an upgrade does
    assert fingerprint() != before
    execute(service, id_)
    row = job_of(service.database, id_)
    assert (row.state, row.error) == (m.SUCCEEDED, None)
    assert [kept.count(piece(f"{learner}.safetensors")) for learner in (BEFORE, AFTER)] == [5, 5]
    assert service.files.list(checkpoint_prefix(id_)) == []


def test_a_dataset_alone_is_tried_as_it_is(service: WorkerContext, target: m.Job) -> None:
    id_ = new_job(service.database, dataset_id=target.dataset_id, kind=m.VERIFY, **ROWS)
    execute(service, id_)
    report = json.loads(service.files.load(str(job_of(service.database, id_).report_key)))
    assert report["target"] is None
    assert [row["accuracy_after"] for row in report["evidence"]["rows"]] == [None, None]


def test_an_archive_that_is_gone_fails_with_the_reason(service: WorkerContext, target: m.Job, tmp_path: Path) -> None:
    id_ = asked(service, target)
    service.files.delete(str(target.archive_key))
    execute(service, id_)
    row = job_of(service.database, id_)
    assert row.state == m.FAILED
    assert "not in the store any more" in str(row.error)
