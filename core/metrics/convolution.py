"""Convolutions of one plane with several separable kernels, by FFT: the plane is transformed once for all of them."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft  # not when needed: the sandbox cannot open files; in single precision, which NumPy's is not

Planes = NDArray[np.float32]
Kernel = NDArray[np.complex64]
Taps = NDArray[np.float64]


class Plane:
    """A plane, to be convolved; its border pixels are repeated outside.

    Args:
        values: float32 (h, w).
        radius: Of the largest kernel, in pixels.
    """

    def __init__(self, values: Planes, radius: int) -> None:
        self._radius = radius
        self._height, self._width = values.shape
        padded = np.pad(values, radius, mode="edge")
        down, across = padded.shape
        self._shape = fft.next_fast_len(down, real=True), fft.next_fast_len(across, real=True)
        self._spectrum = fft.rfft2(padded, self._shape, overwrite_x=True)

    def kernel(self, *, down: Taps, across: Taps) -> Kernel:
        """A separable kernel for `filtered`; a sum of kernels is a kernel.

        Args:
            down: Its taps along a column, an odd number of them.
            across: Its taps along a row, an odd number of them.
        """
        height, width = self._shape
        column = fft.fft(_centred(down, height)).astype(np.complex64)
        row = fft.rfft(_centred(across, width)).astype(np.complex64)
        return column[:, None] * row[None]

    def filtered(self, kernel: Kernel) -> Planes:
        """The plane after a kernel, float32 (h, w).

        Args:
            kernel: From `kernel`.
        """
        top, left = self._radius, self._radius
        whole = fft.irfft2(self._spectrum * kernel, self._shape, overwrite_x=True)
        return whole[top : top + self._height, left : left + self._width]


def _centred(taps: Taps, length: int) -> Taps:
    """Taps along a circle of a length, the middle one first."""
    radius = len(taps) // 2
    circle = np.zeros(length)
    circle[: radius + 1] = taps[radius:]
    circle[length - radius :] = taps[:radius]
    return circle
