"""Photographs get textures at their own size, and every one of them meets its target of visibility."""

import io
import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import BadInput, Cancelled, SpecError
from core.metrics.visibility import score_pair
from core.recipes.options import DatasetSource, RunOptions
from core.recipes.protect import protect
from core.recipes.protection_noise import KEY_CHECKPOINT
from core.runtime.progress import Step
from core.specs.protect import ProtectSpec
from core.specs.visibility import VISIBILITY_TARGETS
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.photographs import jpeg, photograph
from tests.support.uploads import encoded, image_file, write_zip

KEY = bytes(range(32))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs with so much detail that the target alone limits their noise."""
    files = {
        f"{name}/{i}.jpg": jpeg(photograph(seed=10 * k + i, grain=12))
        for k, name in enumerate(("cat", "dog"))
        for i in range(3)
    }
    return write_zip(tmp_path_factory.mktemp("photographs") / "pets.zip", files)


def run(source: Path, tmp_path: Path, *, key: bytes | None = KEY, **spec: object) -> zipfile.ZipFile:
    checkpoints = MemoryCheckpointStore()
    if key is not None:
        checkpoints.save(KEY_CHECKPOINT, key)
    scratch = Path(tempfile.mkdtemp(dir=tmp_path))
    options = RunOptions(scratch=scratch, checkpoints=checkpoints, device="cpu")
    whole = ProtectSpec.parse({"evidence": "none", "preset": "instant"} | spec)
    return zipfile.ZipFile(protect(DatasetSource(path=source), scratch / "out.zip", whole, options).archive)


def images(archive: Path | zipfile.ZipFile) -> dict[str, np.ndarray]:
    whole = archive if isinstance(archive, zipfile.ZipFile) else zipfile.ZipFile(archive)
    return {
        name.split(".")[0]: np.asarray(Image.open(io.BytesIO(whole.read(name))))
        for name in whole.namelist()
        if name.endswith((".jpg", ".png"))
    }


@pytest.mark.parametrize(
    ("visibility", "format"), [("subtle", "png"), ("subtle", "same"), ("balanced", "same"), ("strong", "same")]
)
def test_every_image_meets_its_target(source: Path, tmp_path: Path, visibility: str, format: str) -> None:
    archive = run(source, tmp_path, visibility=visibility, format=format)
    target = VISIBILITY_TARGETS[visibility].flip
    before, after = images(source), images(archive)
    flips = [score_pair(before[name], after[name]).flip for name in before]
    assert len(flips) == 6
    assert max(flips) <= target + 1e-4
    assert np.mean(flips) > 0.8 * target
    report = json.loads(archive.read("report.json"))
    assert report["generator"]["method"] == report["spec"]["method"] == "texture"
    assert report["generator"]["visibility"] == visibility
    assert report["invisibility"]["flip_worst"] <= target + 1e-4
    assert "training" not in report["stages"]


def test_the_key_is_nowhere_in_the_archive(source: Path, tmp_path: Path) -> None:
    archive = run(source, tmp_path)
    for name in archive.namelist():
        data = archive.read(name)
        assert KEY not in data
        assert KEY.hex().encode() not in data


def test_the_same_key_gives_the_same_bytes_and_a_new_job_gives_others(source: Path, tmp_path: Path) -> None:
    one, same, other = (images(run(source, tmp_path, key=key)) for key in (KEY, KEY, None))
    for name in one:
        np.testing.assert_array_equal(one[name], same[name])
        assert (one[name] != other[name]).any()


def test_a_job_that_was_stopped_resumes_with_its_key(source: Path, tmp_path: Path) -> None:
    checkpoints = MemoryCheckpointStore()

    def stop(step: Step) -> None:
        if step.stage == "writing":
            raise Cancelled

    spec = ProtectSpec.parse({"evidence": "none", "preset": "instant"})
    for on_progress in (stop, None, None):
        scratch = Path(tempfile.mkdtemp(dir=tmp_path))
        options = RunOptions(scratch=scratch, checkpoints=checkpoints, device="cpu", on_progress=on_progress)
        if on_progress:
            with pytest.raises(Cancelled):
                protect(DatasetSource(path=source), scratch / "out.zip", spec, options)
            key = checkpoints.saved[KEY_CHECKPOINT]
        else:
            found = images(protect(DatasetSource(path=source), scratch / "out.zip", spec, options).archive)
            expected = images(run(source, tmp_path, key=key))
            assert all((found[name] == expected[name]).all() for name in expected)


def test_images_that_are_left_out_stay_as_they_are_but_for_compression(source: Path, tmp_path: Path) -> None:
    archive = run(source, tmp_path, percentage=50, format="png")
    manifest = json.loads(archive.read("MANIFEST.json"))
    with zipfile.ZipFile(source) as before:
        for file in (file for file in manifest["files"] if file["path"].endswith(".png")):
            original = np.asarray(Image.open(io.BytesIO(before.read(file["was"]))))
            delivered = np.asarray(Image.open(io.BytesIO(archive.read(file["path"]))))
            assert file["protected"] == bool((original != delivered).any())


def test_radius_u_is_a_hard_cap(source: Path, tmp_path: Path) -> None:
    archive = run(source, tmp_path, visibility="strong", radius_u=1, format="png")
    assert json.loads(archive.read("report.json"))["invisibility"]["linf_max"] == 1


def test_another_method_is_scaled_to_the_target(source: Path, tmp_path: Path) -> None:
    archive = run(source, tmp_path, method="sem", format="png", visibility="strong")
    report = json.loads(archive.read("report.json"))
    assert report["generator"]["method"] == "sem"
    assert 0 < report["invisibility"]["flip_worst"] <= VISIBILITY_TARGETS["strong"].flip + 1e-4
    assert any("was scaled down until" in caveat for caveat in report["limits"])


def test_small_images_have_no_textures(tmp_path: Path) -> None:
    files = {f"{name}/{i}.png": image_file(seed=i) for name in ("cat", "dog") for i in range(2)}
    small = write_zip(tmp_path / "small.zip", files)
    report = json.loads(run(small, tmp_path).read("report.json"))
    assert report["generator"]["method"] == "sem"
    assert "max_flip" not in report["generator"]
    with pytest.raises(BadInput, match="texture needs images larger than 64 x 64 pixels"):
        run(small, tmp_path, method="texture")


def test_the_preset_of_the_paper_has_no_textures() -> None:
    with pytest.raises(SpecError, match="must not be texture with the preset paper"):
        ProtectSpec.parse({"preset": "paper", "method": "texture"})
    assert ProtectSpec.parse({"preset": "paper"}).max_flip is None


def test_files_that_miss_the_target_or_their_size_are_named(tmp_path: Path) -> None:
    files = {
        "cat/grain.avif": encoded(photograph(300, 200, 1), "AVIF", quality=60),
        "cat/web.webp": encoded(photograph(400, 300, 0), "WEBP", quality=75),
        "dog/1.jpg": jpeg(photograph(seed=5)),
        "dog/2.jpg": jpeg(photograph(seed=6)),
    }
    archive = run(write_zip(tmp_path / "mixed.zip", files), tmp_path, visibility="subtle")
    report = json.loads(archive.read("report.json"))
    assert report["invisibility"]["above_target"] == ["cat/grain.avif"]
    assert report["invisibility"]["above_size"] == ["cat/web.webp"]
    assert any("miss the visibility “subtle”" in caveat and "cat/grain.avif" in caveat for caveat in report["limits"])
    assert any("1.5 times as large" in caveat and "cat/web.webp" in caveat for caveat in report["limits"])
    assert "cat/grain.avif" in archive.read("report.html").decode()
