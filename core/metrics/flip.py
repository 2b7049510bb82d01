"""FLIP of many changes of one image, faster than by its package: what concerns the original is computed once.

The steps and constants are those of LDR-FLIP (Andersson et al. 2020), at 67 pixels a degree; single precision. A test
compares it with the package `flip-evaluator`.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.convolution import Plane, Planes, Taps

PIXELS_PER_DEGREE = 0.7 * 3840 / 0.7 * np.pi / 180  # 0.7 m from a screen that is 0.7 m and 3840 pixels wide
COLOUR_EXPONENT, FEATURE_EXPONENT = 0.7, 0.5
FEATURE_WIDTH = 0.082  # degrees
CUTOFF, CUTOFF_TARGET = 0.4, 0.95
RADIUS = 10  # of the largest kernel, in pixels
STRIP_PIXELS = 25_000  # on which a function of each pixel is computed at once

_CSF = {"achromatic": (1.0, 0.0047), "red-green": (1.0, 0.0053), "blue": (34.1, 0.04), "yellow": (13.5, 0.025)}
"""Weight and width of the Gaussians of each opponent colour's contrast sensitivity. The last two belong together."""

_TO_XYZ = np.array(
    [
        [10135552 / 24577794, 8788810 / 24577794, 4435075 / 24577794],
        [2613072 / 12288897, 8788810 / 12288897, 887015 / 12288897],
        [1425312 / 73733382, 8788810 / 73733382, 70074185 / 73733382],
    ],
    np.float32,
)
_WHITE = _TO_XYZ.sum(1)
_FROM_XYZ = np.linalg.inv(_TO_XYZ.astype(np.float64)).astype(np.float32)


class FlipReference:
    """An original, to which changed images are compared.

    Args:
        original: sRGB, uint8 (h, w, 3).
    """

    def __init__(self, original: NDArray[np.uint8]) -> None:
        self._lab, self._features = _perceived(original)

    def flip(self, changed: NDArray[np.uint8]) -> float:
        """The mean FLIP of a changed image, from 0 to 1.

        Args:
            changed: sRGB, uint8 (h, w, 3), of the original's size.
        """
        lab, features = _perceived(changed)
        errors = _in_strips(_errors, self._lab, self._features, lab, features)
        return float(errors.mean(dtype=np.float64))


