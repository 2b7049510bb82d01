"""The list: complete, in step with the names that the API knows, and each entry sound on any pictures."""

import subprocess
import sys

import pytest
import torch

from core.countermeasures.registry import COUNTERMEASURES
from core.models.folded import FoldedModel
from core.models.registry import build
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.catalog import COUNTERMEASURE_INFO
from core.training.augmentation import Learner
from tests.support.seeded import rng

ON_DATA = [name for name, info in COUNTERMEASURE_INFO.items() if info.applied == "data"]
IN_TRAINING = [name for name, info in COUNTERMEASURE_INFO.items() if info.applied == "training"]


def test_names_and_functions_are_in_step() -> None:
    assert set(COUNTERMEASURE_INFO) == set(COUNTERMEASURES)
    for name, countermeasure in COUNTERMEASURES.items():
        assert countermeasure.about is COUNTERMEASURE_INFO[name]
        assert (countermeasure.augment is not None) == (countermeasure.about.applied == "training")
        assert countermeasure.about.description
        assert countermeasure.about.source


def test_the_names_come_without_torch() -> None:
    code = "import sys, core.specs.catalog; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ON_DATA)
@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 17, 23), (3, 1, 1), (1, 2, 9)])
def test_pictures_of_any_shape_are_treated_alike_each_time(name: str, shape: tuple[int, int, int]) -> None:
    pixels = torch.randint(0, 256, (10, *shape), generator=rng(1)).to(torch.uint8)
    before, labels = pixels.clone(), torch.arange(10) % 3
    one, two = (COUNTERMEASURES[name].treat(pixels, labels, generator=rng()) for _ in range(2))
    assert one.shape == pixels.shape
    assert one.dtype == torch.uint8
    assert torch.equal(one, two)
    assert torch.equal(pixels, before)
    if shape == (3, 32, 32):
        assert not torch.equal(one, pixels)


@pytest.mark.parametrize("name", IN_TRAINING)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_batch_is_augmented_and_left_as_it_was(name: str, channels: int) -> None:
    model = build("small", channels=channels, size=32, classes=3, seed=0, device="cpu")
    learner = Learner(FoldedModel(model, dtype=torch.float32), Device("cpu"), classes=3, progress=Progress())
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


def test_many_pictures_go_through_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = torch.randint(0, 256, (23, 3, 8, 8), generator=rng()).to(torch.uint8)
    labels = torch.zeros(23, dtype=torch.int64)
    whole = COUNTERMEASURES["median-3x3"].treat(pixels, labels, generator=rng())
    monkeypatch.setattr("core.countermeasures.preprocessing.VALUES", 5 * 3 * 8 * 8)
    assert torch.equal(COUNTERMEASURES["median-3x3"].treat(pixels, labels, generator=rng()), whole)
