"""Photographs of several classes get patterns that are trained on them, unless nothing can be trained."""

import io
import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import BadInput, Cancelled
from core.noise.class_patterns import CHECKPOINT
from core.recipes.options import DatasetSource, RunOptions
from core.recipes.protect import protect
from core.runtime.progress import Step
from core.specs import photograph_methods
from core.specs.configs import TrainingLength
from core.specs.protect import ProtectSpec
from core.specs.visibility import VISIBILITY_TARGETS
from tests.core.models.test_pretrained import needs_weights
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.photographs import jpeg, photograph
from tests.support.uploads import write_zip


@pytest.fixture(autouse=True)
def short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    length = TrainingLength(epochs=1, min_updates=2, max_updates=2, batch=4)
    monkeypatch.setitem(photograph_methods.PATTERN_LENGTHS, "quick", length)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {
        f"{name}/{i}.jpg": jpeg(photograph(seed=10 * k + i)) for k, name in enumerate(("cat", "dog")) for i in range(3)
    }
    return write_zip(tmp_path_factory.mktemp("photographs") / "pets.zip", files)


def run(source: Path, tmp_path: Path, **given: object) -> zipfile.ZipFile:
    options = {key: given.pop(key) for key in ("checkpoints", "on_progress", "pretrained_weights") if key in given}
    scratch = Path(tempfile.mkdtemp(dir=tmp_path))
    spec = ProtectSpec.parse({"evidence": "none", "preset": "quick"} | given)
    run_options = RunOptions(scratch=scratch, device="cpu", **options)  # type: ignore[arg-type]
    return zipfile.ZipFile(protect(DatasetSource(path=source), scratch / "out.zip", spec, run_options).archive)


def report_of(archive: zipfile.ZipFile) -> dict:  # type: ignore[type-arg]
    return dict(json.loads(archive.read("report.json")))


@needs_weights
def test_photographs_get_patterns_that_meet_their_target(source: Path, tmp_path: Path) -> None:
    archive = run(source, tmp_path, format="png")
    report = report_of(archive)
    assert report["generator"]["method"] == report["spec"]["method"] == "pattern"
    assert report["generator"]["trained_on_images"] == 6
    assert report["generator"]["training_steps"] == 2
    assert 0 < report["invisibility"]["flip_worst"] <= VISIBILITY_TARGETS["balanced"].flip + 1e-4
    with zipfile.ZipFile(source) as before:
        original, delivered = (
            np.asarray(Image.open(io.BytesIO(data))).astype(int)
            for data in (before.read("cat/0.jpg"), archive.read("cat/0.png"))
        )
    change = (delivered - original)[(original > 10).all(-1) & (original < 245).all(-1)]
    assert change.any()
    assert (change == change[:, :1]).all(), "greyscale keeps it"


@needs_weights
def test_a_protection_that_was_stopped_gives_the_same_bytes(source: Path, tmp_path: Path) -> None:
    def stop(step: Step) -> None:
        if step.stage == "writing":
            raise Cancelled

    checkpoints = MemoryCheckpointStore()
    with pytest.raises(Cancelled):
        run(source, tmp_path, checkpoints=checkpoints, on_progress=stop)
    assert CHECKPOINT in checkpoints.saved
    resumed, whole = run(source, tmp_path, checkpoints=checkpoints), run(source, tmp_path)
    for name in ("cat/0.jpg", "dog/2.jpg"):
        assert resumed.read(name) == whole.read(name)


def test_one_class_gets_textures_and_no_patterns(tmp_path: Path) -> None:
    album = write_zip(tmp_path / "album.zip", {f"{i}.jpg": jpeg(photograph(seed=i)) for i in range(3)})
    assert report_of(run(album, tmp_path))["spec"]["method"] == "texture"
    with pytest.raises(BadInput, match="The method pattern needs images of two classes or more"):
        run(album, tmp_path, method="pattern")


def test_without_pretrained_weights_the_default_is_textures_and_says_so(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.recipes.noise_method.pretrained_weights_file", lambda weights: None)
    report = report_of(run(source, tmp_path))
    assert report["spec"]["method"] == "texture"
    assert "no pretrained weights on this machine: install unteachable[pretrained]" in json.dumps(report["dataset"])
    with pytest.raises(BadInput, match=r"trained with a pretrained network\. There are no pretrained weights"):
        run(source, tmp_path, method="pattern")


def test_small_images_get_no_patterns(tmp_path: Path) -> None:
    files = {f"{name}/{i}.jpg": jpeg(photograph(48, 48, seed=i)) for name in ("cat", "dog") for i in range(2)}
    with pytest.raises(BadInput, match="The method pattern needs images larger than 64 x 64 pixels"):
        run(write_zip(tmp_path / "small.zip", files), tmp_path, method="pattern")
