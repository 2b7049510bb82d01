"""Low-pass filters: mean, median and Gaussian. The picture is continued beyond its edge by reflection (edge not twice).

Fu et al. 2022, appendix D and Table 10, use windows of 3 x 3 and state nothing else.
"""

import math

import torch
from torch import Tensor

from core.countermeasures.preprocessing import to_pixels

SIGMA_3X3 = 0.8  # px: OpenCV's 0.3 * ((k - 1) / 2 - 1) + 0.8 for a window of k = 3


def mean_3x3(pixels: Tensor) -> Tensor:
    """Each value the mean of its 3 x 3 window: uint8 (n, c, h, w) to the same."""
    return _separable(pixels, torch.full((3,), 1 / 3))


def gaussian_3x3(pixels: Tensor) -> Tensor:
    """Each value the Gaussian mean of its 3 x 3 window, sigma SIGMA_3X3: uint8 (n, c, h, w) to the same."""
    return _separable(pixels, gaussian_weights(SIGMA_3X3, radius=1))


def gaussian_blur(pixels: Tensor, *, sigma: float) -> Tensor:
    """A Gaussian of `sigma` pixels, cut off at 3 sigma: uint8 (n, c, h, w) to the same."""
    return _separable(pixels, gaussian_weights(sigma, radius=math.ceil(3 * sigma)))


def median_3x3(pixels: Tensor) -> Tensor:
    """Each value the median of its 3 x 3 window, exactly: uint8 (n, c, h, w) to the same.

    The median of nine is the median of three numbers: of the sorted columns, the largest low, the median of the middle
    ones and the smallest high.
    """
    h, w = pixels.shape[2:]
    wide = reflected(pixels, 1)
    low, middle, high = _sorted(*(wide[:, :, i : i + h] for i in range(3)))

    def neighbours(column: Tensor) -> list[Tensor]:
        return [column[..., j : j + w] for j in range(3)]

    largest_low = _sorted(*neighbours(low))[2]
    median_middle = _sorted(*neighbours(middle))[1]
    smallest_high = _sorted(*neighbours(high))[0]
    return _sorted(largest_low, median_middle, smallest_high)[1]


def gaussian_weights(sigma: float, *, radius: int) -> Tensor:
    """The 2 radius + 1 weights of a Gaussian at whole pixels, of sum 1."""
    weights = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    return weights / weights.sum()


def reflected(x: Tensor, margin: int) -> Tensor:
    """(n, c, h, w) with `margin` more pixels on each side by reflection, to and fro where the picture is smaller."""
    for dim in (2, 3):
        last = x.shape[dim] - 1
        place = torch.arange(-margin, last + 1 + margin, device=x.device) % max(1, 2 * last)
        x = x.index_select(dim, torch.minimum(place, 2 * last - place))
    return x


def _separable(pixels: Tensor, weights: Tensor) -> Tensor:
    """The same `weights` down each column, then along each row.

    As sums of shifted pictures: on a CPU that is faster than a convolution of one channel.
    """
    x = reflected(pixels.float(), len(weights) // 2)
    for dim in (2, 3):
        summed = torch.zeros_like(x.narrow(dim, 0, pixels.shape[dim]))
        for shift, weight in enumerate(weights.tolist()):
            summed.add_(x.narrow(dim, shift, pixels.shape[dim]), alpha=weight)
        x = summed
    return to_pixels(x)


def _sorted(a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The least, the middle and the greatest of three, value by value."""
    low, high = torch.minimum(a, b), torch.maximum(a, b)
    return torch.minimum(low, c), torch.maximum(low, torch.minimum(high, c)), torch.maximum(high, c)