def _in_strips(function: Callable[..., Planes], *planes: NDArray[Any]) -> Planes:
    """A function of each pixel of planes (n, h, w), of strips so small that the processor's cache holds all values."""
    height, width = planes[0].shape[1:]
    rows = max(1, STRIP_PIXELS // width)
    strips = (function(*(plane[:, top : top + rows] for plane in planes)) for top in range(0, height, rows))
    return np.concatenate(list(strips), axis=1)


def _errors(lab: Planes, features: Planes, changed_lab: Planes, changed_features: Planes) -> Planes:
    """The FLIP of each pixel, (1, h, w)."""
    colour = _redistributed(_hyab(lab, changed_lab) ** np.float32(COLOUR_EXPONENT))
    difference = np.abs(changed_features - features).max(0) / np.float32(np.sqrt(2))
    errors: Planes = colour ** (1 - np.minimum(difference, 1) ** np.float32(FEATURE_EXPONENT))
    return errors[None]


def _perceived(pixels: NDArray[np.uint8]) -> tuple[Planes, Planes]:
    """Hunt-adjusted L*a*b* after the eye's contrast sensitivity (3, h, w), and edges and points (2, h, w)."""
    xyz = _in_strips(_xyz, pixels.transpose(2, 0, 1))
    luminance = Plane(xyz[1], RADIUS)
    return _in_strips(_hunt_lab, _seen(luminance, xyz)), _features(luminance)


def _xyz(pixels: NDArray[np.uint8]) -> Planes:
    """The colours of sRGB as multiples of white."""
    return _mixed(_TO_XYZ / _WHITE[:, None], np.take(_linear_values(), pixels))


def _seen(luminance: Plane, xyz: Planes) -> Planes:
    """The colours of an image after the eye's contrast sensitivity in each opponent colour, as multiples of white.

    The opponent colours are multiples of Y, X - Y and Y - Z, and the factors of the way there and back cancel.
    """
    red_green, blue_yellow = Plane(xyz[0] - xyz[1], RADIUS), Plane(xyz[1] - xyz[2], RADIUS)
    y = _after_sensitivity(luminance, "achromatic")
    x = y + _after_sensitivity(red_green, "red-green")
    z = y - _after_sensitivity(blue_yellow, "blue", "yellow")
    return np.stack([x, y, z])


def _after_sensitivity(plane: Plane, *names: str) -> Planes:
    """An opponent colour after its Gaussians, by their weights."""
    gaussians = [_gaussian_taps(name) for name in names]
    total = sum(weight for _, weight in gaussians)
    seen = [np.float32(weight / total) * plane.filtered(down=taps, across=taps) for taps, weight in gaussians]
    return sum(seen[1:], start=seen[0])


def _mixed(matrix: Planes, planes: Planes) -> Planes:
    """Each pixel's values times a matrix (3, 3)."""
    mixed: Planes = (matrix @ planes.reshape(3, -1)).reshape(planes.shape)
    return mixed


def _hunt_lab(seen: Planes) -> Planes:
    """Hunt-adjusted L*a*b* of colours that are multiples of white, clipped to those of sRGB."""
    linear = np.clip(_mixed(_FROM_XYZ * _WHITE, seen), 0, 1)
    xyz = _mixed(_TO_XYZ / _WHITE[:, None], linear)
    delta = 6 / 29
    root = np.where(xyz > delta**3, np.cbrt(xyz), xyz / np.float32(3 * delta**2) + np.float32(4 / 29))
    lab = np.empty_like(xyz)
    lab[0] = 116 * root[1] - 16
    hunt = np.float32(0.01) * lab[0]
    lab[1] = 500 * (root[0] - root[1]) * hunt
    lab[2] = 200 * (root[1] - root[2]) * hunt
    return lab


def _hyab(one: Planes, other: Planes) -> Planes:
    gap = one - other
    return np.abs(gap[0]) + _length(gap[1], gap[2])


def _length(one: Planes, other: Planes) -> Planes:
    length: Planes = np.sqrt(one * one + other * other)
    return length


def _redistributed(distance: Planes) -> Planes:
    """From 0 to 1: the most that two colours can differ, green and blue, is 1."""
    most = _most_distance()
    knee = np.float32(CUTOFF * most)
    scaled = distance * np.float32(CUTOFF_TARGET / knee)
    far = distance >= knee
    scaled[far] = CUTOFF_TARGET + (distance[far] - knee) / np.float32(most - knee) * (1 - CUTOFF_TARGET)
    return np.clip(scaled, 0, 1)


@lru_cache
def _most_distance() -> float:
    green, blue = (_hunt_lab(_xyz(np.array(rgb, np.uint8).reshape(3, 1, 1))) for rgb in ((0, 255, 0), (0, 0, 255)))
    return float(_hyab(green, blue)[0, 0] ** np.float32(COLOUR_EXPONENT))


def _features(luminance: Plane) -> Planes:
    """The strength of edges and of points, (2, h, w)."""
    smooth, edge, point = _feature_taps()
    return np.stack(
        [
            _length(
                luminance.filtered(down=smooth, across=taps),
                luminance.filtered(down=taps, across=smooth),
            )
            for taps in (edge, point)
        ]
    )


@lru_cache
def _feature_taps() -> tuple[Taps, Taps, Taps]:
    """A Gaussian, its first and its second derivative."""
    deviation = 0.5 * FEATURE_WIDTH * PIXELS_PER_DEGREE
    radius = int(np.ceil(3 * deviation))
    places = np.arange(-radius, radius + 1, dtype=np.float64)
    gaussian = np.exp(-(places**2) / (2 * deviation**2))
    edge, point = -places * gaussian, (places**2 / deviation**2 - 1) * gaussian
    return gaussian / gaussian.sum(), _normalized(edge), _normalized(point)


def _normalized(taps: Taps) -> Taps:
    """Positive taps sum up to 1 and negative ones to -1."""
    return np.where(taps > 0, taps / taps[taps > 0].sum(), taps / -taps[taps < 0].sum())


@lru_cache
def _gaussian_taps(name: str) -> tuple[Taps, float]:
    """The taps of one Gaussian, with sum 1, and its weight in two dimensions."""
    weight, width = _CSF[name]
    radius = int(np.ceil(3 * np.sqrt(max(b for _, b in _CSF.values()) / (2 * np.pi**2)) * PIXELS_PER_DEGREE))
    places = np.arange(-radius, radius + 1) / PIXELS_PER_DEGREE
    taps = np.exp(-(np.pi**2) * places**2 / width)
    scale = weight * np.sqrt(np.pi / width) * taps.sum() ** 2
    taps = taps / taps.sum()
    needed = taps > 1e-6  # what is left out is less than single precision
    return taps[needed], float(scale)


@lru_cache
def _linear_values() -> NDArray[np.float32]:
    """The linear value of each of the 256 values of sRGB."""
    values = np.arange(256) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)
