"""The demo's images: deterministic, readable, and with classes that mean colours do not tell apart."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.ingest.inspection import inspect_upload
from examples.draw_pictures import EDGES, PATTERNS, TEST_IMAGES, TRAIN_IMAGES, draw, files, write


@pytest.fixture(scope="module")
def drawn() -> dict[str, bytes]:
    return files(0)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_the_same_seed_draws_the_same_bytes(drawn: dict[str, bytes], tmp_path: Path) -> None:
    write(tmp_path / "a.zip", seed=0)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == drawn
    first, second = (draw("rings", np.random.default_rng(seed)) for seed in (1, 2))
    assert first.shape != second.shape or (first != second).any()


def test_the_service_finds_the_classes_and_images(tmp_path: Path) -> None:
    write(tmp_path / "a.zip")
    inspection = inspect_upload(tmp_path / "a.zip")
    assert {path.split("/")[-2] for entry in inspection.entries if (path := entry.path).count("/") > 1} == set(PATTERNS)
    assert inspection.images >= len(PATTERNS) * (TRAIN_IMAGES + TEST_IMAGES)


def test_images_can_be_decoded_and_vary_in_size(drawn: dict[str, bytes]) -> None:
    special = {"broken.jpg", "README.txt"}
    images = [opened(data) for path, data in drawn.items() if Path(path).name not in special]
    assert {image.format for image in images} == {"PNG", "JPEG"}
    assert len({image.size for image in images}) > len(EDGES)
    assert all(EDGES[0] <= edge <= EDGES[-1] for image in images for edge in image.size)


def test_the_special_files_have_orientation_alpha_and_truncation(drawn: dict[str, bytes]) -> None:
    assert opened(drawn["patterns/train/dots/turned.jpg"]).getexif()[0x0112] == 6
    assert opened(drawn["patterns/train/rings/see-through.png"]).mode == "RGBA"
    with pytest.raises(OSError, match="truncated"):
        opened(drawn["patterns/train/waves/broken.jpg"])


def test_mean_colours_hardly_tell_the_class(drawn: dict[str, bytes]) -> None:
    """A nearest-mean classifier on the mean and spread of the colours stays near chance."""
    features: dict[str, dict[str, list[np.ndarray]]] = {
        split: {name: [] for name in PATTERNS} for split in ("train", "test")
    }
    for path, data in drawn.items():
        _, split, *rest = path.split("/")
        if len(rest) == 2 and rest[1][0].isdigit():
            pixels = np.asarray(opened(data).convert("RGB"), dtype=float)
            features[split][rest[0]].append(np.concatenate([pixels.mean((0, 1)), pixels.std((0, 1))]))
    means = np.stack([np.mean(found, axis=0) for found in features["train"].values()])
    correct = total = 0
    for label, found in enumerate(features["test"].values()):
        nearest = [int(np.argmin(((means - one) ** 2).sum(axis=1))) for one in found]
        correct, total = correct + nearest.count(label), total + len(found)
    assert total == TEST_IMAGES * len(PATTERNS)
    assert correct / total < 0.35, f"chance is {1 / len(PATTERNS):.2f}"
