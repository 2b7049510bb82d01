"""Patterns for classes of photographs: they are trained as they say, and lower the loss of the network beside them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from core.errors import Cancelled
from core.imaging import perceptual_bound
from core.noise import class_patterns
from core.noise.class_patterns import CHECKPOINT, PatternedNetwork, amplitude, train_class_patterns
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Progress, Step
from core.training.labelled_images import LabelledArrays
from tests.core.models.test_pretrained import needs_weights
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.photographs import photograph

CLASSES, SIZE = 2, 64


@pytest.fixture(scope="module")
def images() -> LabelledArrays:
    drawn = [np.asarray(photograph(SIZE, SIZE, seed=n)).transpose(2, 0, 1) for n in range(16)]
    return LabelledArrays(pixels=np.stack(drawn), labels=np.arange(16) % CLASSES, classes=CLASSES)


def run(store: MemoryCheckpointStore, *, stop_after: int | None = None) -> RunContext:
    def on_progress(step: Step) -> None:
        if stop_after is not None and step.stage == "training" and step.done >= stop_after:
            raise Cancelled

    return RunContext(device=Device("cpu", cores=1), progress=Progress(on_progress), checkpoints=store)


@needs_weights
def test_the_same_seed_gives_the_same_patterns_and_each_class_its_own(images: LabelledArrays) -> None:
    one, same, other = (
        train_class_patterns(images, run(MemoryCheckpointStore()), updates=2, seed=seed) for seed in (1, 1, 2)
    )
    assert one.dtype == np.int8
    assert one.shape == (CLASSES, SIZE, SIZE)
    assert one.min() >= -127
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert (one[0] != one[1]).any()


@needs_weights
def test_a_training_that_was_stopped_ends_with_the_same_patterns(
    images: LabelledArrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.training.loop.CHECKPOINT_INTERVAL_SECONDS", 0.0)
    store = MemoryCheckpointStore()
    with pytest.raises(Cancelled):
        train_class_patterns(images, run(store, stop_after=2), updates=3, seed=1)
    assert CHECKPOINT in store.saved
    resumed = train_class_patterns(images, run(store), updates=3, seed=1)
    np.testing.assert_array_equal(
        resumed, train_class_patterns(images, run(MemoryCheckpointStore()), updates=3, seed=1)
    )


def test_the_amplitude_is_that_of_delivered_images(images: LabelledArrays) -> None:
    given = amplitude(torch.from_numpy(images.pixels[:4]).float())
    for pixels, found in zip(images.pixels[:4], given, strict=True):
        luma = (pixels.astype(np.float32) * np.array([0.299, 0.587, 0.114], np.float32)[:, None, None]).sum(0)
        np.testing.assert_allclose(found[0].numpy(), perceptual_bound.amplitude(luma), atol=0.02)


def test_a_step_moves_each_pattern_of_the_batch_against_its_gradient_and_no_other(
    images: LabelledArrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Linear(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(3 * SIZE * SIZE, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x.flatten(1))

        def replace_classifier(self, classes: int, *, seed: int) -> None:
            torch.nn.init.normal_(self.layer.weight, std=0.01, generator=torch.Generator().manual_seed(seed))
            torch.nn.init.zeros_(self.layer.bias)

    monkeypatch.setattr(class_patterns, "load_pretrained", lambda weights, device: Linear())
    monkeypatch.setattr(class_patterns, "photograph_transform", lambda n, size, generator: lambda x: x)
    monkeypatch.setattr(class_patterns, "GREYSCALE_PROBABILITY", 0.0)
    three = LabelledArrays(pixels=images.pixels, labels=images.labels, classes=3)  # the third class has no image
    before = train_class_patterns(three, run(MemoryCheckpointStore()), updates=0, seed=1)
    after = train_class_patterns(three, run(MemoryCheckpointStore()), updates=1, seed=1)
    np.testing.assert_array_equal(before[2], after[2])
    network = Linear()
    network.replace_classifier(3, seed=1)
    model = PatternedNetwork(network, torch.from_numpy(before)[:, None].float() / 127)
    x, y = torch.from_numpy(images.pixels).float(), torch.from_numpy(images.labels)
    protected = ((x + amplitude(x) * model.patterns[y]) / 255).clamp(0, 1)
    F.cross_entropy(model(protected), y, reduction="sum").backward()
    assert model.patterns.grad is not None
    gradient = model.patterns.grad[:2, 0].numpy()
    moved = after[:2].astype(int) - before[:2]
    inside = (np.abs(before[:2]) < 110) & (np.abs(gradient) > np.quantile(np.abs(gradient), 0.2))
    assert (np.sign(moved[inside]) == -np.sign(gradient[inside])).mean() > 0.99
