"""The size at which a dataset is worked on."""

from collections.abc import Sequence
from statistics import median

SIZE_STEP = 32
MIN_SIZE = 32


def work_size(edges: Sequence[tuple[int, int]], *, max_size: int) -> int:
    """The multiple of SIZE_STEP nearest to the median shorter edge of the images, from MIN_SIZE to `max_size`.

    Args:
        edges: Width and height of each image, in pixels; at least one image.
        max_size: Largest size in pixels, as a preset has it.
    """
    shorter = median(min(edge) for edge in edges)
    return max(MIN_SIZE, min(max_size, round(shorter / SIZE_STEP) * SIZE_STEP))
