"""The noise of method `texture`: band-passed noise in the bands of a class's code. Runs in the sandbox only.

It is the same in all colours, so that neither greyscale nor a change of colours removes it. Each band comes with its
mirror image, so that a flip keeps the class. Its phases are random in each image.
"""

from collections.abc import Sequence

import numpy as np
from numpy.fft import fftfreq, irfft2, rfftfreq  # not when needed: the sandbox cannot open files
from numpy.random import default_rng
from numpy.typing import NDArray
from PIL import Image

from core.imaging.texture_codebook import BANDWIDTH, TextureCell

MAX_CANVAS_EDGE = 1024
"""The noise of a larger image is made with this longer edge and enlarged. No band needs more pixels."""
MAX_CYCLES_PER_PIXEL = 0.35
"""Of an image with too few pixels for its bands all frequencies are lowered alike."""
SATURATION = 1.5
"""How strongly peaks are flattened: more power within the same largest change."""


def canvas_size(width: int, height: int) -> tuple[int, int]:
    """Width and height in pixels at which the noise of an image is made.

    Args:
        width: Of the image, in pixels.
        height: Of the image, in pixels.
    """
    ratio = min(1.0, MAX_CANVAS_EDGE / max(width, height))
    return max(1, round(width * ratio)), max(1, round(height * ratio))


def texture(width: int, height: int, cells: Sequence[TextureCell], seed: int) -> NDArray[np.float32]:
    """The texture of one image.

    Args:
        width: In pixels.
        height: In pixels.
        cells: The code of the image's class.
        seed: Of the image's phases.

    Returns:
        float32 (height, width), between -1 and 1.
    """
    gains = _gains(width, height, cells)
    real, imaginary = default_rng(seed).standard_normal((2, *gains.shape), np.float32)
    spectrum = (gains * (real + 1j * imaginary)).astype(np.complex64)
    values = irfft2(spectrum, (height, width)).astype(np.float32, copy=False)
    return np.tanh(values * np.float32(SATURATION / max(float(values.std()), 1e-12)))


def _gains(width: int, height: int, cells: Sequence[TextureCell]) -> NDArray[np.float32]:
    """The gain of each frequency of a real image, float32 (height, width // 2 + 1); none for the mean."""
    longer = max(width, height)
    across = (rfftfreq(width) * longer).astype(np.float32)
    down = np.abs(fftfreq(height) * longer).astype(np.float32)
    highest = max(cell.frequency for cell in cells)
    ratio = min(1.0, MAX_CYCLES_PER_PIXEL * longer / highest)
    gains = np.zeros((height, len(across)), np.float32)
    for cell in cells:
        x, y = (ratio * cell.frequency * turn(cell.angle) for turn in (np.cos, np.sin))
        gains += _gaussian(down - y)[:, None] * _gaussian(across - x)[None]
    gains[0, 0] = 0
    return gains


def _gaussian(distances: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.exp(distances**2 / np.float32(-2 * BANDWIDTH**2))


def enlarged(values: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Values resized by a triangle filter, which never exceeds them.

    Args:
        values: float32 (h, w).
        width: In pixels.
        height: In pixels.

    Returns:
        float32 (height, width).
    """
    if values.shape == (height, width):
        return values
    return np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling.BILINEAR))
