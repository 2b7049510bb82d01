"""A linear probe on frozen features."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from core.errors import Cancelled
from core.models.efficientnet_lite import EfficientNetLite0
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.training.labelled_images import LabelledTensors
from core.training.learner import LearnerImages
from core.training.linear_probe import L2_PENALTY, train_linear_probe
from tests.support.cancelling import cancel_at
from tests.support.networks import random_efficientnet
from tests.support.seeded import rng


def halves(count: int, *, seed: int) -> LabelledTensors:
    """Three classes, by the third of the image that is bright."""
    labels = torch.arange(count) % 3
    pixels = torch.randint(0, 8, (count, 3, 33, 33), generator=rng(seed))
    for third in range(3):
        pixels[labels == third, :, third * 11 : third * 11 + 11] += 120
    return LabelledTensors(pixels=pixels.to(torch.uint8), labels=labels)


def network() -> EfficientNetLite0:
    return random_efficientnet(halves(48, seed=3).pixels.float() / 255)


def exact_context(progress: Progress | None = None) -> RunContext:
    device = Device("cpu")
    device.dtype = torch.float32
    return RunContext(device=device, progress=progress or Progress())


def test_a_probe_learns_from_features_that_tell_the_classes() -> None:
    images = LearnerImages(train=halves(60, seed=1), test=halves(30, seed=2))
    curve = train_linear_probe(network(), images, exact_context(), classes=3)
    assert curve.epoch == (1,)
    assert curve.accuracy[0] > 0.6  # chance is a third; the weights are random
    assert curve.loss[0] < 0.5


def test_the_network_stays_as_it_is_and_every_run_gives_the_same() -> None:
    model, images = network(), LearnerImages(train=halves(30, seed=1), test=halves(30, seed=2))
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    curves = [train_linear_probe(model, images, exact_context(), classes=3) for _ in range(2)]
    assert curves[0] == curves[1]
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, weights[name])


def test_the_loss_is_that_of_the_penalized_optimum() -> None:
    """Newton's method on the same standardized features reaches the same loss."""
    model, train = network(), halves(24, seed=1)
    curve = train_linear_probe(model, LearnerImages(train=train, test=train), exact_context(), classes=3)
    x = train.pixels.float() / 255
    with torch.no_grad():
        features = torch.cat([model.features(x), model.features(x.flip(3))]).double()
    features = (features - features.mean(0)) / features.std(0).clamp(min=1e-5)
    assert curve.loss[0] == pytest.approx(penalized_optimum(features, train.labels.repeat(2)), rel=0.05)


def penalized_optimum(features: Tensor, labels: Tensor) -> float:
    """The cross-entropy at the optimum, found in the span of the images (representer theorem)."""
    kernel = features @ features.T
    coefficients = torch.zeros(len(labels), 3, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([coefficients, bias], lr=1e-3)
    for _ in range(4_000):
        logits = kernel @ coefficients + bias
        loss = F.cross_entropy(logits, labels)
        optimizer.zero_grad()
        (loss + L2_PENALTY * (coefficients * (kernel @ coefficients)).sum()).backward()
        optimizer.step()
    return loss.item()


def test_an_absent_class_and_a_constant_feature_are_no_obstacle() -> None:
    train = halves(30, seed=1)
    model = network()
    with torch.no_grad():
        model.top.norm.weight[:100], model.top.norm.bias[:100] = 0.0, 1.0
    curve = train_linear_probe(model, LearnerImages(train=train, test=train), exact_context(), classes=5)
    assert curve.accuracy[0] >= 0.9


def test_a_probe_can_be_stopped() -> None:
    images = LearnerImages(train=halves(30, seed=1), test=halves(30, seed=2))
    with pytest.raises(Cancelled):
        train_linear_probe(network(), images, exact_context(cancel_at(0)), classes=3)
