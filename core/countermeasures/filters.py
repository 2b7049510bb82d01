"""Low-pass filters: mean, median and Gaussian.

Fu et al. 2022 (appendix D, Table 10) use windows of 3 x 3, and do not state the padding or the sigma. Their code calls
OpenCV; the filters of 3 x 3 give its bytes: the mean and the Gaussian pad by reflection without repeating the edge
pixels, the median repeats them.
"""

import math

import torch
from torch import Tensor

from core.countermeasures.preprocessing import to_uint8

GAUSSIAN_3X3 = (0.25, 0.5, 0.25)  # what OpenCV takes for 8-bit images where no sigma is named


def mean_3x3(pixels: Tensor) -> Tensor:
    """Replace each value by the mean of its 3 x 3 window: uint8 (n, c, h, w) to the same."""
    return to_uint8(_separable(pixels, torch.full((3,), 1 / 3)))


def gaussian_3x3(pixels: Tensor) -> Tensor:
    """Replace each value by the mean of its 3 x 3 window weighted by GAUSSIAN_3X3: uint8 (n, c, h, w) to the same."""
    return to_uint8(_separable(pixels, torch.tensor(GAUSSIAN_3X3)).add_(0.5).floor_())  # a half rounds up, as there


def gaussian_blur(pixels: Tensor, *, sigma: float) -> Tensor:
    """Blur images by a Gaussian that is cut off at 3 sigma.

    Args:
        pixels: Images uint8 (n, c, h, w).
        sigma: The standard deviation in pixels.
    """
    return to_uint8(_separable(pixels, gaussian_kernel(sigma, radius=math.ceil(3 * sigma))))


def median_3x3(pixels: Tensor) -> Tensor:
    """Replace each value by the median of its 3 x 3 window, edge pixels repeated: uint8 (n, c, h, w) to the same.

    First each column of the window is sorted. The median of the nine values is then the median of three: the largest of
    the three lows, the median of the three middles, and the smallest of the three highs.
    """
    h, w = pixels.shape[2:]
    padded = _repeat_edges(pixels)
    low, middle, high = _sorted(*(padded[:, :, i : i + h] for i in range(3)))

    def columns(values: Tensor) -> list[Tensor]:
        return [values[..., j : j + w] for j in range(3)]

    largest_low = _sorted(*columns(low))[2]
    median_middle = _sorted(*columns(middle))[1]
    smallest_high = _sorted(*columns(high))[0]
    return _sorted(largest_low, median_middle, smallest_high)[1]


def gaussian_kernel(sigma: float, *, radius: int) -> Tensor:
    """The weights of a one-dimensional Gaussian at whole pixels, float (2 radius + 1,), which sum to 1.

    Args:
        sigma: The standard deviation in pixels.
        radius: The distance in pixels at which it is cut off.
    """
    weights = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    return weights / weights.sum()


def pad_by_reflection(x: Tensor, margin: int) -> Tensor:
    """Pad images by reflection, several times to and fro if they are smaller than the margin.

    Args:
        x: Images (n, c, h, w).
        margin: The pixels added on each side.

    Returns:
        (n, c, h + 2 margin, w + 2 margin).
    """
    for dim in (2, 3):
        last = x.shape[dim] - 1
        index = torch.arange(-margin, last + 1 + margin, device=x.device) % max(1, 2 * last)
        x = x.index_select(dim, torch.minimum(index, 2 * last - index))
    return x


def _repeat_edges(x: Tensor) -> Tensor:
    for dim in (2, 3):
        last = x.shape[dim] - 1
        x = x.index_select(dim, torch.arange(-1, last + 2, device=x.device).clamp_(0, last))
    return x


def _separable(pixels: Tensor, kernel: Tensor) -> Tensor:
    """Filter columns, then rows, by sums of shifted images: on a CPU faster than a convolution of one channel."""
    x = pad_by_reflection(pixels.float(), len(kernel) // 2)
    for dim in (2, 3):
        total = torch.zeros_like(x.narrow(dim, 0, pixels.shape[dim]))
        for shift, weight in enumerate(kernel.tolist()):
            total.add_(x.narrow(dim, shift, pixels.shape[dim]), alpha=weight)
        x = total
    return x


def _sorted(a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The smallest, the middle and the largest of three tensors, value by value."""
    low, high = torch.minimum(a, b), torch.maximum(a, b)
    return torch.minimum(low, c), torch.maximum(low, torch.minimum(high, c)), torch.maximum(high, c)
