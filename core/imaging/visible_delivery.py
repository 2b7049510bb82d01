"""Encode an image with noise such that the file that is delivered meets a target of visibility. In the sandbox only."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.imaging.file_encoder import EncodedImage, FileEncoder, UploadEncoders
from core.imaging.perceptual_bound import TYPICAL_EXPONENT, first_factor, strongest_within
from core.imaging.scaled_noise import ScalableNoise, WindowedFlip, cropped
from core.metrics.windows import Window

MIN_NOISE = 0.2  # mean absolute value of 255, below which compression has left no room for noise
PART_GRID = 16
"""A part reaches so far beyond its window, to a multiple of so many pixels: the blocks of a JPEG. Compressed alone, it
gives the same pixels in the window as the whole image does."""


@dataclass(frozen=True, slots=True)
class _Trial:
    scale: float
    flip: float


class VisibleDelivery:
    """Delivers one image with its noise, as visible as a target allows. What all targets need is computed once.

    Args:
        original: L, RGB, LA or RGBA.
        noise: Of the image's size.
    """

    def __init__(self, original: Image.Image, noise: ScalableNoise) -> None:
        self._original, self._noise = original, noise
        self._measure = WindowedFlip(original)
        self._parts = [_Part(original, noise, window) for window in self._measure.windows]

    def within(self, max_flip: float, encoders: UploadEncoders) -> EncodedImage:
        """The delivered file with the strongest noise that is found within a target.

        Compression is part of what is measured. Of a large image a first search compresses parts alone, as encoding the
        whole takes long. Where compression leaves no room for noise, finer compression is tried, until one leaves some.

        Args:
            max_flip: Largest FLIP of the decoded file against the original.
            encoders: Of the image.

        Returns:
            The file. Only where the finest compression alone exceeds the target, its FLIP does so too: it has no noise.
        """
        best = self._strongest(max_flip, encoders.usual())
        for other in encoders.finer():
            if best.flip <= max_flip and best.noise >= MIN_NOISE:
                break
            if self._flip_of_parts(0.0, other) <= max_flip:
                found = self._strongest(max_flip, other)
                if best.flip > max_flip or found.noise > best.noise:
                    best = found
        return best

    def _strongest(self, max_flip: float, encoder: FileEncoder) -> EncodedImage:
        highest, typical = self._noise.largest_factor(max_flip), self._noise.typical_flip

        def attempt(scale: float) -> EncodedImage:
            done = encoder.deliver(self._noise.added_to(self._original, scale) if scale else self._original)
            return replace(done, scale=scale, flip=self._measure.of(done.decoded))

        if len(self._parts) > 1:
            scale = self._factor_of_parts(max_flip, encoder)
            if not scale:
                return attempt(0.0)
            typical = max_flip / scale**TYPICAL_EXPONENT
        found = strongest_within(attempt, target=max_flip, typical=typical, highest=highest)
        return replace(found, noise=self._noise.mean_change(found.scale))

    def _factor_of_parts(self, max_flip: float, encoder: FileEncoder) -> float:
        """The factor with which the parts meet the target; 0 if their compression alone exceeds it."""
        highest, typical = self._noise.largest_factor(max_flip), self._noise.typical_flip
        typical_factor = min(highest, first_factor(max_flip, typical))
        share = sum(part.pixels for part in self._parts) / (self._original.width * self._original.height)
        encoder.choose_settings([part.with_noise(typical_factor) for part in self._parts], share)

        def attempt(scale: float) -> _Trial:
            return _Trial(scale, self._flip_of_parts(scale, encoder))

        return strongest_within(attempt, target=max_flip, typical=typical, highest=highest).scale

    def _flip_of_parts(self, scale: float, encoder: FileEncoder) -> float:
        """The FLIP of the windows that stand for the image, each compressed alone."""
        return self._measure.of_windows([part.delivered(scale, encoder) for part in self._parts])


class _Part:
    """The part of an image that is compressed for one window.

    Args:
        image: The whole image.
        noise: Of the image's size.
        window: Of the image.
    """

    def __init__(self, image: Image.Image, noise: ScalableNoise, window: Window) -> None:
        box = Window(
            left=max(0, window.left // PART_GRID - 1) * PART_GRID,
            top=max(0, window.top // PART_GRID - 1) * PART_GRID,
            right=min(image.width, (window.right // PART_GRID + 2) * PART_GRID),
            bottom=min(image.height, (window.bottom // PART_GRID + 2) * PART_GRID),
        )
        self.pixels = box.pixels
        self._image, self._noise = cropped(image, box), noise.part(box)
        self._window = Window(
            window.left - box.left, window.top - box.top, window.right - box.left, window.bottom - box.top
        )

    def with_noise(self, scale: float) -> Image.Image:
        """The part with its noise."""
        return self._noise.added_to(self._image, scale) if scale else self._image

    def delivered(self, scale: float, encoder: FileEncoder) -> NDArray[np.uint8]:
        """The window of the part with its noise, as it is decoded from a file of the part."""
        decoded = encoder.compress(self.with_noise(scale))
        return np.asarray(cropped(decoded, self._window).convert(self._image.mode))
