"""All countermeasures: complete, described, and correct on images of any shape."""

import subprocess
import sys

import pytest
import torch

from core.countermeasures.registry import COUNTERMEASURES
from core.models.folded import FoldedModel
from core.models.registry import build_network
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.catalog import COUNTERMEASURE_INFO
from core.training.augmentation import LearnerView
from tests.support.seeded import rng

PREPROCESSINGS = [name for name, info in COUNTERMEASURE_INFO.items() if info.applied == "data"]
AUGMENTATIONS = [name for name, info in COUNTERMEASURE_INFO.items() if info.applied == "training"]


def test_every_countermeasure_is_described_and_every_description_has_one() -> None:
    assert set(COUNTERMEASURE_INFO) == set(COUNTERMEASURES)
    for name, countermeasure in COUNTERMEASURES.items():
        assert countermeasure.info is COUNTERMEASURE_INFO[name]
        assert (countermeasure.augment is not None) == (countermeasure.info.applied == "training")
        assert countermeasure.info.description
        assert countermeasure.info.source


def test_the_descriptions_import_no_torch() -> None:
    code = "import sys, core.specs.catalog; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", PREPROCESSINGS)
@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 17, 23), (3, 1, 1), (1, 2, 9)])
def test_preprocessing_is_deterministic_and_changes_a_copy(name: str, shape: tuple[int, int, int]) -> None:
    pixels = torch.randint(0, 256, (10, *shape), generator=rng(1)).to(torch.uint8)
    before, labels = pixels.clone(), torch.arange(10) % 3
    one, two = (COUNTERMEASURES[name].preprocess(pixels, labels, generator=rng()) for _ in range(2))
    assert one.shape == pixels.shape
    assert one.dtype == torch.uint8
    assert torch.equal(one, two)
    assert torch.equal(pixels, before)
    if shape == (3, 32, 32):
        assert not torch.equal(one, pixels)


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_augmentation_changes_a_copy_of_the_batch(name: str, channels: int) -> None:
    model = build_network("small", channels=channels, size=32, classes=3, seed=0, device="cpu")
    learner = LearnerView(FoldedModel(model, dtype=torch.float32), Device("cpu"), classes=3, progress=Progress())
    x, y = torch.rand((10, channels, 32, 32), generator=rng(1)), torch.arange(10) % 3
    before = x.clone()
    augment = COUNTERMEASURES[name].augment
    assert augment is not None
    out, targets = augment(x, y, learner=learner, generator=rng())
    assert out.shape == x.shape
    assert out.min() >= 0
    assert out.max() <= 1
    assert not torch.equal(out, x)
    assert torch.equal(x, before)
    assert targets.shape in ((10,), (10, 3))


def test_preprocessing_in_chunks_gives_the_same_images(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = torch.randint(0, 256, (23, 3, 8, 8), generator=rng()).to(torch.uint8)
    labels = torch.zeros(23, dtype=torch.int64)
    whole = COUNTERMEASURES["median-3x3"].preprocess(pixels, labels, generator=rng())
    monkeypatch.setattr("core.countermeasures.preprocessing.MAX_CHUNK_VALUES", 5 * 3 * 8 * 8)
    assert torch.equal(COUNTERMEASURES["median-3x3"].preprocess(pixels, labels, generator=rng()), whole)
