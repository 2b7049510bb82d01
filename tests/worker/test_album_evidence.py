"""Which datasets an album joins in its evidence: others of its owner, and no copy of its own images."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import BadInput
from core.results.joined_classes import OPERATOR, OWN_DATASETS
from core.specs.configs import TrainingLength
from core.specs.presets import PRESETS
from core.specs.protect import ProtectSpec
from store import models as m
from store.leases import Claim
from tests.support.photographs import jpeg, photograph
from tests.support.rows import must_claim, new_job
from tests.support.uploads import image_file, write_zip
from tests.worker.conftest import Upload
from worker.context import WorkerContext
from worker.executor import run_job
from worker.lease_keeper import LeaseKeeper
from worker.reference_images import CHECKPOINT, reference_source
from worker.running_job import RunningJob

ALBUM = {f"trip-{n}.png": image_file(width=32, height=32, seed=n) for n in range(6)}


@pytest.fixture
def checked(context: WorkerContext, upload: Upload, tmp_path: Path):  # type: ignore[no-untyped-def]
    """Uploads and checks a zip of files; returns the dataset's id."""

    def make(files: dict[str, bytes]) -> str:
        dataset_id, check = upload(write_zip(tmp_path / f"{len(list(tmp_path.iterdir()))}.zip", files))
        run_job(context, check)
        return dataset_id

    return make


def running(context: WorkerContext, dataset_id: str, tmp_path: Path, **spec: object) -> RunningJob:
    """A claimed protect job with a scratch folder."""
    claim: Claim = must_claim(context.database, new_job(context.database, dataset_id=dataset_id, **spec))
    scratch = tmp_path / f"scratch-{claim.job_id}"
    scratch.mkdir()
    lease = LeaseKeeper(context, claim)
    return RunningJob(context=context, claim=claim, lease=lease, scratch=scratch)


def classes_in(folder: Path) -> list[int]:
    return [len(list(one.iterdir())) for one in sorted(folder.iterdir())]


def pets(prefix: str = "p") -> dict[str, bytes]:
    return {
        f"{name}/{prefix}{k}{n}.png": image_file(width=32, height=32, seed=50 + 10 * k + n)
        for k, name in enumerate(("cat", "dog"))
        for n in range(7 - k)
    }


def test_an_album_joins_the_owners_other_datasets_and_no_copy_of_itself(context, checked, tmp_path) -> None:  # type: ignore[no-untyped-def]
    album = checked(ALBUM)
    checked(pets())
    checked({f"again/{name}": data for name, data in ALBUM.items()})
    checked({f"{n}.png": image_file(width=32, height=32, seed=80 + n) for n in range(5)})  # another album
    checked({f"sky/{n}.jpg": jpeg(photograph(seed=n)) for n in range(5)})  # photographs
    job = running(context, album, tmp_path)
    found = reference_source(job, ProtectSpec())
    assert found is not None
    assert found.origin == OWN_DATASETS
    assert sorted(classes_in(found.fetch()), reverse=True) == [6, 6, 5], "no class has more images than the album"


def test_a_dataset_of_several_classes_joins_none(context, checked, tmp_path) -> None:  # type: ignore[no-untyped-def]
    checked(ALBUM)
    job = running(context, checked(pets()), tmp_path)
    assert reference_source(job, ProtectSpec()) is None
    assert reference_source(job, ProtectSpec(layout="album")) is not None


def test_the_named_dataset_is_the_only_one_and_another_attempt_takes_the_same_images(
    context, checked, tmp_path
) -> None:  # type: ignore[no-untyped-def]
    album, named = checked(ALBUM), checked(pets())
    checked(pets("q"))
    job = running(context, album, tmp_path)
    spec = ProtectSpec(reference_dataset_id=named)
    found = reference_source(job, spec)
    assert found is not None
    assert classes_in(found.fetch()) == [6, 6]
    stored = [key for key in context.files.list(f"jobs/{job.claim.job_id}") if key.endswith(CHECKPOINT)]
    assert list(json.loads(context.files.load(stored[0]))) == [named]
    with context.database.write.begin() as session:
        session.get_one(m.Dataset, named).file_key = None
    later = reference_source(job, spec)
    assert later is not None
    for folder in job.scratch.iterdir():
        folder.rename(folder.with_name(f"{folder.name}-before"))
    with pytest.raises(BadInput, match="deleted meanwhile"):
        later.fetch()


def test_the_operators_images_come_before_the_owners(context, checked, tmp_path) -> None:  # type: ignore[no-untyped-def]
    album, named = checked(ALBUM), checked(pets())
    settings = context.settings.model_copy(update={"reference_images": str(tmp_path / "nowhere")})
    operated = WorkerContext(settings=settings, database=context.database, files=context.files)
    job = running(operated, album, tmp_path)
    found = reference_source(job, ProtectSpec())
    assert found is not None
    assert found.origin == OPERATOR
    with pytest.raises(BadInput, match="UNTEACHABLE_REFERENCE_IMAGES names are not on this machine"):
        found.fetch()
    named_source = reference_source(job, ProtectSpec(reference_dataset_id=named))
    assert named_source is not None
    assert named_source.origin == OWN_DATASETS


def test_a_job_of_an_album_ends_with_figures_of_the_album(context, checked, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    files = {f"trip-{n}.png": image_file(width=32, height=32, seed=n) for n in range(20)}
    album = checked(files)
    checked(pets())
    instant, length = PRESETS["instant"], TrainingLength(epochs=0, min_updates=2, max_updates=2, batch=32)
    schedules = {name: replace(schedule, length=length, attack_steps=1) for name, schedule in instant.schedules.items()}
    monkeypatch.setitem(PRESETS, "instant", replace(instant, schedules=schedules))
    job_id = new_job(context.database, dataset_id=album, preset="instant")
    run_job(context, job_id)
    with context.database.read() as session:
        row = session.get_one(m.Job, job_id)
    assert row.state == m.SUCCEEDED, row.error
    evidence = json.loads(context.files.load(str(row.report_key)))["evidence"]
    assert evidence["joined"] == {"origin": OWN_DATASETS, "classes": 2, "images": 13}
    assert evidence["test_images"] == 10
    assert len(evidence["rows"]) == 3
    path = tmp_path / "archive.zip"
    context.files.fetch(str(row.archive_key), path)
    assert set(files) <= set(zipfile.ZipFile(path).namelist())
