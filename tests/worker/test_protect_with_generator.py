"""Jobs that use a trained generator, and jobs that train one, in this process."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import obstore
import pytest
from sqlalchemy.exc import OperationalError

from core.generators.measurements import OWN_IMAGES
from core.specs.configs import TrainingLength
from core.specs.presets import PRESETS, QUICK
from store import jobs
from store import models as m
from tests.support.commits import broken_commit
from tests.support.rows import job_of, new_job
from tests.support.short_training import STEPS, short_training
from tests.support.waiting import wait_until
from tests.worker.conftest import Upload
from worker import lease_keeper
from worker.context import WorkerContext
from worker.executor import run_job

SPEC = {"evidence": "none", "method": "em", "radius_u": 6, "radius_a": 3, "generator_id": "drawn-32px"}


@pytest.fixture
def dataset(context: WorkerContext, upload: Upload) -> str:
    """A small dataset that is ready."""
    dataset_id, check = upload(classes=2, per_class=4)
    run_job(context, check)
    return dataset_id


def test_the_generator_makes_the_noise_and_the_report_names_it(
    context: WorkerContext, dataset: str, generator: m.Generator, tmp_path: Path
) -> None:
    id_ = new_job(context.database, dataset_id=dataset, **SPEC)
    run_job(context, id_)
    row = job_of(context.database, id_)
    assert (row.state, row.error) == (m.SUCCEEDED, None)
    assert row.archive_key is not None
    context.files.fetch(row.archive_key, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        report = json.loads(archive.read("report.json"))
    assert report["generator"]["sha256"] == generator.sha256
    assert report["generator"]["card"] == generator.card
    assert report["spec"]["generator_id"] == "drawn-32px"
    assert "training" not in report["stages"]
    assert 0 < report["invisibility"]["linf_max"] <= 6
    assert context.files.exists(generator.file_key)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training with fewer updates."""
    noise = replace(QUICK.noise["em"], length=TrainingLength(epochs=0, min_updates=4, max_updates=4, batch=8))
    monkeypatch.setitem(PRESETS, "quick", replace(QUICK, noise=QUICK.noise | {"em": noise}))


@pytest.mark.parametrize(("fields", "name"), [({}, "pictures"), ({"name": "Night"}, "Night")])
def test_a_train_job_makes_a_generator_that_another_job_uses(
    context: WorkerContext, dataset: str, short: None, fields: dict[str, str], name: str
) -> None:
    id_ = new_job(context.database, dataset_id=dataset, kind=m.TRAIN, method="em", radius_u=6, **fields)
    run_job(context, id_)
    assert (job_of(context.database, id_).state, job_of(context.database, id_).error) == (m.SUCCEEDED, None)
    with context.database.read() as session:
        row = session.get_one(m.Generator, id_)
    assert (row.job_id, row.name, row.classes, row.radius_u) == (id_, name, 2, 6)
    assert row.card["updates"] == 4
    assert "too few images" in row.card["measured"][OWN_IMAGES]["note"]
    assert context.files.list(f"jobs/{id_}") == []
    assert list(context.settings.scratch.iterdir()) == []
    used = new_job(context.database, dataset_id=dataset, **(SPEC | {"generator_id": id_}))
    run_job(context, used)
    assert (job_of(context.database, used).state, job_of(context.database, used).error) == (m.SUCCEEDED, None)


def test_a_train_job_with_the_greyscale_setting_makes_greyscale_noise(context: WorkerContext, dataset: str) -> None:
    id_ = new_job(context.database, dataset_id=dataset, kind=m.TRAIN, grey=True, evidence="none")
    with short_training():
        run_job(context, id_)
    assert (job_of(context.database, id_).state, job_of(context.database, id_).error) == (m.SUCCEEDED, None)
    with context.database.read() as session:
        assert session.get_one(m.Generator, id_).card["grey_updates"] == STEPS


def test_a_generator_keeps_its_file_when_its_commit_gets_no_answer(
    context: WorkerContext, dataset: str, short: None
) -> None:
    id_ = new_job(context.database, dataset_id=dataset, kind=m.TRAIN, method="em")
    with broken_commit(m.Generator, takes_effect=True), pytest.raises(OperationalError):
        run_job(context, id_)
    assert job_of(context.database, id_).state == m.SUCCEEDED
    with context.database.read() as session:
        assert context.files.exists(session.get_one(m.Generator, id_).file_key)


@pytest.mark.slow
def test_a_job_that_is_canceled_while_it_stores_its_generator_leaves_no_file(
    context: WorkerContext, dataset: str, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = new_job(context.database, dataset_id=dataset, kind=m.TRAIN, method="em")

    def put(store: Any, key: str, data: Any) -> Any:
        done = real(store, key, data)
        if key.startswith("generators/"):
            with context.database.write.begin() as session:
                assert jobs.request_cancel(session, id_)
            wait_until(lambda: lease_keeper._running is not None and lease_keeper._running._stop_reason)
        return done

    real = obstore.put
    monkeypatch.setattr(obstore, "put", put)
    run_job(context, id_)
    assert job_of(context.database, id_).state == m.CANCELED
    assert context.files.list("generators") == []


def failure(context: WorkerContext, dataset: str) -> str:
    """The error of a job that uses the generator and fails."""
    id_ = new_job(context.database, dataset_id=dataset, **SPEC)
    run_job(context, id_)
    row = job_of(context.database, id_)
    assert row.state == m.FAILED
    return str(row.error)


def test_a_job_fails_with_the_reason_when_its_generator_is_deleted_or_damaged(
    context: WorkerContext, dataset: str, generator: m.Generator
) -> None:
    context.files.write(generator.file_key, b"something else")
    assert "“Drawn things” is damaged" in failure(context, dataset)
    context.files.delete(generator.file_key)
    assert "“Drawn things” is no longer stored" in failure(context, dataset)
    with context.database.write.begin() as session:
        session.delete(session.get_one(m.Generator, generator.id))
    assert "The trained generator was deleted" in failure(context, dataset)


def test_a_job_fails_with_the_reason_when_its_generator_does_not_fit_the_dataset(
    context: WorkerContext, upload: Upload, generator: m.Generator
) -> None:
    dataset_id, check = upload(classes=4, per_class=2)
    run_job(context, check)
    assert "was trained on 3 classes, and this dataset has 4" in failure(context, dataset_id)
