"""Threat models, and the adversarial examples that they allow."""

import math

import pytest
import torch
from torch import Tensor

from core.attacks.losses import cross_entropy_sum
from core.attacks.norms import BALLS, L1, L2, PIXEL, Linf
from core.attacks.threat_model import ThreatModel, adversarial_examples
from tests.support.seeded import rng


def test_the_radius_is_in_units_of_255_in_every_norm() -> None:
    assert [ThreatModel(norm=norm, radius=51).ball for norm in BALLS] == [Linf(0.2), L2(0.2), L1(0.2)]


def test_an_unknown_norm_or_a_negative_radius_is_refused() -> None:
    with pytest.raises(ValueError, match="Linf, L2, L1"):
        ThreatModel(norm="L3", radius=4)
    with pytest.raises(ValueError, match="0 or more"):
        ThreatModel(radius=-1)


@pytest.mark.parametrize(("norm", "radius"), [("Linf", 4), ("L2", 100), ("L1", 1000)])
def test_adversarial_examples_have_a_higher_loss_and_use_the_radius(norm: str, radius: int) -> None:
    x, y = torch.rand(64, 3, 32, 32, generator=rng(4)), torch.arange(64) % 2
    weights = torch.randn(2, 3 * 32 * 32, generator=rng(5))

    def network(images: Tensor) -> Tensor:
        return images.flatten(1) @ weights.T / 32

    found = adversarial_examples(network, x, y, threat=ThreatModel(norm=norm, radius=radius), generator=rng())
    order = {"Linf": math.inf, "L2": 2, "L1": 1}[norm]
    distance = torch.linalg.vector_norm((found - x).flatten(1), ord=order, dim=1) / PIXEL
    assert distance.max() <= radius * (1 + 1e-4)
    assert distance.median() > 0.95 * radius
    loss = cross_entropy_sum(network, y)
    assert loss(found) > loss(x)
