"""The images of a report's page, as uploaded and as delivered, at full size: the worst first."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.archive.delivered_files import DeliveredFiles
from core.evaluation.delivered_visibility import DeliveredVisibility, MeasuredImage
from core.metrics.visibility import VisibilityScore
from core.metrics.windows import Window

MAX_WORST, MAX_TYPICAL = 6, 2
MAX_SHOWN = 1024  # pixels a side; of a larger image the page shows a part at full size


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An image of the report, as uploaded and as delivered.

    Attributes:
        path: Its path in the archive.
        original: Pixels uint8 (h, w, c); c is 1 (greyscale), 2 (greyscale and alpha), 3 (RGB) or 4 (RGB and alpha).
        delivered: Pixels of the same shape.
        score: How visible the change of the whole image is.
        is_part: Whether the pixels are a part of the image.
    """

    path: str
    original: NDArray[np.uint8]
    delivered: NDArray[np.uint8]
    score: VisibilityScore
    is_part: bool = False


def take_samples(files: DeliveredFiles, visibility: DeliveredVisibility) -> list[Sample]:
    """The images with the largest FLIP, and a few in the middle, worst first.

    Args:
        files: The uploaded and the delivered files; both are decoded from their encoded bytes.
        visibility: The images that were measured.
    """
    chosen = {image.index: image for image in _worst_and_typical(visibility.images)}
    windows = {i: _shown_window(image, files) for i, image in chosen.items()}
    samples = []
    for i, (pair,) in files.read([(i, (window,)) for i, window in windows.items()]):
        record = files.dataset.images[i]
        samples.append(
            Sample(
                path=str(files.archive.delivered.paths[i]),
                original=pair.original,
                delivered=pair.delivered,
                score=chosen[i].score,
                is_part=windows[i].pixels < record.width * record.height,
            )
        )
    return samples


def _worst_and_typical(images: tuple[MeasuredImage, ...]) -> tuple[MeasuredImage, ...]:
    if len(images) <= MAX_WORST + MAX_TYPICAL:
        return images
    middle = max(MAX_WORST, len(images) // 2)
    return images[:MAX_WORST] + images[middle : middle + MAX_TYPICAL]


def _shown_window(image: MeasuredImage, files: DeliveredFiles) -> Window:
    """The whole image, or MAX_SHOWN pixels around the middle of its worst window."""
    record, worst = files.dataset.images[image.index], image.worst_window
    left, right = _span(record.width, (worst.left + worst.right) // 2)
    top, bottom = _span(record.height, (worst.top + worst.bottom) // 2)
    return Window(left, top, right, bottom)


def _span(length: int, middle: int) -> tuple[int, int]:
    start = max(0, min(middle - MAX_SHOWN // 2, length - MAX_SHOWN))
    return start, min(length, start + MAX_SHOWN)
