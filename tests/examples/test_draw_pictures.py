"""The demo's pictures: the same every time, readable where they should be, and nothing to be told by colour alone."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.ingest.inspection import inspect_upload
from examples.draw_pictures import PATTERNS, SIZES, TEST, TRAIN, draw, files, write


@pytest.fixture(scope="module")
def drawn() -> dict[str, bytes]:
    return files(0)


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def test_the_same_seed_draws_the_same_bytes(drawn: dict[str, bytes], tmp_path: Path) -> None:
    write(tmp_path / "a.zip", seed=0)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == drawn
    one, other = (draw("rings", np.random.default_rng(seed)) for seed in (1, 2))
    assert one.shape != other.shape or (one != other).any()


def test_the_service_reads_it_as_classes_of_enough_pictures(tmp_path: Path) -> None:
    write(tmp_path / "a.zip")
    seen = inspect_upload(tmp_path / "a.zip")
    assert set(seen.classes) == set(PATTERNS)
    assert seen.images >= len(PATTERNS) * (TRAIN + TEST)


def test_pictures_are_readable_and_of_many_sizes(drawn: dict[str, bytes]) -> None:
    odd = {"broken.jpg", "README.txt"}
    pictures = [opened(data) for path, data in drawn.items() if Path(path).name not in odd]
    assert {picture.format for picture in pictures} == {"PNG", "JPEG"}
    assert len({picture.size for picture in pictures}) > len(SIZES)
    assert all(SIZES[0] <= side <= SIZES[-1] for picture in pictures for side in picture.size)


def test_the_odd_files_are_odd(drawn: dict[str, bytes]) -> None:
    assert opened(drawn["patterns/train/dots/turned.jpg"]).getexif()[0x0112] == 6
    assert opened(drawn["patterns/train/rings/see-through.png"]).mode == "RGBA"
    with pytest.raises(OSError, match="truncated"):
        opened(drawn["patterns/train/waves/broken.jpg"])


def test_mean_colours_say_next_to_nothing_of_the_class(drawn: dict[str, bytes]) -> None:
    """A nearest-mean classifier on the mean and spread of the colours stays near chance."""
    features: dict[str, dict[str, list[np.ndarray]]] = {
        part: {name: [] for name in PATTERNS} for part in ("train", "test")
    }
    for path, data in drawn.items():
        _, part, *rest = path.split("/")
        if len(rest) == 2 and rest[1][0].isdigit():
            pixels = np.asarray(opened(data).convert("RGB"), dtype=float)
            features[part][rest[0]].append(np.concatenate([pixels.mean((0, 1)), pixels.std((0, 1))]))
    means = np.stack([np.mean(found, axis=0) for found in features["train"].values()])
    right = total = 0
    for label, found in enumerate(features["test"].values()):
        nearest = [int(np.argmin(((means - one) ** 2).sum(axis=1))) for one in found]
        right, total = right + nearest.count(label), total + len(found)
    assert total == TEST * len(PATTERNS)
    assert right / total < 0.35, f"chance is {1 / len(PATTERNS):.2f}"
