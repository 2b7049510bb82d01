"""The parts of an image that stand for it where a measure takes long, and its colours before a background."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WINDOW = 400  # pixels
TWO_WINDOWS_FROM = 2 * WINDOW
BACKGROUNDS = (0, 255)  # behind an image with alpha; the more visible of the two counts


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of an image, in pixels from its upper left corner; `right` and `bottom` lie outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def pixels(self) -> int:
        """Its area."""
        return (self.right - self.left) * (self.bottom - self.top)

    def of(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The part of pixels (h, w) or (h, w, c) in this window."""
        return pixels[self.top : self.bottom, self.left : self.right]


def windows_of(width: int, height: int) -> tuple[Window, ...]:
    """The windows that stand for an image: itself, or two windows along each side of TWO_WINDOWS_FROM pixels or more.

    Args:
        width: Of the image, in pixels.
        height: Of the image, in pixels.
    """
    return tuple(Window(left, top, right, bottom) for top, bottom in _spans(height) for left, right in _spans(width))


def as_rgb(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Pixels as RGB (h, w, 3): once, or before each of the BACKGROUNDS if there is alpha.

    Args:
        pixels: uint8 (h, w) or (h, w, c); c is 1 (greyscale), 2 (and alpha), 3 (RGB) or 4.
    """
    values = np.atleast_3d(pixels)
    channels = values.shape[2]
    colours = values[..., : channels - 1] if channels in (2, 4) else values
    colours = np.repeat(colours, 3, axis=2) if colours.shape[2] == 1 else colours
    if channels not in (2, 4):
        return [colours]
    alpha = values[..., -1:].astype(np.float32) / 255
    return [np.rint(alpha * colours + (1 - alpha) * behind).astype(np.uint8) for behind in BACKGROUNDS]


def _spans(length: int) -> list[tuple[int, int]]:
    """The start and the end of each window along a side: all of it, or the middles of its two halves."""
    if length < TWO_WINDOWS_FROM:
        return [(0, length)]
    starts = [(length // 2 - WINDOW) // 2, length - WINDOW - (length // 2 - WINDOW) // 2]
    return [(start, start + WINDOW) for start in starts]
