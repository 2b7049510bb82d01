"""Convolutions of one plane with several separable kernels, as matrix products of blocks of it with banded matrices."""

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

Planes = NDArray[np.float32]
Taps = NDArray[np.float64]

BLOCK = 32
"""Pixels that one product gives along its axis. Larger blocks multiply more zeros, smaller ones need more products."""
MAX_PRODUCT = 1 << 18
"""Multiplications in one product. OpenBLAS divides larger ones among threads, which wait for each other: while another
process uses a core, that takes tens of times as long."""


class Plane:
    """A plane, to be convolved; its border pixels are repeated outside.

    Args:
        values: float32 (h, w).
        radius: Of the largest kernel, in pixels.
    """

    def __init__(self, values: Planes, radius: int) -> None:
        self._radius = radius
        self._padded = np.pad(values, radius, mode="edge")

    def filtered(self, *, down: Taps, across: Taps) -> Planes:
        """The plane after a separable kernel, float32 (h, w).

        Args:
            down: Its taps along a column, an odd number of them.
            across: Its taps along a row, an odd number of them.
        """
        top, left = self._radius - len(down) // 2, self._radius - len(across) // 2
        height, width = self._padded.shape
        needed = self._padded[top : height - top, left : width - left]
        return _down(_down(needed, down).T, across).T


def _down(values: Planes, taps: Taps) -> Planes:
    """Each column after the taps, where all of them lie inside: float32 (h - len(taps) + 1, w)."""
    length = values.shape[0] - len(taps) + 1
    banded = _banded(taps, min(BLOCK, length))
    out = np.empty_like(values, shape=(length, values.shape[1]), subok=False)
    columns = max(1, MAX_PRODUCT // banded.size)
    for left in range(0, values.shape[1], columns):
        _multiply(banded, values[:, left : left + columns], out[:, left : left + columns])
    return out


def _multiply(banded: Planes, values: Planes, out: Planes) -> None:
    """Write the products of the banded matrix with each block of rows; the last may overlap with the one before."""
    block, needed = banded.shape
    count, columns = len(out) // block, out.shape[1]
    parts = as_strided(values, (count, needed, columns), (block * values.strides[0], *values.strides))
    blocks = as_strided(out, (count, block, columns), (block * out.strides[0], *out.strides))
    np.matmul(banded, parts, out=blocks)
    out[-block:] = banded @ values[-needed:]


def _banded(taps: Taps, block: int) -> Planes:
    """The matrix whose product with a column of block + len(taps) - 1 values is its convolution with the taps."""
    matrix = np.zeros((block, block + len(taps) - 1), np.float32)
    for row in range(block):
        matrix[row, row : row + len(taps)] = taps[::-1]
    return matrix
