"""Random transformations of photographs: each image gets its own crop and colours."""

import pytest
import torch
from torch import Tensor

from core.attacks.photographs import MIN_CROP_AREA, colour_jitter, photograph_transform
from core.attacks.transforms import flip_and_resized_crop
from tests.support.seeded import rng


def images(n: int, channels: int = 3, size: int = 16) -> Tensor:
    return torch.rand(n, channels, size, size, generator=rng(9)) * 0.5 + 0.25


@pytest.mark.parametrize("channels", [1, 3])
def test_without_strength_the_colours_stay(channels: int) -> None:
    x = images(4, channels)
    torch.testing.assert_close(colour_jitter(4, 0.0, generator=rng())(x), x)


def test_a_plain_image_changes_in_brightness_alone_and_each_image_by_its_own_factor() -> None:
    grey = torch.full((64, 3, 8, 8), 0.5)
    out = colour_jitter(64, 0.2, generator=rng())(grey)
    assert torch.allclose(out, out[:, :1, :1, :1].expand_as(out), atol=1e-6)
    factors = out[:, 0, 0, 0] / 0.5
    assert factors.min() >= 0.8
    assert factors.max() <= 1.2
    assert factors.std() > 0.08  # of a uniform distribution over 0.4: 0.115


def test_the_contrast_scales_about_the_mean_brightness() -> None:
    x = images(32, channels=1)
    out = colour_jitter(32, 0.2, generator=rng())(x)
    brightness, contrast = (1 + 0.2 * (2 * draw - 1) for draw in torch.rand(3, 32, generator=rng())[:2])
    bright = x * brightness[:, None, None, None]
    mean = bright.mean((1, 2, 3), keepdim=True)
    torch.testing.assert_close(out, (mean + (bright - mean) * contrast[:, None, None, None]).clamp(0, 1))


def test_the_saturation_keeps_the_brightness_of_each_pixel() -> None:
    x = images(16)
    weights = torch.tensor([0.299, 0.587, 0.114])[None, :, None, None]
    grey = (x * weights).sum(1, keepdim=True).expand_as(x)
    jittered, grey_jittered = (colour_jitter(16, 0.2, generator=rng(3))(y) for y in (x, grey))
    luma = [(y * weights).sum(1) for y in (jittered, grey_jittered)]
    inside = ((jittered > 0) & (jittered < 1)).all(1)
    torch.testing.assert_close(luma[0][inside], luma[1][inside])
    assert not torch.allclose(jittered, grey_jittered, atol=0.05)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_same_seed_gives_the_same_images_within_the_range(channels: int) -> None:
    x = torch.rand(8, channels, 32, 32, generator=rng(1))
    first, second, other = (photograph_transform(8, 32, generator=rng(seed))(x) for seed in (0, 0, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert first.shape == x.shape
    assert first.min() >= 0
    assert first.max() <= 1


def test_the_gradient_goes_back_through_crop_and_colours() -> None:
    x = images(4).requires_grad_()
    photograph_transform(4, 16, generator=rng())(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize("min_area", [0.08, MIN_CROP_AREA, 0.9])
def test_a_crop_keeps_at_least_the_smallest_area(min_area: float) -> None:
    """The steepest slopes of a ramp across and down, shrunk by the crop, give its width and height."""
    n, size = 400, 64
    ramp = (torch.arange(size) + 0.5) / size
    x = torch.stack([ramp.expand(size, size), ramp[:, None].expand(size, size)]).expand(n, 2, size, size)
    out = flip_and_resized_crop(n, size, generator=rng(), min_area=min_area)(x)
    width = out[:, 0].diff(dim=2).abs().amax((1, 2)) * size
    height = out[:, 1].diff(dim=1).abs().amax((1, 2)) * size
    area = width * height
    assert area.min() > 0.85 * min_area  # a crop is cut where its proportions are too long for the image
    assert area.min() < min_area + 0.1
    assert area.max() < 1.02
