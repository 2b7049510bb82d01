"""Quick starts from a shipped noise network where one fits, and trains a surrogate where none does."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.generators.shipped import shipped_generators
from core.recipes.options import DatasetSource, RunOptions
from core.recipes.protect import protect
from core.specs.protect import ProtectSpec
from tests.support.short_training import STEPS, drawn, short_training
from tests.support.uploads import encoded, pixels, write_zip

FEWEST_CLASSES = min((one.card for one in shipped_generators() if one.card.size == 32), key=lambda card: card.classes)


@pytest.fixture(autouse=True, scope="module")
def short() -> Iterator[None]:
    with short_training():
        yield


def grey_file(*, seed: int) -> bytes:
    """The PNG of a greyscale image of 32 px."""
    return encoded(Image.fromarray(pixels(32, 32, seed=seed)).convert("L"), "PNG")


def report_of(source: Path, folder: Path, **fields: object) -> dict[str, Any]:
    """The report of a protection without evidence; its archive is `out.zip` in `folder`."""
    (folder / "work").mkdir()
    spec = ProtectSpec.parse({"evidence": "none", "preset": "quick", **fields})
    protect(DatasetSource(path=source), folder / "out.zip", spec, RunOptions(scratch=folder / "work"))
    with zipfile.ZipFile(folder / "out.zip") as archive:
        report: dict[str, Any] = json.loads(archive.read("report.json"))
    return report


def test_a_shipped_noise_network_is_trained_on_the_images(tmp_path: Path) -> None:
    source = drawn(tmp_path / "in.zip")
    made = report_of(source, tmp_path)["generator"]
    assert made["method"] == "sem"
    assert made["training_steps"] == STEPS
    assert made["passes_per_image"] == 1
    assert made["started_from"]["name"] == FEWEST_CLASSES.name
    assert "trained together with the surrogate" in made["made"]
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(tmp_path / "out.zip") as after:
        for name in (n for n in before.namelist() if n.endswith(".png")):
            pairs = [np.asarray(Image.open(z.open(name)).convert("RGB"), np.int16) for z in (before, after)]
            assert 0 < np.abs(pairs[0] - pairs[1]).max() <= 8


@pytest.mark.parametrize("fields", [{"radius_u": 16}, {"radius_a": 2}, {"method": "em"}, {"eot": False}])
def test_other_settings_are_searched(tmp_path: Path, fields: dict[str, object]) -> None:
    made = report_of(drawn(tmp_path / "in.zip"), tmp_path, **fields)["generator"]
    assert "started_from" not in made
    assert made["passes_per_image"] > 1


def test_a_generator_that_may_know_the_images_is_not_the_start(tmp_path: Path) -> None:
    source = drawn(tmp_path / "in.zip", " ".join(FEWEST_CLASSES.class_names[:3]))
    assert report_of(source, tmp_path)["generator"]["started_from"]["name"] != FEWEST_CLASSES.name


def test_greyscale_images_are_searched(tmp_path: Path) -> None:
    grey = {f"{name}/{i}.png": grey_file(seed=i) for name in "ab" for i in range(5)}
    made = report_of(write_zip(tmp_path / "in.zip", grey), tmp_path)["generator"]
    assert "started_from" not in made
