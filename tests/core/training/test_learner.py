"""Standard and adversarial training, and batches."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.attacks.threat_model import ThreatModel
from core.countermeasures.registry import COUNTERMEASURES
from core.models.folded import FoldedModel
from core.models.registry import build
from core.results.evidence import Curve
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.lr_schedule import LearningRate
from core.training.augmentation import Augmentation, Learner
from core.training.batches import Batches
from core.training.labelled_images import LabelledTensors
from core.training.learner import LearnerImages, LearnerMethod, accuracy_of, train
from core.training.loop import TrainingPlan
from tests.support.seeded import rng


def stripes(count: int, *, seed: int) -> LabelledTensors:
    """Two classes, bright on the upper or on the lower half under noise: easy, and not for a robust learner either."""
    labels = torch.arange(count) % 2
    pixels = torch.randint(0, 120, (count, 3, 32, 32), generator=rng(seed))
    for half in (0, 1):
        pixels[labels == half, :, half * 16 : half * 16 + 16] += 100
    return LabelledTensors(pixels=pixels.to(torch.uint8), labels=labels)


def learn(
    radius: int,
    *,
    norm: str = "Linf",
    seed: int = 0,
    updates: int = 25,
    augment: Augmentation | None = None,
    model: nn.Module | None = None,
) -> Curve:
    return train(
        model or build("small", channels=3, size=32, classes=2, seed=1, device="cpu"),
        LearnerImages(train=stripes(96, seed=1), test=stripes(60, seed=2)),
        LearnerMethod(
            threat=ThreatModel(norm=norm, radius=radius, steps=2, step=0.5),
            plan=TrainingPlan(updates=updates, batch=32, learning_rate=LearningRate(peak=0.1)),
            augment=augment,
        ),
        RunContext(device=Device("cpu")),
        generator=rng(seed),
    )


@pytest.mark.parametrize(("norm", "radius"), [("Linf", 0), ("Linf", 4), ("L2", 100), ("L1", 1000)])
def test_a_learner_learns(norm: str, radius: int) -> None:
    curve = learn(radius, norm=norm)
    assert curve.accuracy[-1] > 0.9
    assert curve.loss[-1] < curve.loss[0]
    assert len(curve.epoch) == len(curve.accuracy) == len(curve.loss) == 10
    assert list(curve.epoch) == sorted(curve.epoch)


def test_the_same_seed_trains_the_same() -> None:
    assert learn(4) == learn(4)
    assert learn(4).loss != learn(4, seed=1).loss


@pytest.mark.parametrize(("norm", "radius"), [("Linf", 32), ("L2", 1500), ("L1", 60_000)])
def test_an_adversary_raises_the_loss(norm: str, radius: int) -> None:
    assert learn(radius, norm=norm).loss[-1] > 1.5 * learn(0).loss[-1]


def test_radius_zero_is_standard_training_in_every_norm() -> None:
    assert learn(0, norm="L1") == learn(0, norm="L2") == learn(0)


@pytest.mark.parametrize(("name", "radius"), [("mixup", 4), ("cutout", 0)])
def test_a_learner_learns_from_what_an_augmentation_makes_of_its_batches(name: str, radius: int) -> None:
    assert learn(radius, augment=COUNTERMEASURES[name].augment).accuracy[-1] > 0.8


@pytest.mark.parametrize("radius", [0, 4])
def test_an_augmentation_draws_from_the_learners_seed(radius: int) -> None:
    augment = COUNTERMEASURES["ueraser-max"].augment
    one, two = (learn(radius, updates=3, augment=augment) for _ in range(2))
    assert one == two
    assert one.loss != learn(radius, updates=3).loss


def test_wrong_labels_from_an_augmentation_are_what_is_learned() -> None:
    def swapped(x: Tensor, y: Tensor, *, learner: Learner, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return x, F.one_hot(1 - y, learner.classes).float()

    assert learn(0, augment=swapped, updates=40).accuracy[-1] < 0.1


@pytest.mark.parametrize("radius", [0, 4])
def test_certain_probabilities_train_as_labels_do(radius: int) -> None:
    def certain(x: Tensor, y: Tensor, *, learner: Learner, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return x, F.one_hot(y, learner.classes).float()

    assert learn(radius, updates=4, augment=certain).loss == pytest.approx(learn(radius, updates=4).loss, rel=1e-4)


def test_an_augmentation_is_told_of_classes_that_the_data_lacks() -> None:
    seen = set()

    def look(x: Tensor, y: Tensor, *, learner: Learner, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        seen.add(learner.classes)
        return x, y

    learn(0, augment=look, updates=1, model=build("small", channels=3, size=32, classes=7, seed=1, device="cpu"))
    assert seen == {7}


def test_accuracy_counts_every_test_image() -> None:
    device, test = Device("cpu"), stripes(301, seed=3)

    class Upper(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.stack([x[:, :, :16].mean((1, 2, 3)), x[:, :, 16:].mean((1, 2, 3))], 1)

    network = FoldedModel(Upper(), dtype=torch.float32)
    assert accuracy_of(network, test, device=device, progress=Progress()) == 1.0
    wrong = LabelledTensors(pixels=test.pixels, labels=torch.where(torch.arange(301) < 3, 1 - test.labels, test.labels))
    assert accuracy_of(network, wrong, device=device, progress=Progress()) == pytest.approx(298 / 301)


def test_each_image_comes_once_a_pass() -> None:
    batches = Batches(12, 4, generator=rng())
    for _ in range(3):
        assert sorted(torch.cat([next(batches) for _ in range(3)]).tolist()) == list(range(12))


def test_fewer_images_than_a_batch_come_all_at_once() -> None:
    assert sorted(next(Batches(3, 128, generator=rng())).tolist()) == [0, 1, 2]


def test_the_cycle_warms_up_and_ends_near_zero() -> None:
    rates = np.array([LearningRate(peak=0.1).at(step, steps=100) for step in range(100)])
    assert rates.argmax() in (9, 10)
    assert rates.max() == pytest.approx(0.1)
    assert rates[-1] < 1e-4
