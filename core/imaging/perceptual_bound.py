"""How strong noise may be: where an image hides it, and for the image as a whole. Runs in the sandbox only."""

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.imaging.class_texture import enlarged

FLAT_AMPLITUDE, MAX_AMPLITUDE = 1.0, 5.0
"""Of the noise where an image is flat, and at most, of 255."""
AMPLITUDE_PER_CONTRAST = 0.15
"""Amplitude for each unit of local standard deviation."""
MAX_CONTRAST = 40.0
"""Standard deviation of 255 above which an edge hides no more."""
BLOCKS = 76
"""Along the longer edge: local contrast is taken around the centre of each block."""
MIN_BLOCK = 4
"""Edge of a block in pixels, at least."""

MAX_ATTEMPTS, BISECTION_FROM = 8, 3
CLOSE_ENOUGH = 0.96
"""A visibility from here up to the target is accepted, as a share of the target."""
AIM = 0.98
MAX_STEP = 6.0
TYPICAL_EXPONENT, MIN_EXPONENT, MAX_EXPONENT = 0.65, 0.2, 1.2
"""FLIP grows about as this power of the factor, as compression adds a part that does not grow."""


class Attempt(Protocol):
    """An image with its noise scaled by one factor.

    Attributes:
        flip: How visible the noise is, from 0, invisible.
    """

    @property
    def flip(self) -> float: ...


A = TypeVar("A", bound=Attempt)


def amplitude(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """How strong noise may be at each pixel: the stronger, the more contrast hides it.

    Args:
        luma: float32 (h, w), of 255.

    Returns:
        float32 (h, w), from FLAT_AMPLITUDE to MAX_AMPLITUDE, of 255.
    """
    height, width = luma.shape
    block = max(MIN_BLOCK, max(width, height) / BLOCKS)
    columns, rows = max(1, round(width / block)), max(1, round(height / block))
    centred = luma - np.float32(128)
    mean, square = (enlarged(values, columns, rows) for values in (centred, centred * centred))
    contrast = np.sqrt(np.maximum(square - mean * mean, 0))
    gain = np.float32(AMPLITUDE_PER_CONTRAST) * np.minimum(contrast, np.float32(MAX_CONTRAST))
    return enlarged(np.clip(FLAT_AMPLITUDE + gain, FLAT_AMPLITUDE, MAX_AMPLITUDE).astype(np.float32), width, height)


def luma_of(image: Image.Image, width: int, height: int) -> NDArray[np.float32]:
    """The luma of an image at another size.

    Args:
        image: L or RGB.
        width: In pixels.
        height: In pixels.

    Returns:
        float32 (height, width), of 255.
    """
    grey = image.convert("L")
    small = grey if grey.size == (width, height) else grey.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(small, np.float32)


def strongest_within(attempt: Callable[[float], A], *, target: float, typical: float, highest: float) -> A:
    """The strongest noise that is found whose visibility stays within a target; no noise if none is found.

    Args:
        attempt: Scales the noise by a factor and measures it. More noise is taken to be more visible.
        target: Largest FLIP.
        typical: FLIP of a typical image with factor 1, which gives the first factor.
        highest: The largest factor.
    """
    best: A | None = None
    points: list[tuple[float, float]] = []
    below, above = 0.0, float("inf")  # the nearest factors on both sides of the target
    scale = min(highest, first_factor(target, typical))
    for number in range(MAX_ATTEMPTS):
        tried = attempt(scale)
        points.append((scale, max(tried.flip, 1e-6)))
        if tried.flip <= target:
            best, below = tried, scale
            if tried.flip >= CLOSE_ENOUGH * target or scale >= highest:
                break
        else:
            above = scale
        scale = _next_scale(points, aim=AIM * target)
        if number >= BISECTION_FROM or not below < scale < above:  # rounding makes visibility grow in steps
            scale = (below + above) / 2 if above < float("inf") else below * MAX_STEP
        scale = min(highest, scale)
    return best if best is not None else attempt(0.0)


def first_factor(target: float, typical: float) -> float:
    """The factor with which a typical image meets a target.

    Args:
        target: FLIP.
        typical: FLIP of a typical image with factor 1.
    """
    return float((target / typical) ** (1 / TYPICAL_EXPONENT))


def _next_scale(points: list[tuple[float, float]], *, aim: float) -> float:
    """The factor with the visibility `aim`, if that grows as a power of the factor, as between the nearest points."""
    nearest = sorted(points, key=lambda point: abs(np.log(point[1] / aim)))[:2]
    (scale, flip), exponent = nearest[0], TYPICAL_EXPONENT
    if len(nearest) == 2 and nearest[0][0] != nearest[1][0]:
        slope = np.log(flip / nearest[1][1]) / np.log(scale / nearest[1][0])
        exponent = float(min(MAX_EXPONENT, max(MIN_EXPONENT, slope)))
    return scale * float(min(MAX_STEP, max(1 / MAX_STEP, (aim / flip) ** (1 / exponent))))
