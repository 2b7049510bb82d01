"""Encode an image with noise such that the file that is delivered meets a target of visibility. In the sandbox only."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from core.imaging.perceptual_bound import TYPICAL_EXPONENT, strongest_within
from core.imaging.scaled_noise import ScalableNoise, WindowedFlip

MIN_SCALE = 0.02  # of the search with compression


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An encoded image.

    Attributes:
        encoded: The file.
        decoded: The image as it is decoded from the file.
        scale: The factor of its noise.
        flip: How visible the change is, from 0, invisible; 0 where it was not measured.
    """

    encoded: bytes
    decoded: Image.Image
    scale: float = 1.0
    flip: float = 0.0


@dataclass(frozen=True, slots=True)
class _Trial:
    scale: float
    flip: float


def deliver_within(
    original: Image.Image, noise: ScalableNoise, deliver: Callable[[Image.Image], Delivery], *, max_flip: float
) -> Delivery:
    """The delivered file with the strongest noise that is found within the target.

    Compression is part of what is measured. Of a large image a first search leaves it out, as encoding takes long.

    Args:
        original: L, RGB, LA or RGBA.
        noise: Of the image's size.
        deliver: Encodes an image with noise and decodes it again.
        max_flip: Largest FLIP of the decoded file against the original.
    """
    measure = WindowedFlip(original)
    typical = noise.typical_flip
    if len(measure.windows) > 1:
        typical = _uncompressed_flip(original, noise, measure, max_flip=max_flip)

    def attempt(scale: float) -> Delivery:
        done = deliver(noise.added_to(original, scale) if scale else original)
        flip = measure.of(done.decoded.convert(original.mode))
        return Delivery(encoded=done.encoded, decoded=done.decoded, scale=scale, flip=flip)

    return strongest_within(attempt, target=max_flip, typical=typical, highest=noise.highest)


def _uncompressed_flip(original: Image.Image, noise: ScalableNoise, measure: WindowedFlip, *, max_flip: float) -> float:
    """The FLIP with factor 1 that leads to the factor which meets the target without compression."""
    parts = [
        (original.crop((window.left, window.top, window.right, window.bottom)), noise.part(window))
        for window in measure.windows
    ]

    def attempt(scale: float) -> _Trial:
        changed = [np.asarray(part.added_to(crop, scale)) for crop, part in parts]
        return _Trial(scale, measure.of_windows(changed))

    found = strongest_within(attempt, target=max_flip, typical=noise.typical_flip, highest=noise.highest)
    return max_flip / max(found.scale, MIN_SCALE) ** TYPICAL_EXPONENT
