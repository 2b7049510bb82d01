"""How visible the difference between two images is, at full size: FLIP and SSIMULACRA2.

FLIP (Andersson et al. 2020) is the mean over the pixels of the difference that a person sees who alternates between
the two images: 0 is none, 1 the most. SSIMULACRA2 (Sneyers 2023) is the quality of a compressed image: 100 is the
original, 90 cannot be told from it by flickering, 70 is hard to tell without the original. Both know colour.

FLIP is computed by `core.metrics.flip` and SSIMULACRA2 by its package, for a screen at arm's length (67 pixels a
degree) that shows each pixel at its own size. Of a large image windows are compared (`core.metrics.windows`), so that
it takes seconds and little memory.
"""

import io
from dataclasses import dataclass
from importlib import metadata

import numpy as np
import ssimulacra2 as ssimulacra2_package
from numpy.typing import NDArray
from PIL import Image

from core.metrics.flip import FlipReference
from core.metrics.windows import as_rgb, windows_of

MIN_SSIMULACRA2_SIDE = 225
"""The shortest side, in pixels, that has all six scales of SSIMULACRA2. On fewer scales its weights do not fit."""


@dataclass(frozen=True, slots=True)
class VisibilityScore:
    """How visible a change is.

    Attributes:
        flip: From 0, invisible, to 1.
        ssimulacra2: Up to 100, identical; may be negative. None if a side is shorter than MIN_SSIMULACRA2_SIDE.
    """

    flip: float
    ssimulacra2: float | None


def metric_versions() -> dict[str, str]:
    """The version of each package that computes a measure."""
    return {"ssimulacra2": metadata.version("ssimulacra2")}


def score_pair(original: NDArray[np.uint8], delivered: NDArray[np.uint8]) -> VisibilityScore:
    """Both measures of one image: the means over its windows.

    Args:
        original: Pixels as uploaded, uint8 (h, w) or (h, w, c); c is 1 (greyscale), 2 (and alpha), 3 (RGB) or 4.
        delivered: Pixels as delivered, of the same height and width.

    Raises:
        ValueError: The sizes differ.
    """
    if original.shape[:2] != delivered.shape[:2]:
        raise ValueError(f"the sizes differ: {original.shape[:2]} and {delivered.shape[:2]}")
    windows = windows_of(original.shape[1], original.shape[0])
    return mean_score([score_window(window.of(original), window.of(delivered)) for window in windows])


def mean_score(scores: list[VisibilityScore]) -> VisibilityScore:
    """The mean of the scores of an image's windows, which all have SSIMULACRA2 or all have none."""
    qualities = [score.ssimulacra2 for score in scores if score.ssimulacra2 is not None]
    return VisibilityScore(
        flip=float(np.mean([score.flip for score in scores])),
        ssimulacra2=float(np.mean(qualities)) if qualities else None,
    )


def score_window(original: NDArray[np.uint8], delivered: NDArray[np.uint8]) -> VisibilityScore:
    """Both measures of the whole of two pixel arrays.

    Args:
        original: uint8 (h, w) or (h, w, c), as in `score_pair`.
        delivered: Of the same height and width.
    """
    flips = [flip(*pair) for pair in zip(as_rgb(original), as_rgb(delivered), strict=False)]
    return VisibilityScore(flip=max(flips), ssimulacra2=window_ssimulacra2(original, delivered))


def window_ssimulacra2(original: NDArray[np.uint8], delivered: NDArray[np.uint8]) -> float | None:
    """SSIMULACRA2 of the whole of two pixel arrays, before the background that shows more; None for small ones.

    Args:
        original: uint8 (h, w) or (h, w, c), as in `score_pair`.
        delivered: Of the same height and width.
    """
    pairs = zip(as_rgb(original), as_rgb(delivered), strict=False)
    return min((quality for pair in pairs if (quality := ssimulacra2(*pair)) is not None), default=None)


def flip(original: NDArray[np.uint8], delivered: NDArray[np.uint8]) -> float:
    """The mean FLIP of two images, from 0 to 1.

    Args:
        original: sRGB, uint8 (h, w, 3).
        delivered: sRGB, uint8 (h, w, 3).
    """
    return FlipReference(original).flip(delivered)


def ssimulacra2(original: NDArray[np.uint8], delivered: NDArray[np.uint8]) -> float | None:
    """SSIMULACRA2 of two images, at most 100; None if a side is shorter than MIN_SSIMULACRA2_SIDE.

    Args:
        original: sRGB, uint8 (h, w, 3).
        delivered: sRGB, uint8 (h, w, 3).
    """
    if min(original.shape[:2]) < MIN_SSIMULACRA2_SIDE:
        return None
    return float(ssimulacra2_package.compute_ssimulacra2(_as_file(original), _as_file(delivered)))


def _as_file(pixels: NDArray[np.uint8]) -> io.BytesIO:
    """Pixels as a BMP in memory: the package reads files only."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "BMP")
    file.seek(0)
    return file
