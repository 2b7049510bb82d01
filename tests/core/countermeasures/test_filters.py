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


def repeated_edges(pixels: torch.Tensor) -> np.ndarray:
    """The 3 x 3 window of each pixel, uint8 (n, c, h, w, 9), with the edge pixels repeated."""
    padded = np.pad(pixels.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3)).reshape(*pixels.shape, 9)


def gaussian_mean(pixels: torch.Tensor, sigma: float, radius: int) -> np.ndarray:
    kernel = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    return (windows(pixels, radius) * np.outer(kernel, kernel) / kernel.sum() ** 2).sum((-1, -2))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_median_is_numpys(shape: tuple[int, ...]) -> None:
    pixels = images(shape)
    expected = np.median(repeated_edges(pixels), axis=-1)
    out = median_3x3(pixels)
    assert out.dtype == torch.uint8
    assert np.array_equal(out.numpy(), expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("blur", "reference"),
    [
        (mean_3x3, lambda pixels: windows(pixels, 1).mean((-1, -2))),
        (gaussian_3x3, lambda pixels: (windows(pixels, 1) * np.outer((1, 2, 1), (1, 2, 1)) / 16).sum((-1, -2))),
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


def test_the_filters_of_3x3_give_the_bytes_of_opencv() -> None:
    """As cv2.blur, cv2.medianBlur and cv2.GaussianBlur of 5.0.0 do: the calls of the paper's official code."""
    pixels = torch.tensor([[3, 200, 90, 12], [250, 17, 60, 131], [99, 8, 255, 0]], dtype=torch.uint8)[None, None]
    assert mean_3x3(pixels)[0, 0].tolist() == [[108, 105, 80, 77], [89, 109, 86, 106], [76, 113, 75, 112]]
    assert median_3x3(pixels)[0, 0].tolist() == [[17, 90, 90, 60], [99, 90, 60, 60], [99, 99, 17, 60]]
    assert gaussian_3x3(pixels)[0, 0].tolist() == [[118, 105, 83, 73], [106, 97, 90, 92], [94, 89, 98, 112]]


def test_a_gaussian_kernel_equals_its_formula() -> None:
    side = np.exp(-1 / (2 * 0.64))
    assert gaussian_kernel(0.8, radius=1).tolist() == pytest.approx(
        [side / (1 + 2 * side), 1 / (1 + 2 * side), side / (1 + 2 * side)]
    )
