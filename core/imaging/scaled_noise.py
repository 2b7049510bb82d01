"""Noise that is scaled for each image until the image is as visibly changed as it may be. Runs in the sandbox only."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from core.imaging.class_texture import canvas_size, enlarged, texture
from core.imaging.perceptual_bound import FLAT_AMPLITUDE, amplitude, first_factor, luma_of
from core.imaging.pixel_math import ZERO, resized_noise, without_alpha
from core.imaging.texture_codebook import TextureCell
from core.metrics.flip import FlipReference
from core.metrics.windows import Window, as_rgb, windows_of

STRIP = 16  # rows that are rounded at once, so that the processor's cache holds them
TYPICAL_TEXTURE_FLIP, TYPICAL_FULL_FLIP = 0.056, 0.2
"""Of a photograph with a texture of factor 1, and with noise of 8 of 255 that is not scaled: where a search begins."""
MAX_OVER_TYPICAL = 1.6
"""Of textures. Few photographs need more, and drawn surfaces with it keep SSIMULACRA2 above 65 at the target `balanced`
(docs/lab/photographs.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalableNoise:
    """Noise at an image's own size, before it is scaled.

    Attributes:
        values: (h, w), the same for all colours, or (h, w, 3); of 255.
        radius: Largest absolute value after scaling, of 255.
        highest: The largest factor.
        typical_flip: FLIP of a photograph with factor 1.
        over_typical: The largest factor, as a multiple of the one with which a typical photograph meets a target. An
            image that needs more to meet it is smooth, and shows the noise better than FLIP says.
        dithered: Whether values between two whole numbers become a mixture of both. Smooth noise needs this: a whole
            area of it would vanish or show at once.
    """

    values: NDArray[np.float32] | NDArray[np.int16]
    radius: int
    highest: float
    typical_flip: float
    over_typical: float = np.inf
    dithered: bool = False

    def added_to(self, image: Image.Image, scale: float) -> Image.Image:
        """The image with the noise added to its colours and clipped to 0..255; alpha stays.

        Args:
            image: L, RGB, LA or RGBA, of the size of the noise.
            scale: The factor of the noise.
        """
        plain = without_alpha(image)
        biased = Image.fromarray(self._rounded(scale))
        if biased.mode != plain.mode:
            biased = Image.merge(plain.mode, [biased] * len(plain.getbands()))
        changed = ImageChops.add(plain, biased, scale=1.0, offset=-ZERO)
        if image.mode not in ("LA", "RGBA"):
            return changed
        return Image.merge(image.mode, (*changed.split(), image.getchannel("A")))

    def largest_factor(self, max_flip: float) -> float:
        """The largest factor for a target of FLIP."""
        return min(self.highest, self.over_typical * first_factor(max_flip, self.typical_flip))

    def part(self, window: Window) -> "ScalableNoise":
        """The noise of a part of the image."""
        return replace(self, values=self.values[window.top : window.bottom, window.left : window.right])

    def mean_change(self, scale: float) -> float:
        """The mean absolute value of the noise after scaling and rounding, of 255.

        Args:
            scale: The factor of the noise.
        """
        return float(np.abs(self._rounded(scale).astype(np.int16) - ZERO).mean())

    def _rounded(self, scale: float) -> NDArray[np.uint8]:
        """The scaled noise as whole numbers, plus ZERO."""
        out = np.empty(self.values.shape, np.uint8)
        for top in range(0, len(out), STRIP):
            scaled = self.values[top : top + STRIP] * np.float32(scale)
            whole = np.floor(scaled + _thresholds(top, scaled.shape)) if self.dithered else np.rint(scaled)
            out[top : top + STRIP] = np.clip(whole, -self.radius, self.radius) + ZERO
        return out


def texture_noise(image: Image.Image, cells: Sequence[TextureCell], seed: int, *, radius: int) -> ScalableNoise:
    """The texture of a class for one image, as strong as local contrast hides it.

    Args:
        image: L, RGB, LA or RGBA.
        cells: The code of the image's class.
        seed: Of the image's phases.
        radius: Maximum absolute value of the noise, of 255.
    """
    canvas = canvas_size(*image.size)
    values = texture(*canvas, cells, seed) * amplitude(luma_of(without_alpha(image), *canvas))
    return ScalableNoise(
        values=enlarged(values, *image.size),
        radius=radius,
        highest=radius / FLAT_AMPLITUDE,
        typical_flip=TYPICAL_TEXTURE_FLIP,
        over_typical=MAX_OVER_TYPICAL,
    )


def array_noise(image: Image.Image, noise: NDArray[np.int8], *, radius: int) -> ScalableNoise:
    """Noise that was made at a square size, enlarged to the image's own.

    Args:
        image: L, RGB, LA or RGBA. A greyscale image takes the mean of the noise's channels.
        noise: int8 (1 or 3, s, s).
        radius: Maximum absolute value of the noise, of 255.
    """
    if len(noise) == 3 and image.mode in ("L", "LA"):
        noise = np.rint(noise.astype(np.float32).mean(0, keepdims=True)).astype(np.int8)
    biased = np.asarray(resized_noise(noise, image.width, image.height, radius))
    return ScalableNoise(
        values=biased.astype(np.int16) - np.int16(ZERO),
        radius=radius,
        highest=1.0,
        typical_flip=TYPICAL_FULL_FLIP,
        dithered=True,
    )


def _thresholds(top: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A threshold from 0 to 1 for each pixel, evenly spread among neighbours: interleaved gradient noise.

    Source: Jimenez, Next Generation Post Processing in Call of Duty (SIGGRAPH 2014).
    """
    down, across = np.arange(top, top + shape[0])[:, None], np.arange(shape[1])[None]
    values = (52.9829189 * ((0.06711056 * across + 0.00583715 * down) % 1)) % 1
    return values.astype(np.float32).reshape(shape[:2] + (1,) * (len(shape) - 2))


class WindowedFlip:
    """The FLIP of changed versions of one image, as reports measure it.

    Args:
        original: L, RGB, LA or RGBA.
    """

    def __init__(self, original: Image.Image) -> None:
        self.windows = windows_of(*original.size)
        self._mode = original.mode
        self._references = [[FlipReference(one) for one in as_rgb(pixels)] for pixels in self._pixels(original)]

    def of(self, changed: Image.Image) -> float:
        """The mean FLIP of a changed image, from 0 to 1.

        Args:
            changed: Of the original's size.
        """
        return self.of_windows(self._pixels(changed))

    def of_windows(self, changed: Sequence[NDArray[np.uint8]]) -> float:
        """The mean FLIP of a changed image.

        Args:
            changed: Its pixels in each of `windows`.
        """
        found = [
            max(one.flip(rgb) for one, rgb in zip(references, as_rgb(pixels), strict=True))
            for references, pixels in zip(self._references, changed, strict=True)
        ]
        return float(np.mean(found))

    def _pixels(self, image: Image.Image) -> list[NDArray[np.uint8]]:
        """The pixels of each window in the original's mode."""
        return [np.asarray(cropped(image, window).convert(self._mode)) for window in self.windows]


def cropped(image: Image.Image, window: Window) -> Image.Image:
    """The part of an image in a window."""
    return image.crop((window.left, window.top, window.right, window.bottom))
