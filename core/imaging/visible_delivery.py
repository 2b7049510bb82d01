"""Encode an image with noise such that the file that is delivered meets a target of visibility. In the sandbox only."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from core.imaging.file_encoder import EncodedImage, FileEncoder
from core.imaging.perceptual_bound import TYPICAL_EXPONENT, strongest_within
from core.imaging.scaled_noise import ScalableNoise, WindowedFlip, cropped
from core.metrics.windows import Window

MIN_SCALE = 0.02  # of the search with compression
MIN_NOISE = 0.2  # mean absolute value of 255, below which compression has left no room for noise


@dataclass(frozen=True, slots=True)
class _Trial:
    scale: float
    flip: float


def deliver_within(
    original: Image.Image,
    noise: ScalableNoise,
    encoder: FileEncoder,
    *,
    max_flip: float,
    finer: Sequence[FileEncoder] = (),
) -> EncodedImage:
    """The delivered file with the strongest noise that is found within the target.

    Compression is part of what is measured. Of a large image a first search leaves it out, as encoding takes long.
    Where compression leaves no room for noise, finer compression is tried, until one leaves some.

    Args:
        original: L, RGB, LA or RGBA.
        noise: Of the image's size.
        encoder: Of the image.
        max_flip: Largest FLIP of the decoded file against the original.
        finer: The same with finer compression, from the coarsest up.

    Returns:
        The file. Only where the finest compression alone exceeds the target, its FLIP does so too: it has no noise.
    """
    measure = WindowedFlip(original)
    typical = noise.typical_flip
    if len(measure.windows) > 1:
        scale = _uncompressed_scale(original, noise, measure, max_flip=max_flip)
        typical = max_flip / max(scale, MIN_SCALE) ** TYPICAL_EXPONENT
        encoder.choose_settings(*_parts(original, noise, measure.windows, scale))

    def search(encoder: FileEncoder) -> EncodedImage:
        def attempt(scale: float) -> EncodedImage:
            done = encoder.deliver(noise.added_to(original, scale) if scale else original)
            return replace(done, scale=scale, flip=measure.of(done.decoded))

        found = strongest_within(attempt, target=max_flip, typical=typical, highest=noise.largest_factor(max_flip))
        return replace(found, noise=noise.mean_change(found.scale))

    best = search(encoder)
    for other in finer:
        if best.flip <= max_flip and best.noise >= MIN_NOISE:
            break
        if _compressed_flip(original, measure, other) <= max_flip:
            found = search(other)
            if best.flip > max_flip or found.noise > best.noise:
                best = found
    return best


def _compressed_flip(original: Image.Image, measure: WindowedFlip, encoder: FileEncoder) -> float:
    """The FLIP of compression alone, on the windows that stand for the image."""
    crops = [cropped(original, window) for window in measure.windows]
    return measure.of_windows([np.asarray(encoder.deliver(crop).decoded.convert(original.mode)) for crop in crops])


def _uncompressed_scale(
    original: Image.Image, noise: ScalableNoise, measure: WindowedFlip, *, max_flip: float
) -> float:
    """The factor that meets the target without compression."""
    parts = [(cropped(original, window), noise.part(window)) for window in measure.windows]

    def attempt(scale: float) -> _Trial:
        changed = [np.asarray(part.added_to(crop, scale)) for crop, part in parts]
        return _Trial(scale, measure.of_windows(changed))

    return strongest_within(
        attempt, target=max_flip, typical=noise.typical_flip, highest=noise.largest_factor(max_flip)
    ).scale


def _parts(
    original: Image.Image, noise: ScalableNoise, windows: Sequence[Window], scale: float
) -> tuple[list[Image.Image], float]:
    """The windows of the image with its noise, and the share of its pixels that they hold."""
    parts = [noise.part(window).added_to(cropped(original, window), scale) for window in windows]
    return parts, sum(window.pixels for window in windows) / (original.width * original.height)
