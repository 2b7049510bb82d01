"""Orthogonal projection removes what a linear classifier uses."""

import pytest
import torch

from core.countermeasures.projection import _mean_image, orthogonal_projection, predictive_directions
from tests.support.seeded import rng


def with_class_patterns(n: int, classes: int, channels: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise with a pattern of +-8 for each class, which a linear classifier can use."""
    labels = torch.arange(n) % classes
    patterns = 16 * torch.randint(0, 2, (classes, channels, 8, 8), generator=rng(1)) - 8
    pixels = 128 + 20 * torch.randn((n, channels, 8, 8), generator=rng(2)) + patterns[labels]
    return pixels.clamp(0, 255).to(torch.uint8), labels


def linear_accuracy(pixels: torch.Tensor, labels: torch.Tensor) -> float:
    """The accuracy on the second half of the images of a least-squares classifier that is fitted on the first half."""
    x = pixels.flatten(1).double() - 128
    half, targets = len(x) // 2, torch.eye(int(labels.max()) + 1, dtype=torch.float64)[labels]
    weights = torch.linalg.lstsq(x[:half], targets[:half] - targets.mean(0)).solution
    return ((x[half:] @ weights).argmax(1) == labels[half:]).double().mean().item()


@pytest.mark.parametrize(("classes", "channels"), [(2, 3), (4, 1)])
def test_linear_class_patterns_are_removed(classes: int, channels: int) -> None:
    pixels, labels = with_class_patterns(4000, classes, channels)
    assert linear_accuracy(pixels, labels) > 0.9
    projected = orthogonal_projection(pixels, labels, generator=rng())
    assert projected.dtype == torch.uint8
    assert linear_accuracy(projected, labels) < 1 / classes + 0.06
    assert (projected.float() - pixels.float()).abs().mean() < 8  # little else changes


def test_the_directions_are_orthonormal_and_one_fewer_than_the_classes() -> None:
    pixels, labels = with_class_patterns(600, 4, 1)
    directions = predictive_directions(pixels, labels, mean=_mean_image(pixels), generator=rng())
    assert directions.shape == (64, 3)  # softmax weights that start at zero sum to zero over the classes
    assert torch.allclose(directions.T @ directions, torch.eye(3), atol=1e-5)


def test_the_same_seed_projects_the_same_way() -> None:
    pixels, labels = with_class_patterns(3000, 2, 3)
    one, two, other = (orthogonal_projection(pixels, labels, generator=rng(seed)) for seed in (5, 5, 6))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_identical_images_stay_as_they_are() -> None:
    pixels = torch.full((6, 3, 4, 4), 90, dtype=torch.uint8)
    assert torch.equal(orthogonal_projection(pixels, torch.arange(6) % 2, generator=rng()), pixels)
