"""Trials in this process: every image at every strength, as a protection delivers it."""

import io
import zipfile
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.specs.visibility import VISIBILITIES
from store import image_index, jobs, trials
from store import models as m
from store.clock import utc_now
from store.object_store import ObjectStore
from store.trials import TRIAL_TTL, TrialResult
from tests.support.rows import job_of, new_job
from tests.worker.conftest import Upload
from worker.context import WorkerContext
from worker.executor import run_job
from worker.job_files import delete_old_internal_jobs


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A zip of drawn photographs in two classes; one is a TIFF."""
    rng, path = np.random.default_rng(3), tmp_path / "photographs.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number, (folder, format) in enumerate([("a", "JPEG"), ("a", "PNG"), ("b", "TIFF"), ("b", "JPEG")]):
            coarse = Image.fromarray(rng.integers(30, 220, (8, 10, 3), np.uint8))
            pixels = np.asarray(coarse.resize((300, 240), Image.Resampling.BICUBIC)).astype(float)
            out = io.BytesIO()
            noisy = np.clip(pixels + rng.normal(0, 8, (240, 300, 1)), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(out, format)
            archive.writestr(f"{folder}/{number}.{format.lower()}", out.getvalue())
    return path


def run_trial(context: WorkerContext, dataset_id: str, numbers: list[int]) -> tuple[m.Job, TrialResult]:
    """Run a trial; returns its row and its result."""
    job_id = new_job(context.database, dataset_id=dataset_id, kind=m.TRIAL, images=numbers)
    run_job(context, job_id)
    row = job_of(context.database, job_id)
    assert row.state == m.SUCCEEDED, row.error
    assert row.report_key is not None
    return row, trials.read_result(context.files, row.report_key)


@pytest.mark.parametrize("numbers", [[0, 1, 2], [3]])
def test_every_image_is_made_at_every_strength(
    context: WorkerContext, upload: Upload, photographs: Path, numbers: list[int]
) -> None:
    dataset_id, check = upload(photographs)
    run_job(context, check)
    row, result = run_trial(context, dataset_id, numbers)
    assert [image.number for image in result.images] == numbers
    key = trials.files_key(dataset_id, row.id)
    for image in result.images:
        before = Image.open(io.BytesIO(b"".join(image_index.read_bytes(context.files, key, image.original))))
        assert (before.size, before.format) == ((300, 240), "PNG" if image.path.endswith("png") else "JPEG")
        assert [one.strength for one in image.variants] == list(VISIBILITIES)
        for one in image.variants:
            after = Image.open(io.BytesIO(b"".join(image_index.read_bytes(context.files, key, one.location))))
            assert after.size == (300, 240)
            assert one.flip > 0
            assert one.ssimulacra2 is not None
    assert list(context.settings.scratch.iterdir()) == []


def test_the_default_strength_can_be_seen_before_the_others_are_made(
    context: WorkerContext, upload: Upload, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_id, check = upload(photographs)
    run_job(context, check)
    job_id = new_job(context.database, dataset_id=dataset_id, kind=m.TRIAL, images=[0, 3])
    seen: list[list[str]] = []
    files: list[dict[tuple[int, str], bytes]] = []

    def recorded(store: ObjectStore, key: str, result: TrialResult) -> None:
        write_result(store, key, result)
        stored, images = trials.read_result(store, key), trials.files_key(dataset_id, job_id)
        seen.append([one.strength for one in stored.images[0].variants])
        files.append(
            {
                (image.number, one.strength): b"".join(image_index.read_bytes(store, images, one.location))
                for image in stored.images
                for one in image.variants
            }
        )

    write_result = trials.write_result
    monkeypatch.setattr(trials, "write_result", recorded)
    run_job(context, job_id)
    assert job_of(context.database, job_id).state == m.SUCCEEDED
    assert seen == [["balanced"], ["subtle", "balanced", "strong"]]
    assert files[0].items() <= files[1].items()


def test_old_and_replaced_trials_are_deleted(context: WorkerContext, upload: Upload, photographs: Path) -> None:
    dataset_id, check = upload(photographs)
    run_job(context, check)
    first, _ = run_trial(context, dataset_id, [0])
    second, _ = run_trial(context, dataset_id, [1])
    assert delete_old_internal_jobs(context) == [first.id]
    assert context.files.list(trials.trial_prefix(dataset_id, first.id)) == []
    assert len(context.files.list(trials.trial_prefix(dataset_id, second.id))) == 2
    with context.database.write.begin() as session:
        session.get_one(m.Job, second.id).finished_at = utc_now() - TRIAL_TTL - timedelta(minutes=1)
    assert delete_old_internal_jobs(context) == [second.id]
    assert context.files.list(f"datasets/{dataset_id}/trials") == []


def test_the_row_of_a_preview_is_deleted_so_that_it_can_be_tried_again(context: WorkerContext) -> None:
    old, new = (new_job(context.database, kind=m.PREVIEW, chunk=n) for n in range(2))
    with context.database.write.begin() as session:
        for job_id in (old, new):
            jobs.request_cancel(session, job_id)
        session.get_one(m.Job, old).finished_at = utc_now() - timedelta(days=2)
    delete_old_internal_jobs(context)
    with context.database.read() as session:
        assert session.get(m.Job, old) is None
        assert session.get(m.Job, new) is not None
