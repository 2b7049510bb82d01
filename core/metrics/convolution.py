"""Convolutions of one plane with several separable kernels, as matrix products of blocks of it with banded matrices."""

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

Planes = NDArray[np.float32]
Taps = NDArray[np.float64]

BLOCK = 32
"""Pixels that one product gives along its axis. Larger blocks multiply more zeros, smaller ones need more products."""


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
    block = min(BLOCK, length)
    banded = _banded(taps, block)
    out = np.empty_like(values, shape=(length, values.shape[1]), subok=False)
    whole = length // block * block
    parts = as_strided(
        values, (length // block, block + len(taps) - 1, values.shape[1]), (block * values.strides[0], *values.strides)
    )
    np.matmul(banded, parts, out=out[:whole].reshape(-1, block, out.shape[1]))
    out[length - block :] = banded @ values[length - block :]
    return out


def _banded(taps: Taps, block: int) -> Planes:
    """The matrix whose product with a column of block + len(taps) - 1 values is its convolution with the taps."""
    matrix = np.zeros((block, block + len(taps) - 1), np.float32)
    for row in range(block):
        matrix[row, row : row + len(taps)] = taps[::-1]
    return matrix
