"""How visible the noise of a trial is: the same few images at several strengths, within seconds."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from core.archive.delivered_files import DeliveredFiles, WindowPair
from core.metrics.flip import FlipReference
from core.metrics.visibility import VisibilityScore, ssimulacra2
from core.metrics.windows import as_rgb, windows_of

MIDDLE = 256  # pixels


class TrialScorer:
    """Measures images at one strength after the other.

    FLIP is measured on all windows that stand for an image. SSIMULACRA2, which takes a dozen times as long, is measured
    on the middle of the first one. What FLIP needs of the originals is computed once.

    Args:
        threads: How many images are measured at once.
    """

    def __init__(self, *, threads: int) -> None:
        self._threads = threads
        self._references: dict[int, list[list[FlipReference]]] = {}

    def read(self, files: DeliveredFiles) -> dict[int, list[WindowPair]]:
        """The windows of each image by its index; an image that cannot be decoded has none.

        Args:
            files: The uploaded and the delivered files.
        """
        images, paths = files.dataset.images, files.archive.delivered.paths
        wanted = [
            (i, windows_of(images[i].width, images[i].height)) for i, path in enumerate(paths) if path is not None
        ]
        return dict(files.read(wanted))

    def scores(self, windows: Mapping[int, list[WindowPair]]) -> dict[int, VisibilityScore]:
        """The scores of each image by its index.

        Args:
            windows: From `read`; the originals are those of the calls before.
        """
        with ThreadPoolExecutor(self._threads, thread_name_prefix="visibility") as pool:
            futures = {i: pool.submit(self._score, i, pairs) for i, pairs in windows.items()}
            return {i: future.result() for i, future in futures.items()}

    def _score(self, index: int, pairs: list[WindowPair]) -> VisibilityScore:
        references = self._references.get(index)
        if references is None:
            references = [[FlipReference(rgb) for rgb in as_rgb(pair.original)] for pair in pairs]
            self._references[index] = references
        flips = [
            max(one.flip(rgb) for one, rgb in zip(of_window, as_rgb(pair.delivered), strict=False))
            for of_window, pair in zip(references, pairs, strict=True)
        ]
        both = zip(as_rgb(_middle(pairs[0].original)), as_rgb(_middle(pairs[0].delivered)), strict=False)
        qualities = [quality for pair in both if (quality := ssimulacra2(*pair)) is not None]
        return VisibilityScore(flip=float(np.mean(flips)), ssimulacra2=min(qualities) if qualities else None)


def _middle(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle of an image (h, w, c), with at most MIDDLE pixels along each side."""
    top, left = (max(0, side - MIDDLE) // 2 for side in pixels.shape[:2])
    return pixels[top : top + MIDDLE, left : left + MIDDLE]
