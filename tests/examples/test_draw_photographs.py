"""The demo's photograph-like images: deterministic, large enough for textures, and in class folders."""

import io

import numpy as np
from PIL import Image

from core.ingest.inspection import inspect_upload
from core.specs.small_images import are_photographs
from examples import draw_photographs
from examples.draw_photographs import SIZES, draw, write
from examples.draw_pictures import PATTERNS


def test_the_service_finds_classes_of_photographs(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(draw_photographs, "TRAIN_IMAGES", 2)
    monkeypatch.setattr(draw_photographs, "TEST_IMAGES", 1)
    for name in ("a.zip", "b.zip"):
        write(tmp_path / name, seed=3)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    inspection = inspect_upload(tmp_path / "a.zip")
    assert inspection.images == 3 * len(PATTERNS)
    assert {entry.path.split("/")[-2] for entry in inspection.entries if entry.path.endswith("jpg")} == set(PATTERNS)
    assert are_photographs(SIZES)


def test_mean_colours_do_not_tell_the_class() -> None:
    """Of two materials drawn alike, the means differ by less than within one material."""
    means = np.array(
        [[np.asarray(draw(name, np.random.default_rng(n)), float).mean((0, 1)) for n in range(4)] for name in PATTERNS]
    )
    assert means.mean(1).std(0).max() < means.std(1).mean()


def test_images_have_the_grain_of_photographs() -> None:
    out = io.BytesIO()
    draw("waves", np.random.default_rng(0)).save(out, "JPEG", quality=86)
    values = np.asarray(Image.open(out).convert("L"), float)
    assert np.abs(np.diff(values, axis=1)).mean() > 0.5
