"""Standard and adversarial training of a learner."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.attacks.threat_model import ThreatModel
from core.countermeasures.registry import COUNTERMEASURES
from core.models.folded import FoldedModel
from core.models.registry import build_network
from core.results.evidence import Curve
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.lr_schedule import LearningRate
from core.training.augmentation import Augmentation, LearnerView
from core.training.labelled_images import LabelledTensors
from core.training.learner import LearnerImages, LearnerMethod, accuracy_of, train
from core.training.loop import TrainingPlan
from tests.support.seeded import rng


def stripes(count: int, *, seed: int) -> LabelledTensors:
    """Two classes that are bright on the upper or the lower half under noise: easy, also for adversarial training."""
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
        model or build_network("small", channels=3, size=32, classes=2, seed=1, device="cpu"),
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
def test_a_learner_learns_from_easy_images(norm: str, radius: int) -> None:
    curve = learn(radius, norm=norm)
    assert curve.accuracy[-1] > 0.9
    assert curve.loss[-1] < curve.loss[0]
    assert len(curve.epoch) == len(curve.accuracy) == len(curve.loss) == 10
    assert list(curve.epoch) == sorted(curve.epoch)


def test_the_same_seed_gives_the_same_curve() -> None:
    assert learn(4) == learn(4)
    assert learn(4).loss != learn(4, seed=1).loss


@pytest.mark.parametrize(("norm", "radius"), [("Linf", 32), ("L2", 1500), ("L1", 60_000)])
def test_an_adversary_raises_the_training_loss(norm: str, radius: int) -> None:
    assert learn(radius, norm=norm).loss[-1] > 1.5 * learn(0).loss[-1]


def test_radius_zero_is_standard_training_in_every_norm() -> None:
    assert learn(0, norm="L1") == learn(0, norm="L2") == learn(0)


@pytest.mark.parametrize(("name", "radius"), [("mixup", 4), ("cutout", 0)])
def test_a_learner_learns_from_augmented_batches(name: str, radius: int) -> None:
    assert learn(radius, augment=COUNTERMEASURES[name].augment).accuracy[-1] > 0.8


@pytest.mark.parametrize("radius", [0, 4])
def test_augmentations_draw_from_the_generator_of_the_training(radius: int) -> None:
    augment = COUNTERMEASURES["ueraser-max"].augment
    one, two = (learn(radius, updates=3, augment=augment) for _ in range(2))
    assert one == two
    assert one.loss != learn(radius, updates=3).loss


def test_the_learner_learns_the_labels_that_the_augmentation_returns() -> None:
    def swapped(x: Tensor, y: Tensor, *, learner: LearnerView, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return x, F.one_hot(1 - y, learner.classes).float()

    assert learn(0, augment=swapped, updates=40).accuracy[-1] < 0.1


@pytest.mark.parametrize("radius", [0, 4])
def test_one_hot_probabilities_train_as_labels_do(radius: int) -> None:
    def one_hot(x: Tensor, y: Tensor, *, learner: LearnerView, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return x, F.one_hot(y, learner.classes).float()

    assert learn(radius, updates=4, augment=one_hot).loss == pytest.approx(learn(radius, updates=4).loss, rel=1e-4)


def test_an_augmentation_knows_the_classes_that_the_data_lacks() -> None:
    classes = set()

    def record_classes(
        x: Tensor, y: Tensor, *, learner: LearnerView, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        classes.add(learner.classes)
        return x, y

    learn(
        0,
        augment=record_classes,
        updates=1,
        model=build_network("small", channels=3, size=32, classes=7, seed=1, device="cpu"),
    )
    assert classes == {7}


def test_accuracy_counts_every_test_image() -> None:
    device, test = Device("cpu"), stripes(301, seed=3)

    class Upper(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.stack([x[:, :, :16].mean((1, 2, 3)), x[:, :, 16:].mean((1, 2, 3))], 1)

    network = FoldedModel(Upper(), dtype=torch.float32)
    assert accuracy_of(network, test, device=device, progress=Progress()) == 1.0
    three_wrong = torch.where(torch.arange(301) < 3, 1 - test.labels, test.labels)
    mislabelled = LabelledTensors(pixels=test.pixels, labels=three_wrong)
    assert accuracy_of(network, mislabelled, device=device, progress=Progress()) == pytest.approx(298 / 301)
