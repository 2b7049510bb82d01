"""Orthogonal projection takes away what a linear classifier goes by."""

import pytest
import torch

from core.countermeasures.projection import _mean_image, orthogonal_projection, predictive_directions
from tests.support.seeded import rng


def planted(n: int, classes: int, channels: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise with one pattern of +-8 for each class: seen by few eyes, found by any linear classifier."""
    labels = torch.arange(n) % classes
    patterns = 16 * torch.randint(0, 2, (classes, channels, 8, 8), generator=rng(1)) - 8
    pixels = 128 + 20 * torch.randn((n, channels, 8, 8), generator=rng(2)) + patterns[labels]
    return pixels.clamp(0, 255).to(torch.uint8), labels


def probe(pixels: torch.Tensor, labels: torch.Tensor) -> float:
    """Accuracy on the second half of the images of a linear (least squares) classifier of the first half."""
    x = pixels.flatten(1).double() - 128
    half, targets = len(x) // 2, torch.eye(int(labels.max()) + 1, dtype=torch.float64)[labels]
    weights = torch.linalg.lstsq(x[:half], targets[:half] - targets.mean(0)).solution
    return ((x[half:] @ weights).argmax(1) == labels[half:]).double().mean().item()


@pytest.mark.parametrize(("classes", "channels"), [(2, 3), (4, 1)])
def test_a_planted_linear_signal_is_gone(classes: int, channels: int) -> None:
    pixels, labels = planted(4000, classes, channels)
    assert probe(pixels, labels) > 0.9
    projected = orthogonal_projection(pixels, labels, generator=rng())
    assert projected.dtype == torch.uint8
    assert probe(projected, labels) < 1 / classes + 0.06
    assert (projected.float() - pixels.float()).abs().mean() < 8  # and no more than that is gone


def test_the_directions_are_orthonormal_and_fewer_than_the_classes() -> None:
    pixels, labels = planted(600, 4, 1)
    directions = predictive_directions(pixels, labels, mean=_mean_image(pixels), generator=rng())
    assert directions.shape == (64, 3)  # softmax weights of four classes that start at zero sum to zero
    assert torch.allclose(directions.T @ directions, torch.eye(3), atol=1e-5)


def test_the_same_seed_projects_the_same() -> None:
    pixels, labels = planted(3000, 2, 3)
    one, two, other = (orthogonal_projection(pixels, labels, generator=rng(seed)) for seed in (5, 5, 6))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_pictures_that_are_all_alike_stay() -> None:
    pixels = torch.full((6, 3, 4, 4), 90, dtype=torch.uint8)
    assert torch.equal(orthogonal_projection(pixels, torch.arange(6) % 2, generator=rng()), pixels)
