"""Jobs that use a trained generator, and one that trains one, in this process."""

import json
import time
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
from tests.worker.conftest import Upload
from worker.context import WorkerContext
from worker.executor import execute

SPEC = {"evidence": "none", "method": "em", "radius_u": 6, "radius_a": 3, "generator_id": "drawn-32px"}


@pytest.fixture
def dataset(service: WorkerContext, upload: Upload) -> str:
    """A small dataset that was checked."""
    dataset_id, check = upload(classes=2, per_class=4)
    execute(service, check)
    return dataset_id


def test_it_makes_the_noise_and_the_report_says_so(
    service: WorkerContext, dataset: str, generator: m.Generator, tmp_path: Path
) -> None:
    id_ = new_job(service.database, dataset_id=dataset, **SPEC)
    execute(service, id_)
    row = job_of(service.database, id_)
    assert (row.state, row.error) == (m.SUCCEEDED, None)
    assert row.archive_key is not None
    service.files.fetch(row.archive_key, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        report = json.loads(archive.read("report.json"))
    assert report["generator"]["sha256"] == generator.sha256
    assert report["generator"]["card"] == generator.card
    assert report["spec"]["generator_id"] == "drawn-32px"
    assert "training" not in report["stages"]
    assert 0 < report["invisibility"]["linf_max"] <= 6
    assert service.files.exists(generator.file_key)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training with fewer updates."""
    noise = replace(QUICK.noise["em"], length=TrainingLength(epochs=0, min_updates=4, max_updates=4, batch=8))
    monkeypatch.setitem(PRESETS, "quick", replace(QUICK, noise=QUICK.noise | {"em": noise}))


@pytest.mark.parametrize(("asked", "name"), [({}, "pictures"), ({"name": "Night"}, "Night")])
def test_a_train_job_makes_a_generator_that_another_job_uses(
    service: WorkerContext, dataset: str, short: None, asked: dict[str, str], name: str
) -> None:
    id_ = new_job(service.database, dataset_id=dataset, kind=m.TRAIN, method="em", radius_u=6, **asked)
    execute(service, id_)
    assert (job_of(service.database, id_).state, job_of(service.database, id_).error) == (m.SUCCEEDED, None)
    with service.database.read() as session:
        row = session.get_one(m.Generator, id_)
    assert (row.job_id, row.name, row.classes, row.radius_u) == (id_, name, 2, 6)
    assert row.card["updates"] == 4
    assert "too few images" in row.card["measured"][OWN_IMAGES]["note"]
    assert service.files.list(f"jobs/{id_}") == []
    assert list(service.settings.scratch.iterdir()) == []
    used = new_job(service.database, dataset_id=dataset, **(SPEC | {"generator_id": id_}))
    execute(service, used)
    assert (job_of(service.database, used).state, job_of(service.database, used).error) == (m.SUCCEEDED, None)


def test_a_train_job_that_was_asked_for_noise_in_grey_makes_it(service: WorkerContext, dataset: str) -> None:
    id_ = new_job(service.database, dataset_id=dataset, kind=m.TRAIN, grey=True, evidence="none")
    with short_training():
        execute(service, id_)
    assert (job_of(service.database, id_).state, job_of(service.database, id_).error) == (m.SUCCEEDED, None)
    with service.database.read() as session:
        assert session.get_one(m.Generator, id_).card["grey_updates"] == STEPS


def test_a_generator_whose_commit_was_not_heard_of_keeps_its_file(
    service: WorkerContext, dataset: str, short: None
) -> None:
    id_ = new_job(service.database, dataset_id=dataset, kind=m.TRAIN, method="em")
    with broken_commit(m.Generator, takes_effect=True), pytest.raises(OperationalError):
        execute(service, id_)
    assert job_of(service.database, id_).state == m.SUCCEEDED
    with service.database.read() as session:
        assert service.files.exists(session.get_one(m.Generator, id_).file_key)


def test_a_job_cancelled_while_its_generator_is_stored_leaves_no_file(
    service: WorkerContext, dataset: str, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = new_job(service.database, dataset_id=dataset, kind=m.TRAIN, method="em")

    def put(store: Any, key: str, data: Any) -> Any:
        done = real(store, key, data)
        if key.startswith("generators/"):
            with service.database.write.begin() as session:
                assert jobs.request_cancel(session, id_)
            time.sleep(1.5)  # until the heart has heard of it
        return done

    real = obstore.put
    monkeypatch.setattr(obstore, "put", put)
    execute(service, id_)
    assert job_of(service.database, id_).state == m.CANCELED
    assert service.files.list("generators") == []


def failure(service: WorkerContext, dataset: str) -> str:
    """The reason for which a job with the generator fails."""
    id_ = new_job(service.database, dataset_id=dataset, **SPEC)
    execute(service, id_)
    row = job_of(service.database, id_)
    assert row.state == m.FAILED
    return str(row.error)


def test_one_that_is_gone_or_damaged_fails_the_job_in_words(
    service: WorkerContext, dataset: str, generator: m.Generator
) -> None:
    service.files.write(generator.file_key, b"something else")
    assert "“Drawn things” is damaged" in failure(service, dataset)
    service.files.delete(generator.file_key)
    assert "“Drawn things” is not in the store any more" in failure(service, dataset)
    with service.database.write.begin() as session:
        session.delete(session.get_one(m.Generator, generator.id))
    assert "The trained generator was deleted" in failure(service, dataset)


def test_a_dataset_that_turns_out_not_to_fit_fails_with_the_reason(
    service: WorkerContext, upload: Upload, generator: m.Generator
) -> None:
    dataset_id, check = upload(classes=4, per_class=2)
    execute(service, check)
    assert "was trained on 3 classes, and this dataset has 4" in failure(service, dataset_id)
