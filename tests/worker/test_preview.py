"""Previews in this process: thumbnails, and views of what a browser cannot show."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from store import image_index
from store import models as m
from store.image_index import StoredBytes, previews_key
from store.object_keys import dataset_prefix, upload_key
from tests.support.rows import dataset_of, job_of, new_job
from tests.worker.conftest import Upload
from worker.context import WorkerContext
from worker.executor import run_job


def encoded(format: str, seed: int, edge: int = 400) -> bytes:
    """A drawn image as a file of this format."""
    rng, out = np.random.default_rng(seed), io.BytesIO()
    small = Image.fromarray(rng.integers(0, 255, (8, 8, 3), np.uint8))
    small.resize((edge, edge * 3 // 4)).save(out, format)
    return out.getvalue()


FILES = {
    f"{folder}/{n}.{ending}": encoded(format, seed=n)
    for folder in ("cats", "dogs")
    for n, (ending, format) in enumerate([("jpg", "JPEG"), ("png", "PNG"), ("tif", "TIFF")])
}


@pytest.fixture(params=["zip", "tar.gz"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The files as an archive."""
    path = tmp_path / f"images.{request.param}"
    if request.param == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, data in FILES.items():
                packed.writestr(name, data)
        return path
    with tarfile.open(path, "w:gz") as tar:
        for name, data in reversed(FILES.items()):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def checked(context: WorkerContext, upload: Upload, archive: Path) -> str:
    """The id of the archive's dataset, after its check."""
    dataset_id, check = upload(archive, filename=archive.name)
    run_job(context, check)
    assert dataset_of(context.database, dataset_id).state == m.READY
    return dataset_id


def read(context: WorkerContext, key: str, location: StoredBytes | None) -> bytes:
    assert location is not None
    return b"".join(image_index.read_bytes(context.files, key, location))


def test_every_image_can_be_shown_and_has_a_thumbnail(context: WorkerContext, upload: Upload, archive: Path) -> None:
    dataset_id = checked(context, upload, archive)
    images = image_index.read_images(context.files, dataset_id, 0)
    assert [(image.path, image.width, image.height) for image in images] == [(path, 400, 300) for path in sorted(FILES)]
    for image in images:
        if archive.suffix == ".zip":
            assert read(context, upload_key(dataset_id), image.location) == FILES[image.path]
        else:
            assert image.location is None
    job_id = new_job(context.database, dataset_id=dataset_id, kind=m.PREVIEW, chunk=0)
    run_job(context, job_id)
    assert job_of(context.database, job_id).state == m.SUCCEEDED
    previews, key = image_index.read_previews(context.files, dataset_id, 0), previews_key(dataset_id, 0)
    assert previews is not None
    for image, thumbnail, view in zip(images, previews.thumbnails, previews.views, strict=True):
        assert Image.open(io.BytesIO(read(context, key, thumbnail))).size == (240, 180)
        if image.format == "TIFF":
            displayed = Image.open(io.BytesIO(read(context, key, view)))
            assert (displayed.format, displayed.size) == ("JPEG", (400, 300))
        elif archive.suffix == ".zip":
            assert view is None, "the file in the upload can be shown"
        else:
            assert read(context, key, view) == FILES[image.path]
    assert list(context.settings.scratch.iterdir()) == []


def test_previews_of_a_deleted_dataset_leave_nothing(
    context: WorkerContext, upload: Upload, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from store import datasets
    from worker.handlers import preview

    dataset_id = checked(context, upload, archive)
    job_id = new_job(context.database, dataset_id=dataset_id, kind=m.PREVIEW, chunk=0)
    extract = preview.extract_files

    def delete_dataset_first(*args: object) -> dict[str, Path]:
        with context.database.write.begin() as session:
            assert datasets.delete(session, dataset_id)
        return extract(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(preview, "extract_files", delete_dataset_first)
    run_job(context, job_id)
    assert job_of(context.database, job_id).state in (m.CANCELED, m.SUCCEEDED)
    assert context.files.list(dataset_prefix(dataset_id)) == []


def test_the_list_is_cut_into_chunks(context: WorkerContext, upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_index, "CHUNK_IMAGES", 4)
    dataset_id, check = upload(classes=2, per_class=5)
    run_job(context, check)
    sizes = [len(image_index.read_images(context.files, dataset_id, chunk)) for chunk in range(3)]
    assert sizes == [4, 4, 2]
    run_job(context, job_id := new_job(context.database, dataset_id=dataset_id, kind=m.PREVIEW, chunk=2))
    assert job_of(context.database, job_id).state == m.SUCCEEDED
    previews = image_index.read_previews(context.files, dataset_id, 2)
    assert previews is not None
    assert len(previews.thumbnails) == 2
    with pytest.raises(FileNotFoundError):
        image_index.read_images(context.files, dataset_id, 3)
