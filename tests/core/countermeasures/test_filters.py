"""Low-pass filters against numpy."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from core.countermeasures.filters import gaussian_3x3, gaussian_blur, gaussian_kernel, mean_3x3, median_3x3

SHAPES = [(3, 3, 7, 5), (2, 1, 6, 6), (1, 3, 1, 4), (2, 3, 2, 1), (1, 1, 1, 1)]


def images(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def windows(pixels: torch.Tensor, radius: int) -> np.ndarray:
    """The window of each pixel, float64 (n, c, h, w, k, k), with the reflection of numpy."""
    margin = ((0, 0), (0, 0), (radius, radius), (radius, radius))
    padded = np.pad(pixels.numpy().astype(np.float64), margin, mode="reflect")
    return np.lib.stride_tricks.sliding_window_view(padded, (2 * radius + 1, 2 * radius + 1), axis=(2, 3))


def gaussian_mean(pixels: torch.Tensor, sigma: float, radius: int) -> np.ndarray:
    kernel = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    return (windows(pixels, radius) * np.outer(kernel, kernel) / kernel.sum() ** 2).sum((-1, -2))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_median_is_numpys(shape: tuple[int, ...]) -> None:
    pixels = images(shape)
    expected = np.median(windows(pixels, 1).reshape(*shape, 9), axis=-1)
    out = median_3x3(pixels)
    assert out.dtype == torch.uint8
    assert np.array_equal(out.numpy(), expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("blur", "reference"),
    [
        (mean_3x3, lambda pixels: windows(pixels, 1).mean((-1, -2))),
        (gaussian_3x3, lambda pixels: gaussian_mean(pixels, 0.8, 1)),
        (lambda pixels: gaussian_blur(pixels, sigma=1), lambda pixels: gaussian_mean(pixels, 1, 3)),
        (lambda pixels: gaussian_blur(pixels, sigma=2), lambda pixels: gaussian_mean(pixels, 2, 6)),
    ],
)
def test_linear_filters_are_the_rounded_means_of_their_windows(
    shape: tuple[int, ...],
    blur: Callable[[torch.Tensor], torch.Tensor],
    reference: Callable[[torch.Tensor], np.ndarray],
) -> None:
    pixels = images(shape)
    out = blur(pixels)
    assert out.dtype == torch.uint8
    assert out.shape == pixels.shape
    assert np.abs(out.numpy() - reference(pixels)).max() <= 0.5 + 1e-4


def test_a_white_image_stays_white() -> None:
    white = torch.full((1, 3, 8, 8), 255, dtype=torch.uint8)
    for blur in (mean_3x3, median_3x3, gaussian_3x3, lambda pixels: gaussian_blur(pixels, sigma=2)):
        assert torch.equal(blur(white), white)


def test_the_kernel_of_the_3x3_gaussian_equals_its_formula() -> None:
    side = np.exp(-1 / (2 * 0.64))
    assert gaussian_kernel(0.8, radius=1).tolist() == pytest.approx(
        [side / (1 + 2 * side), 1 / (1 + 2 * side), side / (1 + 2 * side)]
    )
